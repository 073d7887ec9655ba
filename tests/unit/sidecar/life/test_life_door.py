"""Sockets that are listened on, and who may have them."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshclient.errors import ConfigError
from meshclient.sidecar.door import open_door


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mc") as short:
        yield Path(short)


def test_a_port_that_somebody_listens_on_is_not_shared() -> None:
    door = open_door("outbound", "127.0.0.1:0")
    try:
        assert door.url == f"http://127.0.0.1:{door.address.port}"
        # Although its sockets allow it to be: that is for its own workers.
        with pytest.raises(
            ConfigError, match=r"sidecar.outbound: cannot listen at .*: address already in use; .*take-over"
        ):
            open_door("outbound", str(door.address))
        door.widen(3)
        assert len({sock.getsockname() for sock in door.sockets}) == 1
        assert len(door.sockets) == 3
    finally:
        door.close()
    open_door("outbound", str(door.wanted)).close()


def test_a_copy_keeps_the_queue() -> None:
    door = open_door("outbound", "127.0.0.1:0")
    address = (door.address.host, door.address.port)
    (copy,) = door.copies()
    door.close()
    with socket.create_connection(address, 5) as client:
        copy.setblocking(True)
        accepted, _ = copy.accept()
        accepted.sendall(b"x")
        assert client.recv(1) == b"x"
        accepted.close()
    copy.close()


def test_what_a_dead_process_left_is_replaced_and_what_lives_is_not(folder: Path) -> None:
    path = folder / "a.sock"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    umask = os.umask(0o007)
    try:
        door = open_door("admin", f"unix:{path}")
    finally:
        os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o770
    assert door.url == f"unix:{path}"
    with pytest.raises(ConfigError, match="address already in use"):
        open_door("admin", f"unix:{path}")
    door.close()
    assert not path.exists()


def test_a_file_that_is_another_process_s_by_now_is_left_alone(folder: Path) -> None:
    path = folder / "a.sock"
    door = open_door("admin", f"unix:{path}")
    path.unlink()
    other = open_door("admin", f"unix:{path}")
    door.close()
    assert path.exists()
    other.close(keep_file=True)
    assert path.exists()


def test_a_file_of_another_kind_is_left_alone(folder: Path) -> None:
    path = folder / "a.sock"
    path.write_text("mine")
    with pytest.raises(ConfigError, match="there is a file of another kind"):
        open_door("admin", f"unix:{path}")
    assert path.read_text() == "mine"
