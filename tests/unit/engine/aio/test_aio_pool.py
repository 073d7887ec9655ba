"""Who gets which connection, how many there are, and what it says when there is none."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from meshclient.engine.aio.engine import AsyncEngine
from meshclient.engine.errors import ConnectFailed, ConnectTimeout, PoolTimeout, WireError
from meshclient.engine.limits import PoolLimits
from meshclient.engine.target import Target
from unit.engine.aio.wire import BOUND, GET, call, connected, engine_to, now, soon, until
from unit.http.rawserver import OK, RawServer, always, refusing

if TYPE_CHECKING:
    from unit.engine.aio.wire import Run


def test_the_connection_used_last_is_used_next(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as server:
            async with engine_to(server.port) as pool:
                held = [await connected(pool) for _ in range(3)]
                for connection in held:
                    await connection.exchange(GET, soon())
                    connection.release()
                assert pool.take() is held[-1]
                assert pool.take() is held[-2]
                assert pool.open == 3

    run(main())


def test_an_endpoint_has_no_more_connections_than_allowed(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as server:
            async with engine_to(server.port, pool=PoolLimits(per_endpoint=3)) as pool:
                assert await asyncio.gather(*(call(pool) for _ in range(50))) == [(200, b"ok")] * 50
                assert server.connections == 3

    run(main())


def test_those_who_wait_are_served_in_their_order(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as server:
            async with engine_to(server.port, pool=PoolLimits(per_endpoint=1)) as pool:
                first = await connected(pool)
                order: list[int] = []

                async def wait(number: int) -> None:
                    connection = await connected(pool)
                    order.append(number)
                    await connection.exchange(GET, soon())
                    connection.release()

                tasks = []
                for number in range(5):
                    tasks.append(asyncio.create_task(wait(number)))
                    await asyncio.sleep(0)
                await first.exchange(GET, soon())
                first.release()
                await asyncio.gather(*tasks)
                assert order == list(range(5))
                assert server.connections == 1

    run(main())


@pytest.mark.parametrize("how", ["abandoned", "cancelled", "refused"])
def test_a_place_that_is_free_again_goes_to_who_waits(run: Run, how: str) -> None:
    async def main() -> None:
        with RawServer(always(OK if how == "abandoned" else OK[:5])) as server:
            async with engine_to(server.port, pool=PoolLimits(per_endpoint=1)) as pool:
                first = await connected(pool)
                waiting = asyncio.create_task(connected(pool))
                await until(lambda: pool in pool.share.waiting)
                if how == "abandoned":
                    first.abandon("the test says so")
                elif how == "cancelled":
                    task = asyncio.create_task(first.exchange(GET, soon()))
                    await asyncio.sleep(0)
                    task.cancel()
                else:
                    with pytest.raises(WireError):
                        await first.exchange(GET, now() + 0.05)
                second = await waiting
                assert second is not first
                second.abandon("it is enough")
                assert (pool.open, pool.share.open) == (0, 0)

    run(main())


def test_a_second_release_takes_nothing_from_who_has_it_next(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as server:
            async with engine_to(server.port, pool=PoolLimits(per_endpoint=1)) as pool:
                first = await connected(pool)
                waiting = asyncio.create_task(connected(pool))
                await until(lambda: pool in pool.share.waiting)
                await first.exchange(GET, soon())
                first.release()
                first.release()
                assert pool.take() is None
                assert await waiting is first
                assert (pool.open, pool.share.idle) == (1, 0)
                first.abandon("it is enough")
                assert (pool.open, pool.share.idle) == (0, 0)

    run(main())


def test_a_wait_for_a_connection_ends(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as server:
            async with engine_to(server.port, pool=PoolLimits(per_endpoint=1)) as pool:
                first = await connected(pool)
                with pytest.raises(
                    PoolTimeout, match=f"http://127.0.0.1:{server.port}: all 1 connections were busy .*per_endpoint"
                ):
                    await pool.acquire(now() + 0.05, BOUND)
                assert not pool.share.waiting
                await first.exchange(GET, soon())
                first.release()
                assert await call(pool) == (200, b"ok")

    run(main())


def test_a_share_has_no_more_connections_than_allowed(run: Run) -> None:
    """Idle ones to other endpoints give up their place, the one that has been idle for longest first."""

    async def main() -> None:
        with RawServer(always(OK)) as one, RawServer(always(OK)) as two, RawServer(always(OK)) as three:
            engine = AsyncEngine(pool=PoolLimits(total=2))
            pools = [engine.pool(Target("127.0.0.1", server.port), "orders") for server in (one, two, three)]
            for pool in pools[:2]:
                await call(pool)
            assert [pool.open for pool in pools] == [1, 1, 0]
            await call(pools[2])
            assert [pool.open for pool in pools] == [0, 1, 1]
            held = [await connected(pools[1]), await connected(pools[2])]
            waiting = asyncio.create_task(call(pools[0]))
            await until(lambda: pools[0] in pools[0].share.waiting)
            await held[0].exchange(GET, soon())
            held[0].release()
            assert await waiting == (200, b"ok")
            assert "needed its place" in held[0].closed_because
            assert [pool.open for pool in pools] == [1, 0, 1]
            other = engine.pool(Target("127.0.0.1", two.port), "invoices")
            assert await call(other) == (200, b"ok")
            held[1].abandon("it is enough")
            await engine.aclose()
            assert pools[0].share.open == other.share.open == 0

    run(main())


def test_a_place_in_a_share_goes_to_who_waited_for_longest(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as one, RawServer(always(OK)) as two, RawServer(always(OK)) as three:
            engine = AsyncEngine(pool=PoolLimits(total=1))
            pools = [engine.pool(Target("127.0.0.1", server.port)) for server in (one, two, three)]
            share = pools[0].share
            first = await connected(pools[0])
            waiting = []
            for pool in (pools[1], pools[2], pools[0]):
                waiting.append(asyncio.create_task(connected(pool)))
                await until(lambda pool=pool: pool in share.waiting)  # type: ignore[misc]
            await first.exchange(GET, soon())
            first.release()
            for number, task in enumerate(waiting):
                assert share.open == 1
                connection = await task
                assert [other.done() for other in waiting[number + 1 :]] == [False] * (2 - number)
                await connection.exchange(GET, soon())
                connection.release()
            await engine.aclose()
            assert share.open == 0

    run(main())


def test_connecting_is_limited_in_time(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as server:
            # Nobody accepts what goes beyond the backlog.
            with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
                held = []
                for _ in range(4):
                    sock = socket.socket()
                    sock.setblocking(False)
                    sock.connect_ex(full.getsockname())
                    held.append(sock)
                async with engine_to(full.getsockname()[1]) as pool:
                    with pytest.raises(ConnectTimeout, match="no connection in time"):
                        await pool.acquire(soon(), 0.1)
                    assert (pool.open, pool.share.open) == (0, 0)
                    with pytest.raises(ConnectTimeout):
                        await pool.acquire(soon(), BOUND, end=now() + 0.1)
                for sock in held:
                    sock.close()
            assert server.connections == 0

    run(main())


def test_a_refusal_names_the_endpoint(run: Run) -> None:
    async def main() -> None:
        port = int(refusing().rpartition(":")[2])
        async with engine_to(port) as pool:
            with pytest.raises(ConnectFailed, match=f"http://127.0.0.1:{port}: no connection: "):
                await connected(pool)
            assert pool.open == 0

    run(main())
