"""How long a question on an event loop waits, and whether it is Redis that it waited for.

A burst of calls keeps the loop busy for longer than a question may take. Redis has answered meanwhile, and nobody has
read it: that time is given back, up to the limit itself, and where it does not suffice nothing is known of Redis.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from meshclient.http.caching.shared import async_limit, async_stood
from meshclient_redis.pools import STEP

if TYPE_CHECKING:
    import asyncio
    from contextlib import AbstractAsyncContextManager

# Of the limit: seconds that Redis was given, measured on a loop that is looked at a hundred times a second.
_NEARLY = 0.8


class Patience:
    """The time of one question, on the running loop.

    Args:
        seconds: for a slot and the answer together, half of it for the slot at most.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._granted = seconds
        self._asked = time.monotonic()
        self._stood = async_stood()

    async def slot(self, slots: asyncio.Semaphore) -> bool:
        """Take a slot; False where there is none in time."""
        least = self._seconds * STEP
        try:
            async with async_limit(least, least, self._stood):
                await slots.acquire()
        except TimeoutError:
            return False
        self._granted = max(least, self._seconds - self._waited)
        self._asked, self._stood = time.monotonic(), async_stood()
        return True

    def rest(self) -> AbstractAsyncContextManager[object]:
        """Raises TimeoutError inside when the time for the answer is up."""
        return async_limit(self._granted, self._granted, self._stood)

    @property
    def over(self) -> bool:
        """Whether Redis has had its time, while the loop would have read an answer."""
        return self._waited >= self._granted * _NEARLY

    @property
    def _waited(self) -> float:
        return time.monotonic() - self._asked - (async_stood() - self._stood)
