"""One fetching of the registry for all watches of an event loop.

Eureka hands out everything it has, so that a process that watches ten services must not ask ten times. The first
watch starts the fetching and the last one ends it. A failure does not end it: each watch is told, and the pause until
the next try is decided once for all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient_eureka.errors import EurekaError, EurekaTimeout
from meshclient_eureka.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from meshclient_eureka.registry import Registry
    from meshclient_eureka.replica import Replica

# Seconds; a fetch out of turn comes no sooner after the one before, however many endpoints fail.
HURRY = 5.0


@dataclass(frozen=True, slots=True)
class News:
    """The outcome of the latest fetch.

    Args:
        version: how many there have been.
        outcome: the registry, or why it could not be fetched.
    """

    version: int
    outcome: Registry | EurekaError


class Feed:
    """Fetches on the running event loop until `stop`.

    Args:
        replica: what fetches.
        client: opens the HTTP client.
        interval: seconds between two fetches.
        share: draws the jitter of each pause, from 0 to 1.

    Attributes:
        users: how many watches live on it.
    """

    def __init__(
        self,
        replica: Replica,
        client: Callable[[], httpx.AsyncClient],
        interval: float,
        share: Callable[[], float],
    ) -> None:
        self.users = 0
        self._replica = replica
        self._client = client
        self._pace = Pace(interval)
        self._share = share
        self._news: News | None = None
        self._pulse = asyncio.Event()
        self._hurried = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name="meshclient-eureka")
        self._task.add_done_callback(lambda _: self._pulse.set())

    @property
    def ended(self) -> bool:
        """Whether it has come to an end by itself, which only an error that nobody foresaw brings about."""
        return self._task.done()

    async def after(self, version: int) -> News:
        """The latest news, once they are newer than `version`. Raises what has ended the fetching."""
        while self._news is None or self._news.version == version:
            if self._task.done():
                self._task.result()
            await self._pulse.wait()
        return self._news

    def hurry(self) -> None:
        """Let the next fetch come soon: `HURRY` seconds after the one before, or at once where that is past.

        Changes nothing after a failure, where the pause spares the server or is short already.
        """
        self._hurried.set()

    async def stop(self) -> None:
        """End the fetching; returns when it has let go of its connections."""
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        known = False
        async with self._client() as client:
            while True:
                try:
                    self._tell(await self._replica.fetch(client))
                except EurekaError as exc:
                    # With no list to go on with, quick tries go before sparing the server.
                    late = known and isinstance(exc, EurekaTimeout)
                    self._pace = self._pace.timed_out() if late else self._pace.failed()
                    self._tell(exc)
                else:
                    known, self._pace = True, self._pace.succeeded()
                await self._rest(self._pace.pause(self._share()))

    async def _rest(self, seconds: float) -> None:
        """Wait for so long, or less where somebody is in a hurry."""
        failing = self._pace != self._pace.succeeded()
        least = seconds if failing else min(seconds, HURRY)
        await asyncio.sleep(least)
        if seconds > least:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds - least):
                    await self._hurried.wait()
        self._hurried.clear()

    def _tell(self, outcome: Registry | EurekaError) -> None:
        self._news = News(self._news.version + 1 if self._news else 1, outcome)
        self._pulse.set()
        self._pulse = asyncio.Event()
