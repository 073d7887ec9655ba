"""One timer for all limits, and what a loop that stands still does to them."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from typing import TYPE_CHECKING
from weakref import ref

import pytest

from meshclient.engine.aio.limit import Limit
from meshclient.engine.errors import ReadTimeout
from meshclient.engine.sweep import LOOK, PERIOD, Sweep, sweep
from unit.engine.aio.wire import BOUND, GET, NEVER, call, connected, engine_to, holding, now, soon, until
from unit.http.rawserver import OK, Connection, RawServer, always

if TYPE_CHECKING:
    from collections.abc import Callable

    from unit.engine.aio.wire import Run

STANDS = 0.3


def stand_still(seconds: float = STANDS) -> None:
    """As a computation on the loop does."""
    time.sleep(seconds)


def after(seconds: float) -> Callable[[Connection], None]:
    """A rule: the first answer comes late."""

    def rule(connection: Connection) -> None:
        connection.request()
        threading.Event().wait(seconds)
        connection.send(OK)
        connection.request()

    return rule


def test_a_loop_has_one(run: Run) -> None:
    async def main() -> Sweep:
        assert sweep() is sweep()
        return sweep()

    assert run(main()) is not run(main())


def test_a_loop_that_is_over_is_not_kept(run: Run) -> None:
    async def main() -> ref[asyncio.AbstractEventLoop]:
        sweep().stood()
        return ref(asyncio.get_running_loop())

    loops = [run(main()) for _ in range(3)]
    gc.collect()
    assert [loop() for loop in loops] == [None, None, None]


def test_standing_still_is_measured(run: Run) -> None:
    async def main() -> None:
        before = sweep().stood()
        await asyncio.sleep(3 * PERIOD)
        assert sweep().stood() - before < STANDS / 2
        stand_still()
        # At once, before the timer knows of it, and afterwards.
        assert sweep().stood() - before >= STANDS - PERIOD
        await asyncio.sleep(PERIOD)
        assert sweep().stood() - before >= STANDS - PERIOD

    run(main())


def test_an_answer_that_is_there_is_read_before_a_limit_strikes(run: Run) -> None:
    async def main() -> None:
        with RawServer(after(0.05)) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                due = now() + 0.1
                task = asyncio.create_task(connection.exchange(GET, due, due))
                await until(lambda: bool(server.requests))
                stand_still()
                await task
                assert connection.status == 200
                assert STANDS - 0.05 <= connection.waited <= connection.headed_at - connection.began
                connection.release()

    run(main())


def test_standing_still_is_known_before_the_timer_knows(run: Run) -> None:
    """What kept the loop may run just before the answer is read, in the same turn."""

    async def main() -> None:
        with RawServer(always(OK)) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                sweep().stood()
                stand_still()
                connection.headed_at = now()
                assert STANDS - 2 * PERIOD <= connection.waited <= connection.headed_at - connection.began
                connection.abandon("it is enough")

    run(main())


def test_time_that_the_loop_stood_still_is_given_back(run: Run) -> None:
    async def main() -> None:
        with RawServer(after(STANDS + 0.1)) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                task = asyncio.create_task(connection.exchange(GET, now() + STANDS, NEVER))
                await until(lambda: bool(server.requests))
                stand_still()
                await task
                assert connection.status == 200
                connection.release()

    run(main())


def test_no_more_is_given_back_than_the_call_has(run: Run) -> None:
    async def main() -> None:
        over = threading.Event()
        with RawServer(holding(over)) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                due = now() + STANDS / 2
                task = asyncio.create_task(connection.exchange(GET, due, due + 0.01))
                await until(lambda: connection.watched)
                stand_still()
                stood = now()
                with pytest.raises(ReadTimeout):
                    await task
                assert now() - stood >= LOOK
            over.set()

    run(main())


def test_standing_still_before_a_call_is_not_its_own(run: Run) -> None:
    async def main() -> None:
        with RawServer(always(OK)) as server:
            async with engine_to(server.port) as pool:
                await call(pool)
                stand_still()
                connection = await connected(pool)
                await connection.exchange(GET, soon())
                assert connection.waited <= now() - connection.began
                connection.release()

    run(main())


def test_standing_still_after_the_head_is_not_waiting_for_it(run: Run) -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        connection.sock.recv(1)

    async def main() -> None:
        with RawServer(rule) as server:
            async with engine_to(server.port) as pool:
                connection = await connected(pool)
                await connection.exchange(GET, soon(), whole=False)
                stand_still()
                await asyncio.sleep(3 * PERIOD)
                assert connection.waited <= connection.headed_at - connection.began
                connection.release()

    run(main())


async def limited(seconds: float, last: float, work: Callable[[], None] | None = None, takes: float = BOUND) -> None:
    began = now()
    with Limit(sweep(), began, began + seconds, began + last):
        if work is not None:
            work()
        await asyncio.sleep(takes)


def test_a_limit_ends_what_it_bounds(run: Run) -> None:
    async def main() -> None:
        began = now()
        with pytest.raises(TimeoutError):
            await limited(0.02, 0.02)
        assert 0.02 <= now() - began < BOUND

    run(main())


def test_a_limit_gives_back_what_the_loop_stood_still(run: Run) -> None:
    async def main() -> None:
        await limited(STANDS, NEVER, stand_still, STANDS / 2)
        with pytest.raises(TimeoutError):
            await limited(STANDS / 2, 0.0, stand_still, STANDS / 2)

    run(main())


def test_a_limit_is_told_from_a_cancellation(run: Run) -> None:
    """Whoever cleans up after one may call a server to do so, and is still cancelled after that."""
    ended: list[BaseException] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            try:
                await limited(0.01, 0.01)
            except BaseException as error:
                ended.append(error)

    async def main() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        task = asyncio.create_task(limited(BOUND, BOUND))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())
    assert [type(error) for error in ended] == [TimeoutError]
