"""A name that is watched in the background: the latest snapshot is always at hand."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import wait as wait_for_all
from contextlib import suppress
from typing import TYPE_CHECKING

from meshclient.discovery.runtime.loop import background, fork_safe_lock
from meshclient.discovery.supervision import supervise
from meshclient.discovery.transition import advance
from meshclient.errors import ResolverUnavailable
from meshclient.model.snapshot import Failed, Pending

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.discovery.resolver import Chance, Resolver
    from meshclient.model.service import ServiceName
    from meshclient.model.snapshot import Empty, Ready, Snapshot

    Changed = Callable[[Snapshot, Ready | Empty | Failed], None]

CLOSE_TIMEOUT = 1.0
CLOSED = "the mesh was closed"


class BackgroundWatch:
    """One name, followed on the process's discovery thread.

    Args:
        resolver: whom to ask.
        name: for what.
        changed: told (before, after) on the discovery thread, before `snapshot` shows the new value, so that whoever
            reads it finds everything behind it up to date.
        clock: monotonic seconds.
        rng: jitter of the back-off.
        announce: told (before, after) once `snapshot` shows the new value.

    Attributes:
        snapshot: the latest one; reading it takes no lock.
    """

    def __init__(
        self,
        resolver: Resolver,
        name: ServiceName,
        changed: Changed,
        clock: Callable[[], float],
        rng: Chance,
        *,
        announce: Changed,
    ) -> None:
        self.snapshot: Snapshot = Pending(source=resolver.source, at=clock())
        self._resolver = resolver
        self._name = name
        self._changed = changed
        self._announce = announce
        self._clock = clock
        self._rng = rng
        self._lock = fork_safe_lock()
        # Each with the process it waits in: a forked child inherits the parent's, whose threads it does not have.
        self._waiters: dict[Callable[[], None], int] = {}
        self._closed = False
        self._loop = background()
        self._job = self._loop.run(self._follow)

    async def _follow(self) -> None:
        async for answer in supervise(self._resolver, self._name, self._clock, self._rng):
            before = self.snapshot
            if self._closed:
                continue
            after = advance(before, answer)
            self._changed(before, after)
            self._show(after)
            self._announce(before, after)

    def _show(self, after: Ready | Empty | Failed, *, closed: bool = False) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = closed
            self.snapshot = after
            waiters, self._waiters = self._waiters, {}
        for rouse, process in waiters.items():
            if process == os.getpid():
                rouse()

    def wait(self, stale: Snapshot, timeout: float | None) -> bool:
        """Block until `snapshot` is no longer `stale`; False when `timeout` seconds pass first.

        Raises ResolverUnavailable where there will be no other, because the watch was closed.
        """
        woken = threading.Event()
        if not self._register(stale, woken.set):
            return True
        try:
            return woken.wait(timeout)
        finally:
            self._forget(woken.set)

    async def wait_async(self, stale: Snapshot, timeout: float | None) -> bool:
        """As `wait`, for a caller with an event loop of its own."""
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()

        def rouse() -> None:
            wake(loop, woken)

        if not self._register(stale, rouse):
            return True
        try:
            async with asyncio.timeout(timeout):
                await woken.wait()
        except TimeoutError:
            return False
        finally:
            self._forget(rouse)
        return True

    def _register(self, stale: Snapshot, rouse: Callable[[], None]) -> bool:
        with self._lock:
            if self.snapshot is not stale:
                return False
            if self._closed:
                msg = f"cannot resolve {self._name.value!r}: {CLOSED}"
                raise ResolverUnavailable(msg)
            self._waiters[rouse] = os.getpid()
            return True

    def _forget(self, rouse: Callable[[], None]) -> None:
        with self._lock:
            self._waiters.pop(rouse, None)

    def stop(self) -> None:
        """Ask the watch to end; does not wait."""
        self._loop.cancel(self._job)

    def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Stop watching; returns when the watch has released what it held, or after `timeout` seconds."""
        self._loop.cancel(self._job)
        self._dismiss()
        wait_for_all([self._job.ended], timeout)

    async def aclose(self) -> None:
        """As `close`, without blocking the caller's event loop."""
        self._loop.cancel(self._job)
        self._dismiss()
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        self._job.ended.add_done_callback(lambda _: wake(loop, ended))
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await ended.wait()

    def _dismiss(self) -> None:
        """Wake who waits: no answer will come. Not for `stop`, where the garbage collector must find no lock."""
        self._show(advance(self.snapshot, Failed(CLOSED, source=self._resolver.source, at=self._clock())), closed=True)


def wake(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    """Set `event` of another thread's `loop`; a loop that is closed, even at this moment, has nobody waiting."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(event.set)
