"""The measurement of a loop's own delay, and the time limit that goes by it."""

from __future__ import annotations

import asyncio
import gc
from weakref import ref

import pytest

from meshclient.engine.sweep import sweep
from meshclient.http.lag import PatientTimeout


def test_a_loop_that_is_over_is_not_kept() -> None:
    async def measure() -> ref[asyncio.AbstractEventLoop]:
        sweep().stood()
        return ref(asyncio.get_running_loop())

    loops = [asyncio.run(measure()) for _ in range(3)]
    gc.collect()
    assert [loop() for loop in loops] == [None, None, None]


async def limited() -> None:
    async with PatientTimeout(0.01, 0.0, sweep().stood()):
        await asyncio.Event().wait()


def test_a_limit_ends_what_it_bounds() -> None:
    with pytest.raises(TimeoutError):
        asyncio.run(limited())


def test_a_limit_is_told_from_a_cancellation_that_came_before() -> None:
    """Whoever cleans up after a cancellation may call a server to do so, and is still cancelled after that."""
    ended: list[BaseException] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            try:
                await limited()
            except BaseException as error:
                ended.append(error)

    async def run() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert [type(error) for error in ended] == [TimeoutError]
