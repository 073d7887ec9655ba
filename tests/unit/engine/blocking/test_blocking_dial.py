"""Reaching a target: addresses, names, races between several addresses, limits of time."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from meshclient.engine.blocking import dial as dialling
from meshclient.engine.blocking.dial import dial
from meshclient.engine.blocking.engine import Engine
from meshclient.engine.errors import ConnectFailed, ConnectTimeout
from meshclient.engine.target import Target
from unit.engine.blocking.calls import BOUND, call, descriptors, soon
from unit.http.rawserver import OK, RawServer, always

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Found = tuple[int, int, int, str, tuple[str, int]]

INFINITE = float("inf")


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """A port whose queue of connections is full: who connects gets no answer at all."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        with contextlib.ExitStack() as stack:
            while True:
                sock = stack.enter_context(socket.socket())
                sock.setblocking(False)
                sock.connect_ex(("127.0.0.1", port))
                poll = select.poll()
                poll.register(sock, select.POLLOUT)
                if not poll.poll(100):
                    break
            yield port


def resolving(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """Names lead to these ports, in this order."""

    def getaddrinfo(host: str, port: int, **asked: int) -> list[Found]:
        if asked["flags"] & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "not a number")
        return [(socket.AF_INET, asked["type"], 6, "", ("127.0.0.1", one)) for one in ports]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.fixture
def unused() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_an_address_and_a_name(host: str) -> None:
    with RawServer(always(OK), host="::1" if host == "::1" else "127.0.0.1") as server:
        engine = Engine()
        assert call(engine.pool(Target(host, server.port))) == (200, b"ok")
        engine.close()


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(65536)
                peer.sendall(OK)

        thread = threading.Thread(target=serve)
        thread.start()
        engine = Engine()
        assert call(engine.pool(Target("orders", 80, str(path)))) == (200, b"ok")
        engine.close()
        thread.join(BOUND)
    with pytest.raises(ConnectFailed, match=f"unix:{path}: no connection: Connection refused"):
        dial(Target("orders", 80, str(path)), soon())
    with pytest.raises(ConnectFailed, match="No such file"):
        dial(Target("orders", 80, str(path) + "x"), soon())
    with pytest.raises(ConnectFailed, match="too long"):
        dial(Target("orders", 80, str(path) * 10), soon())


def test_a_unix_socket_whose_queue_is_full(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(path)
        listener.listen(0)
        stack.enter_context(dial(Target("orders", 80, path), soon()))
        begun = time.monotonic()
        with pytest.raises(ConnectTimeout, match="no connection in time"):
            dial(Target("orders", 80, path), begun + 0.1)
        assert 0.1 <= time.monotonic() - begun < BOUND

        def accept() -> None:
            listener.accept()[0].close()

        timer = threading.Timer(0.05, accept)
        timer.start()
        stack.enter_context(dial(Target("orders", 80, path), soon()))
        timer.join()


def test_a_port_that_nobody_listens_on(unused: int) -> None:
    before = descriptors()
    with pytest.raises(ConnectFailed, match=f"http://127.0.0.1:{unused}: no connection: Connection refused"):
        dial(Target("127.0.0.1", unused), INFINITE)
    assert descriptors() == before


def test_an_address_that_does_not_answer() -> None:
    with silent() as port:
        before = descriptors()
        begun = time.monotonic()
        with pytest.raises(ConnectTimeout, match=f"http://127.0.0.1:{port}: no connection in time"):
            dial(Target("127.0.0.1", port), begun + 0.1)
        assert 0.1 <= time.monotonic() - begun < BOUND
        assert descriptors() == before


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_no_time_is_no_connection(unused: int, seconds: float) -> None:
    with pytest.raises(ConnectTimeout):
        dial(Target("127.0.0.1", unused), time.monotonic() + seconds)
    pool = Engine().pool(Target("127.0.0.1", unused))
    with pytest.raises(ConnectTimeout):
        pool.acquire(soon(), seconds)
    with pytest.raises(ConnectTimeout):
        pool.acquire(soon(), BOUND, None, time.monotonic() + seconds)


def test_the_socket_blocks_and_does_not_delay(unused: int) -> None:
    with RawServer(always(OK)) as server, dial(Target("127.0.0.1", server.port), soon()) as sock:
        assert sock.getblocking()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not sock.get_inheritable()


def test_addresses_that_refuse_are_passed_over(monkeypatch: pytest.MonkeyPatch, unused: int) -> None:
    with RawServer(always(OK)) as server:
        before = descriptors()
        resolving(monkeypatch, unused, unused, server.port)
        begun = time.monotonic()
        with dial(Target("orders.test", 80), soon()) as sock:
            assert sock.getpeername()[1] == server.port
            assert descriptors() <= before + 2
        assert time.monotonic() - begun < BOUND


def test_an_address_that_does_not_answer_is_overtaken(monkeypatch: pytest.MonkeyPatch) -> None:
    with silent() as mute, RawServer(always(OK)) as server:
        resolving(monkeypatch, mute, server.port)
        begun = time.monotonic()
        with dial(Target("orders.test", 80), soon()) as sock:
            assert sock.getpeername()[1] == server.port
        # Not before it had its head start.
        assert time.monotonic() - begun >= dialling.HEAD_START


def test_all_addresses_fail(monkeypatch: pytest.MonkeyPatch, unused: int) -> None:
    before = descriptors()
    resolving(monkeypatch, unused, unused)
    with pytest.raises(ConnectFailed, match=r"http://orders.test:80: no connection: Connection refused$"):
        dial(Target("orders.test", 80), soon())
    assert descriptors() == before


def test_the_families_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    six, four = socket.AF_INET6, socket.AF_INET
    found = [(six, "a"), (six, "b"), (six, "c"), (four, "d"), (four, "e")]
    turns = dialling._alternating(found)  # type: ignore[arg-type]
    assert [address for _, address in turns] == ["a", "d", "b", "e", "c"]


def test_a_name_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(host: str, port: int, **asked: int) -> list[Found]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(ConnectFailed, match=r"the name 'orders\.test' cannot be resolved: Name or service not known"):
        dial(Target("orders.test", 80), soon())


def test_a_name_whose_resolution_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()

    def getaddrinfo(host: str, port: int, **asked: int) -> list[Found]:
        if asked["flags"] & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "not a number")
        done.wait(BOUND)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    begun = time.monotonic()
    with pytest.raises(
        ConnectTimeout, match=r"http://orders\.test:80: no connection in time: its name was not resolved"
    ):
        dial(Target("orders.test", 80), begun + 0.05)
    assert time.monotonic() - begun < BOUND
    done.set()
