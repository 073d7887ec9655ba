"""One stream for many watches: begun once, ended with the last, and never holding anybody up."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.shared import Shared

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BOUND = 60.0


class Feed:
    """Yields what is put into it, and counts how often it was begun and ended."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[int | Exception | None] = asyncio.Queue()
        self.begun = 0
        self.ended = 0

    async def __call__(self) -> AsyncIterator[int]:
        self.begun += 1
        try:
            while (value := await self.queue.get()) is not None:
                if isinstance(value, Exception):
                    raise value
                yield value
        finally:
            self.ended += 1


async def settle(feed: Feed) -> None:
    """Let everybody go on until nobody has anything left to do; none of them waits for a clock."""
    for _ in range(50):
        await asyncio.sleep(0)
    assert feed.queue.empty()


def test_two_subscribers_share_one_stream_and_a_late_one_gets_the_latest_value() -> None:
    async def check() -> None:
        feed = Feed()
        shared = Shared(feed)
        async with aclosing(shared.subscribe()) as one, aclosing(shared.subscribe()) as other:
            feed.queue.put_nowait(1)
            async with asyncio.timeout(BOUND):
                assert [await anext(one), await anext(other)] == [1, 1]
                feed.queue.put_nowait(2)
                assert await anext(one) == 2
                async with aclosing(shared.subscribe()) as late:
                    assert await anext(late) == 2
                assert (feed.begun, feed.ended) == (1, 0)
        assert (feed.begun, feed.ended) == (1, 1)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(check())


def test_a_slow_subscriber_misses_what_came_between_and_not_the_latest() -> None:
    async def check() -> None:
        feed = Feed()
        async with aclosing(Shared(feed).subscribe()) as slow, asyncio.timeout(BOUND):
            feed.queue.put_nowait(1)
            assert await anext(slow) == 1
            for value in (2, 3, 4):
                feed.queue.put_nowait(value)
            await settle(feed)
            assert await anext(slow) == 4

    asyncio.run(check())


def test_a_failure_reaches_every_subscriber_and_the_next_begins_anew() -> None:
    async def check() -> None:
        feed = Feed()
        shared = Shared(feed)
        async with aclosing(shared.subscribe()) as one, aclosing(shared.subscribe()) as other:
            waiting = [asyncio.create_task(anext(each)) for each in (one, other)]
            await settle(feed)
            feed.queue.put_nowait(OSError("gone"))
            for task in waiting:
                with pytest.raises(OSError, match="gone"):
                    await asyncio.wait_for(task, BOUND)
        async with aclosing(shared.subscribe()) as again, asyncio.timeout(BOUND):
            feed.queue.put_nowait(5)
            assert await anext(again) == 5
        assert (feed.begun, feed.ended) == (2, 2)

    asyncio.run(check())


def test_the_end_of_the_stream_ends_every_subscription() -> None:
    async def check() -> list[int]:
        feed = Feed()
        feed.queue.put_nowait(1)
        async with aclosing(Shared(feed).subscribe()) as one, asyncio.timeout(BOUND):
            assert await anext(one) == 1
            feed.queue.put_nowait(None)
            return [value async for value in one]

    assert asyncio.run(check()) == []


def test_a_cancelled_subscriber_leaves_the_stream_to_the_others() -> None:
    async def check() -> None:
        feed = Feed()
        shared = Shared(feed)

        async def follow() -> None:
            async with aclosing(shared.subscribe()) as values:
                async for _ in values:
                    pass

        async with aclosing(shared.subscribe()) as stays, asyncio.timeout(BOUND):
            goes = asyncio.create_task(follow())
            feed.queue.put_nowait(1)
            assert await anext(stays) == 1
            await settle(feed)
            goes.cancel()
            await asyncio.wait({goes})
            assert goes.cancelled()
            feed.queue.put_nowait(2)
            assert await anext(stays) == 2
            assert feed.ended == 0
        assert feed.ended == 1

    asyncio.run(check())


def test_another_event_loop_has_a_stream_of_its_own() -> None:
    begun = 0

    async def once() -> AsyncIterator[int]:
        nonlocal begun
        begun += 1
        yield begun
        await asyncio.Event().wait()

    shared = Shared(once)

    async def first() -> int:
        async with aclosing(shared.subscribe()) as values, asyncio.timeout(BOUND):
            return await anext(values)

    assert [asyncio.run(first()), asyncio.run(first())] == [1, 2]


def test_who_comes_while_the_stream_ends_begins_another() -> None:
    async def check() -> None:
        ending, may_end = asyncio.Event(), asyncio.Event()
        begun: list[int] = []

        async def source() -> AsyncIterator[int]:
            begun.append(len(begun) + 1)
            try:
                yield begun[-1]
                await asyncio.Event().wait()
            finally:
                ending.set()
                await may_end.wait()

        shared = Shared(source)
        last = shared.subscribe()
        async with asyncio.timeout(BOUND):
            assert await anext(last) == 1
            leaving = asyncio.create_task(last.aclose())
            await ending.wait()
            async with aclosing(shared.subscribe()) as another:
                coming = asyncio.create_task(anext(another))
                await asyncio.sleep(0)
                may_end.set()
                await leaving
                assert await coming == 2
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(check())
