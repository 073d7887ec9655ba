"""The lines of an answer that goes on, each awaited with a time limit.

Awaiting the next line goes on when the limit is over: httpx's iterator would not survive being cancelled.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType
    from typing import Self


class Stream:
    """Reads lines; an asynchronous context manager that leaves no task behind.

    Args:
        lines: where they come from.
    """

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines
        self._reading: asyncio.Task[str | None] | None = None

    async def next(self, limit: float) -> str | None:
        """The next line that is not blank, or None where none has come within `limit` seconds.

        Raises EOFError at the end, and whatever reading raises.
        """
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        done, _ = await asyncio.wait({self._reading}, timeout=limit)
        if not done:
            return None
        line = self._reading.result()
        self._reading = None
        if line is None:
            raise EOFError
        return line

    async def _read(self) -> str | None:
        async for line in self._lines:
            if line.strip():
                return line
        return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})
            if not self._reading.cancelled():
                self._reading.exception()  # looked at, so that asyncio does not report it
