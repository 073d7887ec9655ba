"""One call to the service for all who ask the same at the same time.

Who comes first begins it, and everybody waits for it, that one like the others: a caller that is cancelled leaves, and
the last one to leave ends it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import httpx

from meshclient.discovery.runtime.loop import fork_safe_lock
from meshclient.http.caching.steps import AsyncSteps, async_loop

if TYPE_CHECKING:
    from collections.abc import Hashable

    from meshclient.core.caching.answer import Serve
    from meshclient.core.caching.entry import Entry
    from meshclient.http._async.caching.callbacks import AsyncStep
    from meshclient.http._async.caching.download import AsyncDownload


class AsyncLanding:
    """What a call to the service brought.

    Attributes:
        error: it ended in this.
        response: the service's; a body that is kept or shared is in `download` instead.
        serve: what answers the first caller in its place, with the entry's whole body.
        body: that body.
        share: what may answer the others.
        download: the body of the response, where it is kept or shared.
    """

    __slots__ = ("body", "download", "error", "response", "serve", "share")

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.response: httpx.Response | None = None
        self.serve: Serve | None = None
        self.body: bytes | None = None
        self.share: Entry | None = None
        self.download: AsyncDownload | None = None

    async def aclose(self) -> None:
        """Nobody wants the response."""
        if self.download is not None:
            await self.download.aclose()
        elif self.response is not None:
            await self.response.aclose()


class AsyncFlight:
    """One call under way.

    Attributes:
        key: what those who wait for it have in common.
        waiting: how many do.
        landing: what it brought.
        claimed: whether somebody has the response.
    """

    def __init__(self, key: tuple[Hashable, ...]) -> None:
        self.key = key
        self.waiting = 0
        self.landing: AsyncLanding | None = None
        self.claimed = False
        self._steps = AsyncSteps(shared=True)

    async def landed(self, fetch: AsyncStep, seconds: float) -> bool:
        """Wait for it, beginning it with `fetch` if nobody has; False when `seconds` pass first."""
        return await self._steps.run(fetch, lambda: self.landing is None, seconds)

    async def land(self, landing: AsyncLanding) -> None:
        """That was what it brought; thrown away where it has been ended meanwhile."""
        if self.landing is None:
            self.landing = landing
        else:
            await landing.aclose()

    async def end(self) -> None:
        """Nobody is to wait any more."""
        landing = self.landing
        if landing is None:
            self.landing = AsyncLanding()
            self.landing.error = httpx.CloseError("the client was closed while a call of it was under way")
        await self._steps.give_up()
        if landing is not None and (landing.download is not None or not self.claimed):
            await landing.aclose()


class AsyncFlights:
    """All that are under way, of one service."""

    def __init__(self) -> None:
        # Whoever waits for one, or has its response, holds it: a response that nobody closes must not stay for good.
        self._flights: WeakValueDictionary[Hashable, AsyncFlight] = WeakValueDictionary()
        self._lock = fork_safe_lock()

    def __len__(self) -> int:
        return len(self._flights)

    def board(self, key: Hashable) -> tuple[AsyncFlight, bool]:
        """The flight of this key, which the caller now waits for, and whether the caller is the first.

        Those of other loops, and of the process that this one was forked from, are not to be waited for.
        """
        name = (key, *place())
        with self._lock:
            flight = self._flights.get(name)
            first = flight is None
            if flight is None:
                flight = self._flights[name] = AsyncFlight(name)
            flight.waiting += 1
        return flight, first

    def forget(self, flight: AsyncFlight) -> None:
        """Nobody else is to board it."""
        with self._lock:
            if self._flights.get(flight.key) is flight:
                del self._flights[flight.key]

    async def leave(self, flight: AsyncFlight) -> None:
        """The caller waits no more."""
        with self._lock:
            flight.waiting -= 1
            last = flight.waiting == 0
            if last and self._flights.get(flight.key) is flight:
                del self._flights[flight.key]
        if last:
            await flight.end()

    async def aclose(self) -> None:
        """End all that are under way on the running loop."""
        here = place()
        for flight in list(self._flights.values()):
            if flight.key[1:] == here:
                self.forget(flight)
                await flight.end()


def place() -> tuple[Hashable, ...]:
    """What those have in common who can wait for each other."""
    return (async_loop(), os.getpid())
