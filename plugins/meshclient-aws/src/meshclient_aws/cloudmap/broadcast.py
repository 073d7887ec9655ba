"""One stream of answers for many watches: several meshes of a process ask Cloud Map once.

The stream runs while somebody follows it, as a task of the loop on which the first of them began; each follower gets
the latest answer, and all of them the failure that ends it. Streams are kept by event loop, because a task belongs to
one: after a fork, and in on-demand mode, another loop begins its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Hashable

    from meshclient.model.snapshot import Empty, Failed, Ready


class Source(Protocol):
    """What is followed."""

    def answers(self) -> AsyncGenerator[Ready | Empty | Failed, None]:
        """The stream; closed when nobody follows it any more."""
        ...

    def refresh(self) -> None:
        """Somebody would like to know more soon."""
        ...


class Broadcast:
    """A source and those who follow it. Made by `broadcast`."""

    def __init__(self, source: Source, forget: Callable[[Broadcast], None]) -> None:
        self.source = source
        self._forget = forget
        self._followers = 0
        self._task: asyncio.Task[None] | None = None
        self._number = 0
        self._latest: Ready | Empty | Failed | None = None
        self._changed = asyncio.Event()

    async def follow(self) -> AsyncGenerator[Ready | Empty | Failed, None]:
        """The latest answer, then each that comes, some skipped where they come faster than they are taken.

        Raises what the source raises.
        """
        if self._task is None:
            self._task = asyncio.create_task(self._run())
            self._task.add_done_callback(self._ended)
        task, seen = self._task, 0
        self._followers += 1
        try:
            while True:
                changed = self._changed
                if self._number > seen and self._latest is not None:
                    seen = self._number
                    yield self._latest
                elif task.done():
                    await task
                    return
                else:
                    await changed.wait()
        finally:
            self._followers -= 1
            if not self._followers:
                self._forget(self)
                task.cancel()
                await asyncio.wait({task})

    async def _run(self) -> None:
        async with contextlib.aclosing(self.source.answers()) as answers:
            async for answer in answers:
                self._latest = answer
                self._number += 1
                self._tell()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._forget(self)  # whoever comes now begins anew
        if not task.cancelled():
            task.exception()  # each follower raises it; without one, nobody needs to hear of it
        self._tell()

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


_STREAMS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Broadcast]] = WeakKeyDictionary()


def broadcast(key: Hashable, begin: Callable[[], Source]) -> Broadcast:
    """The stream of this key on the running loop; `begin` makes its source where there is none."""
    streams = _STREAMS.setdefault(asyncio.get_running_loop(), {})

    def forget(stream: Broadcast) -> None:
        if streams.get(key) is stream:
            del streams[key]

    if key not in streams:
        streams[key] = Broadcast(begin(), forget)
    return streams[key]


def running(key: Hashable) -> Broadcast | None:
    """The stream of this key on the running loop, or None."""
    return _STREAMS.get(asyncio.get_running_loop(), {}).get(key)
