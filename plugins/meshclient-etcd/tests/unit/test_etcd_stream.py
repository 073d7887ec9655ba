"""Waiting for a line again and again loses none, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from meshclient_etcd.stream import Stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Lines:
    """Hands out what is put in; an exception is raised."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[str | Exception | None] = asyncio.Queue()

    async def read(self) -> AsyncIterator[str]:
        while (item := await self.queue.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item


def test_a_line_that_is_late_is_not_lost() -> None:
    async def check() -> None:
        lines = Lines()
        async with Stream(lines.read()) as stream:
            for number in range(3):
                assert await stream.next(0) is None
                assert await stream.next(0.001) is None
                lines.queue.put_nowait("")
                lines.queue.put_nowait(str(number))
                assert await stream.next(5) == str(number)
            lines.queue.put_nowait(None)
            with pytest.raises(EOFError):
                await stream.next(5)

    asyncio.run(check())


def test_what_reading_raises_comes_out() -> None:
    async def check() -> None:
        lines = Lines()
        async with Stream(lines.read()) as stream:
            lines.queue.put_nowait(OSError("gone"))
            with pytest.raises(OSError, match="gone"):
                await stream.next(5)

    asyncio.run(check())


@pytest.mark.parametrize("late", [None, OSError("gone"), "a line"], ids=["nothing", "an error", "a line"])
def test_leaving_ends_the_reading(late: str | Exception | None) -> None:
    async def check() -> None:
        lines = Lines()
        before = asyncio.all_tasks()
        async with Stream(lines.read()) as stream:
            assert await stream.next(0) is None
            if late is not None:
                lines.queue.put_nowait(late)
                await asyncio.sleep(0)
        assert asyncio.all_tasks() == before

    asyncio.run(check())
