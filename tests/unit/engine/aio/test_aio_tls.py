"""Safe connections: what is checked, what is remembered, and what failures say."""

from __future__ import annotations

import asyncio
import gc
import ssl
import threading
from typing import TYPE_CHECKING

import pytest
import trustme

from meshclient.engine.aio.engine import AsyncEngine
from meshclient.engine.aio.opening import FAREWELL
from meshclient.engine.errors import ConnectTimeout, Disconnected, TlsFailed
from meshclient.engine.limits import PoolLimits
from meshclient.engine.target import Target
from meshclient.engine.tls import AdoptedContext
from unit.engine.aio.wire import BOUND, call, connected, now, soon, until
from unit.engine.tlspeers import serving, tls_server
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from meshclient.engine.target import Tls
    from unit.engine.aio.wire import Run

AUTHORITY = trustme.CA()


class Watched(AdoptedContext):
    """Tells what it was asked to remember."""

    def __init__(self, authority: trustme.CA = AUTHORITY) -> None:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        super().__init__(context)
        self.learned: list[str] = []

    def learn(self, made: ssl.SSLObject | ssl.SSLSocket, server_name: str, at: str = "") -> None:
        assert made.version()
        self.learned.append(server_name)


def safe(server: RawServer, tls: Tls, name: str = "orders.test") -> Target:
    return Target("127.0.0.1", server.port, tls=tls, server_name=name)


def issued(name: str = "orders.test") -> ssl.SSLContext:
    return serving(AUTHORITY.issue_cert(name))


def test_exchanges_over_tls_are_kept_and_learned_from_once(run: Run) -> None:
    async def main() -> None:
        with tls_server(issued()) as server:
            tls = Watched()
            engine = AsyncEngine()
            pool = engine.pool(safe(server, tls))
            assert [await call(pool) for _ in range(3)] == [(200, b"ok")] * 3
            assert (server.connections, tls.learned) == (1, ["orders.test"])
            await engine.aclose()

    run(main())


def test_a_response_that_ends_a_connection_is_learned_from_too(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")), tls=issued()) as server:
            tls = Watched()
            engine = AsyncEngine()
            await call(engine.pool(safe(server, tls)))
            assert tls.learned == ["orders.test"]
            await engine.aclose()

    run(main())


def test_a_wrong_name_is_an_error(run: Run) -> None:
    async def main() -> None:
        with tls_server(issued("invoices.test")) as server:
            engine = AsyncEngine()
            pool = engine.pool(safe(server, Watched()))
            with pytest.raises(TlsFailed, match=f"https://127.0.0.1:{server.port}"):
                await call(pool)
            assert (pool.open, pool.share.open) == (0, 0)
            await engine.aclose()

    run(main())


def test_an_unknown_authority_is_an_error(run: Run) -> None:
    async def main() -> None:
        with tls_server(issued()) as server:
            engine = AsyncEngine()
            pool = engine.pool(safe(server, Watched(trustme.CA())))
            with pytest.raises(TlsFailed):
                await call(pool)
            assert pool.open == 0
            await engine.aclose()

    run(main())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_missing_certificate_of_ours_is_an_error_of_tls(run: Run, version: ssl.TLSVersion) -> None:
    """With 1.3 the handshake succeeds for us, and the alert comes in place of a response."""

    async def main() -> None:
        context = serving(AUTHORITY.issue_cert("orders.test"), version=version, clients=AUTHORITY)
        with tls_server(context) as server:
            engine = AsyncEngine()
            pool = engine.pool(safe(server, Watched()))
            for _ in range(5):
                # Where the server's reset overtakes its alert, nobody can tell that it did not see the request.
                with pytest.raises((TlsFailed, Disconnected), match="client certificate") as caught:
                    await call(pool)
                assert version is ssl.TLSVersion.TLSv1_3 or caught.type is TlsFailed
            assert pool.open == 0
            await engine.aclose()

    run(main())


def test_a_server_without_tls_is_an_error(run: Run) -> None:
    async def main() -> None:
        with RawServer(lambda connection: connection.send(b"HTTP/1.1 400 No\r\n\r\n")) as server:
            engine = AsyncEngine()
            pool = engine.pool(safe(server, Watched()))
            with pytest.raises(TlsFailed):
                await call(pool)
            assert pool.open == 0
            await engine.aclose()

    run(main())


def test_a_handshake_is_limited_in_time(run: Run) -> None:
    async def main() -> None:
        def rule(connection: Connection) -> None:
            while connection.sock.recv(9999):
                pass

        with RawServer(rule) as server:
            engine = AsyncEngine()
            pool = engine.pool(safe(server, Watched()))
            with pytest.raises(ConnectTimeout):
                await pool.acquire(soon(), 0.1)
            assert pool.open == 0
            await engine.aclose()

    run(main())


@pytest.mark.parametrize("explicitly", [True, False])
def test_a_peer_that_does_not_say_farewell_holds_nothing_up(run: Run, explicitly: bool) -> None:
    """Nor does it leave a transport behind when its loop ends."""
    over = threading.Event()

    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(OK)
        over.wait(BOUND)

    async def main() -> None:
        engine = AsyncEngine(pool=PoolLimits(idle_seconds=0.05))
        pool = engine.pool(safe(server, Watched()))
        await call(pool)
        await until(lambda: pool.open == 0)
        assert [connection.over for connection in pool._pools.closing] == [False]
        if explicitly:
            began = now()
            await engine.aclose()
            assert now() - began < FAREWELL / 2
            assert not pool._pools.closing

    with RawServer(rule, tls=issued()) as server:
        run(main())
        gc.collect()
        over.set()


def test_a_body_over_tls_is_streamed_both_ways(run: Run) -> None:
    def rule(connection: Connection) -> None:
        while (request := connection.request()) is not None:
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.body))
            connection.send(request.body)

    async def main() -> None:
        size = 5_000_000
        with RawServer(rule, tls=issued()) as server:
            engine = AsyncEngine()
            pool = engine.pool(safe(server, Watched()))
            for _ in range(2):
                connection = await connected(pool)
                await connection.exchange(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size, soon(), more=True)
                for _ in range(100):
                    await connection.write(bytes(size // 100))
                await connection.head()
                got = 0
                while part := await connection.read():
                    got += len(part)
                    await asyncio.sleep(0)
                connection.release()
                assert got == size
            assert server.connections == 1
            await engine.aclose()

    run(main())


def test_a_connection_that_breaks_in_a_response_is_no_error_of_tls(run: Run) -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(OK[:20])
        connection.reset()

    async def main() -> None:
        with RawServer(rule, tls=issued()) as server:
            engine = AsyncEngine()
            pool = engine.pool(safe(server, Watched()))
            with pytest.raises(Disconnected):
                await call(pool)
            await engine.aclose()

    run(main())
