"""One stream for many followers: who begins it, who ends it, and who hears what."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from meshclient.model.snapshot import Empty
from meshclient_aws.cloudmap.broadcast import broadcast, running

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

KEY = "orders"


class Script:
    """Gives what it is told to give."""

    def __init__(self) -> None:
        self.given: asyncio.Queue[Empty | Exception] = asyncio.Queue()
        self.closed = asyncio.Event()

    async def answers(self) -> AsyncGenerator[Empty, None]:
        try:
            while True:
                answer = await self.given.get()
                if isinstance(answer, Exception):
                    raise answer
                yield answer
        finally:
            self.closed.set()

    def refresh(self) -> None:
        """Nothing to do."""

    def give(self, answer: str | Exception) -> None:
        self.given.put_nowait(Empty(source=answer) if isinstance(answer, str) else answer)


def test_a_later_follower_gets_the_latest_answer_at_once() -> None:
    async def check() -> None:
        script = Script()
        async with aclosing(broadcast(KEY, lambda: script).follow()) as first:
            script.give("1")
            assert (await anext(first)).source == "1"
            script.give("2")
            assert (await anext(first)).source == "2"
            async with aclosing(broadcast(KEY, Script).follow()) as second:
                assert (await anext(second)).source == "2"
            assert not script.closed.is_set()
            script.give("3")
            assert (await anext(first)).source == "3"
        assert script.closed.is_set()
        assert running(KEY) is None

    asyncio.run(check())


def test_after_a_failure_whoever_comes_begins_anew() -> None:
    """Although one of those before has not yet heard of it."""

    async def check() -> None:
        script, next_one = Script(), Script()
        async with aclosing(broadcast(KEY, lambda: script).follow()) as slow:
            script.give("1")
            await anext(slow)
            async with aclosing(broadcast(KEY, lambda: script).follow()) as first:
                await anext(first)
                script.give(OSError("gone"))
                with pytest.raises(OSError, match="gone"):
                    await anext(first)
            async with aclosing(broadcast(KEY, lambda: next_one).follow()) as anew:
                next_one.give("2")
                assert (await anext(anew)).source == "2"
                with pytest.raises(OSError, match="gone"):
                    await anext(slow)
                next_one.give("3")
                assert (await anext(anew)).source == "3"

    asyncio.run(check())


def test_one_who_comes_while_the_last_one_leaves_begins_anew() -> None:
    async def check() -> None:
        script, next_one = Script(), Script()
        follower = broadcast(KEY, lambda: script).follow()
        script.give("1")
        await anext(follower)
        leaving = asyncio.create_task(follower.aclose())
        await asyncio.sleep(0)
        assert not leaving.done()
        async with aclosing(broadcast(KEY, lambda: next_one).follow()) as anew:
            next_one.give("2")
            assert (await anext(anew)).source == "2"
        await leaving

    asyncio.run(check())


def test_other_keys_and_other_loops_are_apart() -> None:
    async def begin(key: str) -> Script:
        script = Script()
        stream = broadcast(key, lambda: script)
        assert stream.source is script
        return script

    async def check() -> None:
        assert await begin("orders") is not await begin("users")

    asyncio.run(check())
    asyncio.run(check())
