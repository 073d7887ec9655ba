"""How long a simulated caller stood still: what `meshclient.engine.sweep` measures, in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.engine.sweep import LINGER, TOLERANCE

if TYPE_CHECKING:
    import asyncio

PERIOD = 0.02


class LoopLag:
    """The measurement on one loop; used on that loop only."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due = 0.0
        self._used = 0.0
        self._ticking = False
        self._stood = 0.0

    def stood(self) -> float:
        """Seconds it has stood still in all while this was watched; compare two readings."""
        now = self._loop.time()
        self._used = now
        if not self._ticking:
            self._ticking = True
            self._tick_in(PERIOD)
            return self._stood
        # Answers are read before timers fire: at this moment the timer may be late and not know it yet.
        return self._stood + self._late(now)

    def _late(self, now: float) -> float:
        late = now - self._due
        return late if late > TOLERANCE else 0.0

    def _tick_in(self, seconds: float) -> None:
        self._due = self._loop.time() + seconds
        self._loop.call_at(self._due, self._tick)

    def _tick(self) -> None:
        now = self._loop.time()
        self._stood += self._late(now)
        if now - self._used > LINGER:
            self._ticking = False
        else:
            self._tick_in(PERIOD)
