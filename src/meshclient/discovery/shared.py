"""One stream of values for many watches on an event loop.

Where one question answers for every name (a file, a whole registry, a change feed), fifty names must not ask it fifty
times. The stream runs as one task while there are subscribers: it begins with the first and ends with the last. Who is
slow misses values in between but never the latest, so a slow one holds nobody up and nothing piles up.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

T = TypeVar("T")


class Shared(Generic[T]):
    """What `source` yields, for all who subscribe on the same event loop.

    Args:
        source: begins the stream; called again after it has ended or failed and somebody subscribes anew.
    """

    def __init__(self, source: Callable[[], AsyncIterator[T]]) -> None:
        self._source = source
        # After a fork, or in on-demand mode, the next subscriber comes from another loop.
        self._runs: WeakKeyDictionary[asyncio.AbstractEventLoop, _Run[T]] = WeakKeyDictionary()

    async def subscribe(self) -> AsyncGenerator[T, None]:
        """Yield the latest value, then each newer one; ends as the stream ends, with its error where it failed."""
        loop = asyncio.get_running_loop()
        run = self._runs.get(loop)
        if run is None or run.task.done():
            run = self._runs[loop] = _Run(self._source)
        run.subscribers += 1
        seen = 0
        try:
            while True:
                while run.version == seen and not run.task.done():
                    await run.news.wait()
                if run.version == seen:
                    run.task.result()
                    return
                seen = run.version
                yield run.latest[0]
        finally:
            run.subscribers -= 1
            if run.subscribers == 0 and not run.task.done():
                # Whoever subscribes while it ends begins another.
                del self._runs[loop]
                run.task.cancel()
                with suppress(asyncio.CancelledError):
                    await run.task


class _Run(Generic[T]):
    """The stream while it runs on one loop."""

    def __init__(self, source: Callable[[], AsyncIterator[T]]) -> None:
        self.subscribers = 0
        self.version = 0
        self.latest: tuple[T, ...] = ()
        self.news = asyncio.Event()
        self.task = asyncio.create_task(self._follow(source))
        self.task.add_done_callback(lambda _: self.news.set())

    async def _follow(self, source: Callable[[], AsyncIterator[T]]) -> None:
        async for value in source():
            self.latest = (value,)
            self.version += 1
            self.news.set()
            self.news = asyncio.Event()
