"""Several attempts of one call in flight at once: as tasks of the caller's loop, or each in a thread of its own.

One of the few places where the two colours differ in structure, so both are written out here. An attempt that is given
up is cancelled where that can be done. Of a blocking one the connection is cut (`meshclient.http.rein`); on a transport
of httpx it runs to its end, which its socket timeouts bound. What it brings is thrown away.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from meshclient.discovery.runtime.aside import ASIDE
from meshclient.engine.sweep import LOOK, sweep
from meshclient.http.rein import Rein

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from meshclient.core.commands import Attempt


class Landing(Protocol):
    """What an attempt brought."""

    def close(self) -> None:
        """Throw it away."""
        ...


class AsyncLanding(Protocol):
    """What an attempt brought."""

    async def aclose(self) -> None:
        """Throw it away."""
        ...


A = TypeVar("A", bound=AsyncLanding)
L = TypeVar("L", bound=Landing)


class AsyncRace(Generic[A]):
    """The attempts of one call, as tasks."""

    def __init__(self) -> None:
        self._tasks: dict[Attempt, asyncio.Task[A]] = {}
        self._stood: float | None = None

    @property
    def live(self) -> bool:
        """Whether any is in flight."""
        return bool(self._tasks)

    def start(self, attempt: Attempt, send: Callable[[Rein | None], Awaitable[A]]) -> None:
        """Begin to send `attempt`."""
        if self._stood is None:
            self._stood = sweep().stood()
        self._tasks[attempt] = asyncio.ensure_future(send(None))

    async def first(self, seconds: float) -> tuple[Attempt, A] | None:
        """The first attempt to land, with what it brought; None when `seconds` pass before."""
        timeout = None if seconds == inf else seconds
        done, _ = await asyncio.wait(self._tasks.values(), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if not done and (stood := sweep().stood() - (self._stood or 0.0)) > 0:
            # For so long nobody was late but this process; the attempts get as much back (`PatientTimeout`).
            timeout = max(LOOK, stood)
            await asyncio.wait(self._tasks.values(), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        for attempt, task in self._tasks.items():
            if task.done():
                del self._tasks[attempt]
                return attempt, task.result()
        return None

    async def cancel(self, attempt: Attempt) -> None:
        """Give `attempt` up; nothing of it is left when this returns."""
        task = self._tasks.get(attempt)
        if task is None:
            return
        task.cancel()
        # Known until it has ended: the call may itself be cancelled here, and then gives up all that is left.
        await asyncio.wait([task])
        del self._tasks[attempt]
        if not task.cancelled() and task.exception() is None:
            await task.result().aclose()

    async def aclose(self) -> None:
        """Give all of them up."""
        for attempt in list(self._tasks):
            await self.cancel(attempt)


class Race(Generic[L]):
    """The attempts of one call, each in a thread of its own."""

    def __init__(self) -> None:
        self._futures: dict[Attempt, tuple[Future[L], Rein]] = {}

    @property
    def live(self) -> bool:
        """Whether any is in flight."""
        return bool(self._futures)

    def start(self, attempt: Attempt, send: Callable[[Rein | None], L]) -> None:
        """Begin to send `attempt`."""
        rein = Rein()
        self._futures[attempt] = ASIDE.run(partial(send, rein)), rein

    def first(self, seconds: float) -> tuple[Attempt, L] | None:
        """The first attempt to land, with what it brought; None when `seconds` pass before."""
        futures = [future for future, _ in self._futures.values()]
        wait(futures, timeout=None if seconds == inf else seconds, return_when=FIRST_COMPLETED)
        for attempt, (future, _) in self._futures.items():
            if future.done():
                del self._futures[attempt]
                return attempt, future.result()
        return None

    def cancel(self, attempt: Attempt) -> None:
        """Give `attempt` up; what it brings will be thrown away."""
        known = self._futures.pop(attempt, None)
        if known is not None:
            future, rein = known
            rein.pull()
            future.add_done_callback(_discard)

    def close(self) -> None:
        """Give all of them up."""
        for attempt in list(self._futures):
            self.cancel(attempt)


def _discard(future: Future[L]) -> None:
    if future.exception() is None:
        future.result().close()
