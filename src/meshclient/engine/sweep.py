"""One timer on a loop for all time limits of its connections, and the measurement of how long the loop stood still.

A timer per call costs more than writing the request. Limits are in tenths of a second and more, so looking at
everything that is under way a hundred times a second is enough, and costs nothing while nothing is under way.

A loop that was busy for half a second with something else reads every answer half a second late. The timer notices by
how much it is late itself. What it finds is told to everything that is under way, so that it can be taken off latencies
and given back to limits before they strike.
"""

from __future__ import annotations

import asyncio
import time
from contextvars import Context
from math import inf
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary, proxy

if TYPE_CHECKING:
    from collections.abc import Callable

PERIOD = 0.01
# Seconds late that any timer may be, on a machine that has others to do.
TOLERANCE = 0.02
# Seconds after the last thing under way for which the timer goes on, so that it is not started for each call.
LINGER = 1.0
# Seconds for what has arrived meanwhile to be read, after a limit was reached late. Reading takes a few turns.
LOOK = 0.02


class Watched(Protocol):
    """What the sweep looks at.

    Attributes:
        busy: whether it still is under way; it is left out otherwise, and `watched` becomes False.
        due: clock from which `expire` is called.
    """

    busy: bool
    watched: bool
    due: float

    def expire(self, now: float) -> None:
        """The time is up."""
        ...

    def stand(self, late: float, now: float) -> None:
        """The loop stood still for `late` seconds until `now`."""
        ...


class Sweep:
    """The timer on one loop; used on that loop only.

    Args:
        loop: where it runs.
        clock: by which the limits are given. Standing still is measured in real time.

    Attributes:
        next: clock of the next look; inf while there is none.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = time.monotonic) -> None:
        self._loop = loop
        self._clock = clock
        self._watched: list[Watched] = []
        self._used = 0.0
        self._real = 0.0
        self._stood = 0.0
        self._ticking = False
        # Not that of the call that happens to begin the ticking: it would be kept for as long.
        self._context = Context()
        self.next = inf

    def watch(self, watched: Watched) -> None:
        """Look at it until it is no longer busy; it says itself whether it is `watched` already."""
        watched.watched = True
        self._watched.append(watched)
        if not self._ticking:
            self._start()

    def stood(self) -> float:
        """Seconds the loop has stood still in all while this was watched; compare two readings."""
        if not self._ticking:
            self._start()
            return self._stood
        # Answers are read before timers fire: at this moment the timer may be late and not know it yet.
        now = time.monotonic()
        self._used = now
        late = now - self._real
        return self._stood + late if late > TOLERANCE else self._stood

    def late(self, began: float, ended: float) -> float:
        """Seconds between two readings of the clock for which the loop stood still, and the timer does not know yet."""
        if ended - self.next <= TOLERANCE:
            return 0.0
        return max(0.0, ended - max(began, self.next))

    def _start(self) -> None:
        self._ticking = True
        self._used = time.monotonic()
        self._in_a_period(self._used)

    def _in_a_period(self, now: float) -> None:
        self._real = now + PERIOD
        self.next = self._clock() + PERIOD
        self._loop.call_later(PERIOD, self._tick, context=self._context)

    def _tick(self) -> None:
        real = time.monotonic()
        late = real - self._real
        if late > TOLERANCE:
            self._stood += late
        now = self._clock()
        watched, self._watched = self._watched, []
        for one in watched:
            if not one.busy:
                one.watched = False
                continue
            if late > TOLERANCE:
                one.stand(late, now)
            if one.due <= now:
                one.expire(now)
            self._watched.append(one)
        if self._watched:
            self._used = real
        elif real - self._used > LINGER:
            self._ticking = False
            self.next = inf
            return
        self._in_a_period(real)


_SWEEPS: WeakKeyDictionary[asyncio.AbstractEventLoop, Sweep] = WeakKeyDictionary()


def sweep() -> Sweep:
    """The one of the running loop, by `time.monotonic`."""
    loop = asyncio.get_running_loop()
    found = _SWEEPS.get(loop)
    if found is None:
        for known in _SWEEPS.keyrefs():
            if (other := known()) is not None and other.is_closed():
                # What was under way when it closed holds it.
                _SWEEPS.pop(other, None)
        # Not by its loop itself: what a weak dictionary holds must not hold the key, or no loop would ever be freed.
        found = _SWEEPS[loop] = Sweep(proxy(loop))
    return found
