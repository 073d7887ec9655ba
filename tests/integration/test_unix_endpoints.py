"""Endpoints that are Unix sockets: an application beside its sidecar, for one."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import httpx
import pytest

from meshclient.model.endpoint import Endpoint
from meshclient.registration.probe import NotReady, probe
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture
from unit.http.rawserver import OK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """Where somebody answers everything with 200, over a Unix socket."""
    place = tmp_path / "orders.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()
        acceptor = threading.Thread(target=_accept, args=(listener,))
        acceptor.start()
        yield place
        listener.shutdown(socket.SHUT_RDWR)
        acceptor.join(60)


def _accept(listener: socket.socket) -> None:
    with contextlib.ExitStack() as opened, contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            opened.enter_context(connection)
            threading.Thread(target=_answer, args=(connection,), daemon=True).start()


def _answer(connection: socket.socket) -> None:
    with contextlib.suppress(OSError), connection.makefile("rb") as lines:
        for line in lines:
            if line == b"\r\n":
                connection.sendall(OK)


def test_calls_go_through_it(face: Face, path: Path) -> None:
    client = face.orders(f"unix:{path}")
    for _ in range(3):
        response = face.run(client.get("http://orders/x"))
        assert response.text == "ok"
    assert response.extensions["mesh"].attempts[0].endpoint.url == f"unix:{path}"
    with face.stream(client, "GET", "http://orders/x") as streamed:
        assert face.read(streamed) == b"ok"


def test_the_request_names_the_service(face: Face, path: Path) -> None:
    client = face.orders(f"unix://{path}")
    assert face.run(client.get("http://orders/x")).request.headers["host"] == "orders"


def test_nobody_is_there(face: Face, tmp_path: Path) -> None:
    client = face.orders(f"unix:{tmp_path}/none.sock")
    with pytest.raises(httpx.ConnectError, match=r"none\.sock: no connection: No such file") as caught:
        face.run(client.get("http://orders/x"))
    assert "never sent" in caught.value.__notes__[0]


def test_checks_of_its_health_go_through_it(path: Path, tmp_path: Path) -> None:
    for health in ("/healthz", ""):
        asyncio.run(probe(Endpoint(str(path), 0, is_socket=True), health, 60))
        with pytest.raises(NotReady, match=r"unix:.*none\.sock.* failed"):
            asyncio.run(probe(Endpoint(f"{tmp_path}/none.sock", 0, is_socket=True), health, 60))


def test_other_transports_say_that_they_cannot(face: Face, path: Path) -> None:
    client = face.orders(f"unix:{path}", engine="httpx")
    with pytest.raises(httpx.UnsupportedProtocol, match="which only the built-in engine reaches") as caught:
        face.run(client.get("http://orders/x"))
    assert "never sent, local_error is final" in caught.value.__notes__[0]
