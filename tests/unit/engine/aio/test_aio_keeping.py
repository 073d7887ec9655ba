"""For how long connections are kept, and those opened before anybody asks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from meshclient.engine.aio.engine import AsyncEngine
from meshclient.engine.errors import ConnectFailed, WireError
from meshclient.engine.limits import PoolLimits
from meshclient.engine.target import Target
from unit.engine.aio.wire import GET, call, connected, engine_to, now, soon, until
from unit.http.rawserver import OK, Connection, RawServer, always, refusing

if TYPE_CHECKING:
    from unit.engine.aio.wire import Run


def test_no_more_are_kept_than_wanted(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as server:
            async with engine_to(server.port, pool=PoolLimits(idle=2)) as pool:
                held = [await connected(pool) for _ in range(4)]
                for connection in held:
                    await connection.exchange(GET, soon())
                for connection in held:
                    connection.release()
                assert (pool.open, pool.share.idle) == (2, 2)
                assert [bool(connection.closed_because) for connection in held] == [True, True, False, False]

    run(main())


def test_what_is_idle_for_too_long_is_closed_without_a_call(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as server:
            async with engine_to(server.port, pool=PoolLimits(idle_seconds=0.05)) as pool:
                connection = await connected(pool)
                await connection.exchange(GET, soon())
                connection.release()
                assert pool.open == 1
                await until(lambda: pool.open == 0)
                assert connection.closed_because == "it was idle for too long"

    run(main())


def test_what_is_idle_for_too_long_is_not_taken(run: Run) -> None:
    """Even where the loop has not come to close it."""

    async def main() -> None:
        with RawServer(always(OK)) as server:
            later = 0.0
            engine = AsyncEngine(clock=lambda: now() + later)
            pool = engine.pool(Target("127.0.0.1", server.port))
            await call(pool)
            later = 5.0
            assert pool.take() is None
            assert (pool.open, pool.share.idle) == (0, 0)
            await engine.aclose()

    run(main())


@pytest.mark.parametrize(("hint", "seconds"), [(b"timeout=2", 1.0), (b"timeout=1, max=100", 0.5), (b"timeout=90", 4.0)])
def test_a_server_says_for_how_long_it_keeps_a_connection(run: Run, hint: bytes, seconds: float) -> None:
    async def main() -> None:
        answer = OK.replace(b"\r\n\r\n", b"\r\nKeep-Alive: " + hint + b"\r\n\r\n")
        with RawServer(always(answer)) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                await connection.exchange(GET, soon())
                before = now()
                connection.release()
                assert before + seconds <= connection.expires <= now() + seconds

    run(main())


def test_a_retired_endpoint_keeps_nothing(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as server:
            engine = AsyncEngine()
            target = Target("127.0.0.1", server.port)
            pool = engine.pool(target, "orders")
            busy, idle = [await connected(pool) for _ in range(2)]
            await idle.exchange(GET, soon())
            idle.release()
            engine.retire([target], "invoices")
            await asyncio.sleep(0.01)
            assert pool.share.idle == 1
            engine.retire([target], "orders")
            await until(lambda: pool.share.idle == 0)
            await busy.exchange(GET, soon())
            assert busy.take() == b"ok"
            busy.release()
            assert [one.closed_because for one in (idle, busy)] == ["its endpoint was taken out"] * 2
            assert pool.open == 0
            # It comes back.
            again = engine.pool(target, "orders")
            assert await call(again) == await call(again) == (200, b"ok")
            assert server.connections == 3
            await engine.aclose()

    run(main())


def test_a_connection_that_was_being_opened_is_not_kept_either(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as server:
            engine = AsyncEngine()
            target = Target("localhost", server.port)
            pool = engine.pool(target)
            opening = asyncio.create_task(connected(pool))
            await until(lambda: pool.open == 1)
            engine.retire([target])
            connection = await opening
            await connection.exchange(GET, soon())
            connection.release()
            assert connection.closed_because == "its endpoint was taken out"
            await engine.aclose()

    run(main())


def test_equal_targets_have_one_pool_in_each_share(run: Run) -> None:
    async def main() -> None:
        engine = AsyncEngine()
        one, two = Target("127.0.0.1", 1), Target("127.0.0.1", 1)
        assert engine.pool(one) is engine.pool(one) is engine.pool(two)
        assert engine.pool(one, "orders") is engine.pool(two, "orders") is not engine.pool(one)
        assert engine.pool(one, "orders") is engine.pool(one, "orders")
        assert engine.pool(Target("127.0.0.1", 2)) is not engine.pool(one)
        await engine.aclose()

    run(main())


def test_an_endpoint_is_warmed_where_it_is_in_use(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as server, RawServer(always(OK)) as new:
            engine = AsyncEngine()
            await call(engine.pool(Target("127.0.0.1", server.port), "orders"))
            target = Target("127.0.0.1", new.port)
            engine.warm(target, "invoices")
            for _ in range(3):
                engine.warm(target, "orders")
            await until(lambda: engine.pool(target, "orders").share.idle == 2)
            await until(lambda: new.connections == 1)
            assert engine.pool(target, "orders").open == 1
            engine.warm(target, "orders")
            connection = engine.pool(target, "orders").take()
            assert connection is not None
            await connection.exchange(GET, soon())
            assert connection.uses == 1
            connection.release()
            assert new.connections == 1
            await engine.aclose()

    run(main())


def test_warming_an_endpoint_that_is_not_there_is_nothing(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as server:
            engine = AsyncEngine()
            await call(engine.pool(Target("127.0.0.1", server.port)))
            target = Target("127.0.0.1", int(refusing().rpartition(":")[2]))
            engine.warm(target)
            pool = engine.pool(target)
            await asyncio.sleep(0.05)
            await until(lambda: pool.open == 0)
            with pytest.raises(ConnectFailed):
                await call(pool)
            await engine.aclose()

    run(main())


def test_retiring_ends_what_is_being_warmed(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as server, RawServer(always(OK)) as new:
            engine = AsyncEngine()
            target = Target("127.0.0.1", new.port)
            share = engine.pool(Target("127.0.0.1", server.port)).share
            await call(engine.pool(Target("127.0.0.1", server.port)))
            engine.warm(target)
            engine.retire([target])
            for _ in range(10):
                await asyncio.sleep(0.002)
            assert share.open == 1
            await engine.aclose()

    run(main())


def test_closing_ends_what_is_under_way_and_the_engine_goes_on_after_that(run: Run) -> None:
    def rule(connection: Connection) -> None:
        while connection.request() is not None:
            if connection.number > 2:
                connection.send(OK)

    async def main() -> None:
        with RawServer(rule) as server:
            engine = AsyncEngine(pool=PoolLimits(per_endpoint=2))
            pool = engine.pool(Target("127.0.0.1", server.port))
            tasks = [asyncio.create_task(call(pool)) for _ in range(3)]
            await until(lambda: len(server.requests) == 2)
            await engine.aclose()
            errors = await asyncio.gather(*tasks, return_exceptions=True)
            assert [type(error) for error in errors] == [WireError] * 3
            assert (pool.open, pool.share.open) == (0, 0)
            assert await call(pool) == (200, b"ok")
            await engine.aclose()

    run(main())
