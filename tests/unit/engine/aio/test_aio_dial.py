"""How a connection comes about: addresses side by side, Unix sockets, and what failures say."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from meshclient.engine.aio.dial import STAGGER, dial, interleaved, literal
from meshclient.engine.aio.engine import AsyncEngine
from meshclient.engine.errors import ConnectFailed
from meshclient.engine.target import Target
from unit.engine.aio.wire import call, descriptors, now, until
from unit.http.rawserver import OK, RawServer, always, refusing

if TYPE_CHECKING:
    from pathlib import Path

    from unit.engine.aio.wire import Run

V4, V6 = socket.AF_INET, socket.AF_INET6


class Names:
    """A loop whose names mean what a test says."""

    def __init__(self, *addresses: tuple[socket.AddressFamily, tuple[Any, ...]]) -> None:
        self._loop = asyncio.get_running_loop()
        self._addresses = addresses
        self.tried: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    async def getaddrinfo(self, host: str, port: int, **_: object) -> list[Any]:
        return [(family, socket.SOCK_STREAM, 6, "", address) for family, address in self._addresses]

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        self.tried.append((now(), address))
        await self._loop.sock_connect(sock, address)


@pytest.mark.parametrize(
    ("host", "families"),
    [("127.0.0.1", [V4]), ("::1", [V6]), ("localhost", []), ("1.2.3", []), ("fe80::1%lo", []), ("", [])],
)
def test_an_address_is_told_from_a_name(host: str, families: list[int]) -> None:
    assert [family for family, _ in literal(host, 80)] == families


def test_an_address_is_not_resolved(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as server:
            names = Names((V4, ("127.0.0.1", 1)))
            sock = await dial(names, Target("127.0.0.1", server.port))  # type: ignore[arg-type]
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            sock.close()

    run(main())


def test_families_take_turns() -> None:
    addresses = [(V6, ("a",)), (V6, ("b",)), (V6, ("c",)), (V4, ("d",)), (V4, ("e",))]
    assert [place[0] for _, place in interleaved(addresses)] == ["a", "d", "b", "e", "c"]


def test_the_next_address_is_tried_at_once_when_one_fails(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as server:
            dead = int(refusing().rpartition(":")[2])
            names = Names((V4, ("127.0.0.1", dead)), (V4, ("127.0.0.2", dead)), (V4, ("127.0.0.1", server.port)))
            sock = await dial(names, Target("orders.test", 80))  # type: ignore[arg-type]
            assert sock.getpeername()[1] == server.port
            sock.close()
            times = [at for at, _ in names.tried]
            assert len(times) == 3
            assert times[-1] - times[0] < STAGGER

    run(main())


def test_the_other_family_is_tried_next(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as server:
            dead = int(refusing().rpartition(":")[2])
            addresses = (V6, ("::1", dead, 0, 0)), (V6, ("::1", 1, 0, 0)), (V4, ("127.0.0.1", server.port))
            names = Names(*addresses)
            sock = await dial(names, Target("orders.test", 80))  # type: ignore[arg-type]
            assert [place for _, place in names.tried] == [addresses[0][1], addresses[2][1]]
            sock.close()

    run(main())


def test_a_race_that_is_cancelled_as_it_is_won_leaves_nothing(run: Run) -> None:
    class Late(Names):
        async def sock_connect(self, sock: socket.socket, address: Any) -> None:
            await super().sock_connect(sock, address)
            tasks[0].cancel()

    tasks: list[asyncio.Task[socket.socket]] = []

    async def main() -> None:
        with RawServer(always(OK)) as server:
            before = descriptors()
            address = ("127.0.0.1", server.port)
            names = Late((V4, address), (V4, ("127.0.0.2", 1)))
            tasks.append(asyncio.create_task(dial(names, Target("orders.test", 80))))  # type: ignore[arg-type]
            with pytest.raises(asyncio.CancelledError):
                await tasks[0]
            # The server's end of it goes as well.
            await until(lambda: len(asyncio.all_tasks()) == 1 and descriptors() == before)

    run(main())


class Silent:
    """An address where nobody answers: its backlog is full."""

    def __enter__(self) -> int:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self._held = []
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(self._listener.getsockname())
            self._held.append(sock)
        port: int = self._listener.getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        for sock in [self._listener, *self._held]:
            sock.close()


def test_the_next_address_is_tried_beside_one_that_is_slow(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as server, Silent() as port:
            before = descriptors()
            names = Names((V4, ("127.0.0.1", port)), (V4, ("127.0.0.1", server.port)))
            sock = await dial(names, Target("orders.test", 80))  # type: ignore[arg-type]
            assert sock.getpeername()[1] == server.port
            times = [at for at, _ in names.tried]
            assert times[1] - times[0] >= STAGGER * 0.9
            sock.close()
            for _ in range(3):
                await asyncio.sleep(0)
            assert len(asyncio.all_tasks()) == 1
            server.__exit__(None, None, None)
            assert descriptors() <= before

    run(main())


def test_a_race_that_is_cancelled_leaves_nothing(run: Run) -> None:
    async def main() -> None:
        with Silent() as one, Silent() as two:
            before = descriptors()
            names = Names((V4, ("127.0.0.1", one)), (V4, ("127.0.0.1", two)))
            task = asyncio.create_task(dial(names, Target("orders.test", 80)))  # type: ignore[arg-type]
            await until(lambda: len(names.tried) == 2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            for _ in range(3):
                await asyncio.sleep(0)
            assert len(asyncio.all_tasks()) == 1
            assert descriptors() == before

    run(main())


def test_all_addresses_failing_is_one_error(run: Run) -> None:
    async def main() -> None:
        dead = int(refusing().rpartition(":")[2])
        names = Names((V4, ("127.0.0.1", dead)), (V4, ("127.0.0.2", dead)))
        with pytest.raises(ConnectFailed, match=r"http://orders.test:80: no connection: .*[Rr]efused"):
            await dial(names, Target("orders.test", 80))  # type: ignore[arg-type]

    run(main())


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 70 + ".test"])
def test_a_name_that_means_nothing_is_an_error(run: Run, host: str) -> None:
    async def main() -> None:
        with pytest.raises(ConnectFailed, match="cannot be resolved"):
            await dial(asyncio.get_running_loop(), Target(host, 80))

    run(main())


def test_a_name_is_resolved(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as server:
            engine = AsyncEngine()
            assert await call(engine.pool(Target("localhost", server.port))) == (200, b"ok")
            await engine.aclose()

    run(main())


def test_version_six(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK), host="::1") as server:
            engine = AsyncEngine()
            assert await call(engine.pool(Target("::1", server.port))) == (200, b"ok")
            await engine.aclose()

    run(main())


def test_a_unix_socket(run: Run, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()

    def serve() -> None:
        sock, _ = listener.accept()
        with sock:
            while sock.recv(1000):
                sock.sendall(OK)

    thread = threading.Thread(target=serve)
    thread.start()

    async def main() -> None:
        engine = AsyncEngine()
        pool = engine.pool(Target("orders", 0, path=path))
        assert await call(pool) == await call(pool) == (200, b"ok")
        await engine.aclose()

    run(main())
    thread.join()
    listener.close()


def test_a_unix_socket_that_is_not_there(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        engine = AsyncEngine()
        with pytest.raises(ConnectFailed, match="unix:"):
            await call(engine.pool(Target("orders", 0, path=str(tmp_path / "s"))))
        await engine.aclose()

    run(main())
