"""Sockets of administration among others: whose file it is, who lets go of what, and what is begun at once."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import threading
from pathlib import Path

import pytest

import meshclient
from integration.admin_asking import BOUND, ask
from meshclient.sidecar import place
from meshclient.sidecar.door import clear_socket
from meshclient.sidecar.place import open_place, wanted

SERVICES = {"orders": {"endpoints": ["http://127.0.0.1:1"]}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mesh.sock"


def test_a_file_is_removed_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As file systems do that give the number of a file that has gone to the next one.
    monkeypatch.setattr(place, "identity", lambda _path: (1, 2))
    first = open_place(wanted(f"unix:{path}", path.parent), aside=False)
    first.remove()
    assert not path.exists()
    first.sock.close()
    second = open_place(wanted(f"unix:{path}", path.parent), aside=False)
    first.remove()
    assert path.is_socket()
    second.remove()
    second.sock.close()


def test_a_child_lets_go_of_a_socket_that_is_still_in_use(path: Path) -> None:
    opened = open_place(wanted(f"unix:{path}", path.parent), aside=False)
    # As uvloop uses the sockets that it serves: closing is put off until it is done.
    with opened.sock.makefile():
        opened.forsake()
        with socket.socket(socket.AF_UNIX) as client, pytest.raises(ConnectionRefusedError):
            client.connect(str(path))
    opened.remove()


def test_a_child_that_is_forked_meanwhile_does_not_keep_the_folder_locked(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, inherited = fcntl.flock, []

    def locked(descriptor: int, operation: int) -> None:
        lock(descriptor, operation)
        if operation & fcntl.LOCK_EX:
            inherited.append(os.dup(descriptor))

    monkeypatch.setattr(fcntl, "flock", locked)
    opened = open_place(wanted(f"unix:{path}", path.parent), aside=False)
    folder = os.open(path.parent, os.O_RDONLY)
    lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    for descriptor in (folder, *inherited):
        os.close(descriptor)
    opened.remove()
    opened.sock.close()


def test_beside_the_socket_of_another_user_there_is_room(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def clear(name: str) -> None:
        if name == str(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        clear_socket(name)

    monkeypatch.setattr(place, "clear_socket", clear)
    with pytest.raises(meshclient.ConfigError, match="permission denied"):
        open_place(wanted(f"unix:{path}", path.parent), aside=False)
    opened = open_place(wanted(f"unix:{path}", path.parent), aside=True)
    assert opened.address.path == str(path.with_name(f"mesh.{os.getpid()}.sock"))
    opened.remove()
    opened.sock.close()


def test_what_was_begun_while_its_mesh_was_closed_can_begin_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHCLIENT_ADMIN", f"unix:{path}")
    with meshclient.Mesh(services=SERVICES) as mesh:
        inspection = mesh._inspection
        inspection.begin(mesh)
        inspection.close(BOUND)
        assert inspection.open == []
        inspection.begin(mesh)
        assert len(inspection.open) == 1


def test_what_is_about_to_end_is_not_begun_again_in_a_child(path: Path) -> None:
    with meshclient.Mesh(services=SERVICES) as mesh:
        admin = mesh.serve_admin(f"unix:{path}")
        assert admin._job.survives_fork
        admin.stop()
        assert not admin._job.survives_fork


def test_of_two_that_begin_at_once_the_mesh_ends_both(path: Path) -> None:
    met = threading.Barrier(2)

    class Meeting:
        """Has both threads look at what there is before either goes on."""

        @property
        def ended(self) -> bool:
            met.wait(BOUND)
            return True

        def stop(self) -> None: ...

        def close(self, timeout: float) -> None: ...

    with meshclient.Mesh(services=SERVICES) as mesh:
        mesh._inspection.open.append(Meeting())  # type: ignore[arg-type]
        addresses = [f"unix:{path.with_name(name)}" for name in ("one.sock", "two.sock")]
        threads = [threading.Thread(target=mesh.serve_admin, args=(address,)) for address in addresses]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(BOUND)
        assert [ask(address, "/live").status_code for address in addresses] == [200, 200]
    assert list(path.parent.iterdir()) == []
