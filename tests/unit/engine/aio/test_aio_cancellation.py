"""Calls that are cancelled anywhere leave no connection, place, task or socket behind."""

from __future__ import annotations

import asyncio
import gc
import ssl
from random import Random
from typing import TYPE_CHECKING

import pytest
import trustme

from meshclient.engine.aio.engine import AsyncEngine
from meshclient.engine.limits import PoolLimits
from meshclient.engine.target import Target
from meshclient.engine.tls import AdoptedContext
from unit.engine.aio.wire import BOUND, GET, call, connected, descriptors, engine_to, soon, until
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from meshclient.engine.aio.pool import AsyncPool
    from unit.engine.aio.wire import Run

CANCELS = {"plain": 10_000, "tls": 1500}
AT_ONCE = 40
BODY = bytes(300_000)
POST = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % len(BODY)


class Server:
    """Answers at once, later, or in parts; on the loop of the test."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                if head.startswith(b"POST"):
                    await reader.readexactly(len(BODY))
                draw = self._random.random()
                if draw < 0.3:
                    await asyncio.sleep(0.001 * draw)
                writer.write(OK if draw < 0.8 else OK[:-1])
                if draw >= 0.8:
                    await asyncio.sleep(0.0005)
                    writer.write(OK[-1:])
        except (OSError, RuntimeError, asyncio.IncompleteReadError):
            # uvloop raises RuntimeError where a connection is gone.
            pass
        finally:
            self.connections -= 1
            writer.transport.abort()


async def one(pool: AsyncPool, kind: float) -> None:
    connection = await connected(pool)
    if kind < 0.1:
        await connection.exchange(POST, soon(), more=True)
        await connection.write(BODY)
        await connection.head()
        while await connection.read():
            pass
    elif kind < 0.3:
        await connection.exchange(GET, soon(), whole=False)
        while await connection.read():
            pass
    else:
        await connection.exchange(GET, soon())
    # As the response is whole, whatever comes now does no harm.
    connection.release()


async def storm(pool: AsyncPool, cancels: int, random: Random) -> None:
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()
    cancelled = 0
    while cancelled < cancels:
        while len(tasks) < AT_ONCE:
            task = loop.create_task(one(pool, random.random()))
            tasks.add(task)
            if random.random() < 0.95:
                loop.call_later(random.random() ** 3 * 0.004, task.cancel)
        done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if task.cancelled():
                cancelled += 1
            else:
                task.result()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("kind", ["plain", "tls"])
def test_nothing_is_left_of_ten_thousand_cancelled_calls(run: Run, kind: str) -> None:
    authority = trustme.CA()
    contexts = [ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()] if kind == "tls" else None
    if contexts:
        authority.issue_cert("localhost").configure_cert(contexts[0])
        authority.configure_trust(contexts[1])
    random = Random(5)

    async def main() -> None:
        server = Server(random)
        listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=contexts[0] if contexts else None)
        gc.collect()
        before = descriptors()
        tasks = len(asyncio.all_tasks())
        engine = AsyncEngine(pool=PoolLimits(per_endpoint=12, total=12))
        port = listener.sockets[0].getsockname()[1]
        tls = AdoptedContext(contexts[1]) if contexts else None
        pool = engine.pool(Target("127.0.0.1", port, tls=tls, server_name="localhost"), "orders")
        await storm(pool, CANCELS[kind], random)
        alive = [connection for connection in pool._pools.connections if not connection.closed_because]
        assert pool.open == pool.share.open == pool.share.idle == len(alive) <= 12
        assert not (pool._queue)
        assert not (pool.share.waiting)
        assert await asyncio.gather(*(call(pool) for _ in range(24))) == [(200, b"ok")] * 24
        await engine.aclose()
        assert (pool.open, pool.share.open, pool.share.idle) == (0, 0, 0)
        await until(lambda: server.connections == 0)
        await until(lambda: len(asyncio.all_tasks()) == tasks)
        await until(lambda: descriptors() == before)
        listener.close()

    run(main())


def test_a_cancelled_exchange_closes_its_connection(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(b"HTTP/1.1 200 OK\r\n")) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                task = asyncio.create_task(connection.exchange(GET, soon()))
                await until(lambda: bool(server.requests))
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert "interrupted" in connection.closed_because
                assert pool.open == 0

    run(main())


def test_a_cancellation_after_the_response_keeps_the_connection(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                task = asyncio.create_task(connection.exchange(GET, soon()))
                # The very turn is what matters.
                while not connection.uses or not connection.complete:  # noqa: ASYNC110
                    await asyncio.sleep(0)
                assert not task.done()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert not connection.closed_because
                assert pool.take() is connection
                connection.release()

    run(main())


def test_a_connection_given_to_who_is_cancelled_goes_to_the_next(run: Run) -> None:
    def rule(connection: Connection) -> None:
        while connection.request() is not None:
            connection.send(OK)

    async def main() -> None:
        with RawServer(rule) as server:
            async with engine_to(server.port, pool=PoolLimits(per_endpoint=1)) as pool:
                held = await connected(pool)
                await held.exchange(GET, soon())
                tasks = [asyncio.create_task(connected(pool)) for _ in range(2)]
                await until(lambda: len(pool._queue) == 2, BOUND)
                held.release()
                tasks[0].cancel()
                assert await tasks[1] is held
                assert tasks[0].cancelled()
                held.release()
                assert (pool.open, pool.share.idle, server.connections) == (1, 1, 1)

    run(main())
