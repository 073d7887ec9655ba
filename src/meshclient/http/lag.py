"""How long the caller's own event loop stood still.

A loop that is busy for half a second reads every answer half a second late. Taken for the servers' latency, that would
slow down, hedge and eject endpoints for what the caller did itself. So a timer that should fire every 20 ms measures by
how much it is late while calls are under way; what it finds is taken off latencies, and is given back to time limits
before they strike.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, proxy

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

PERIOD = 0.02
# Seconds late that any timer may be.
TOLERANCE = 0.01
# Seconds after the last call for which the measurement goes on.
LINGER = 1.0
# Seconds for what has arrived meanwhile to be read, after a limit fired late. Reading takes a few turns of the loop.
LOOK = 0.02


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


_MEASURED: WeakKeyDictionary[asyncio.AbstractEventLoop, LoopLag] = WeakKeyDictionary()


def loop_lag() -> LoopLag:
    """The measurement on the running loop."""
    loop = asyncio.get_running_loop()
    found = _MEASURED.get(loop)
    if found is None:
        # Not by its loop itself: what a weak dictionary holds must not hold the key, or no loop would ever be freed.
        found = _MEASURED[loop] = LoopLag(proxy(loop))
    return found


class PatientTimeout:
    """As `asyncio.timeout`, but what the loop stood still is not counted, once, and `grace` permitting.

    In any case a limit that fires late because of that looks at the sockets once more. Raises TimeoutError inside when
    the time is up.

    Args:
        seconds: the limit.
        grace: seconds that may be given back.
        stood: `LoopLag.stood` when it began.
    """

    __slots__ = ("_cancelling", "_fired", "_grace", "_handle", "_looked", "_loop", "_seconds", "_stood", "_task")

    def __init__(self, seconds: float, grace: float, stood: float) -> None:
        self._seconds = seconds
        self._grace = grace
        self._stood = stood
        self._fired = False
        self._looked = False

    async def __aenter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            msg = "a time limit needs a task: await the call in a coroutine of an event loop"
            raise RuntimeError(msg)
        self._task = task
        # A call may be made while its task is being cancelled, to clean up: what was asked for then is not ours.
        self._cancelling = task.cancelling()
        self._loop = asyncio.get_running_loop()
        due = self._loop.time() + self._seconds
        self._handle = self._loop.call_at(due, self._fire, due)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handle.cancel()
        if not self._fired or self._task.uncancel() > self._cancelling:
            return
        if kind is not None and issubclass(kind, asyncio.CancelledError):
            raise TimeoutError from error

    def _fire(self, due: float) -> None:
        if not self._looked and (stood := loop_lag().stood() - self._stood) > TOLERANCE:
            self._looked = True
            lost = stood - (self._loop.time() - due)
            self._handle = self._loop.call_later(max(LOOK, min(lost, self._grace)), self._fire, due)
            return
        self._fired = True
        self._task.cancel()
