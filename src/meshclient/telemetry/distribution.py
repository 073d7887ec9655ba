"""A histogram that costs its caller one step: what is noted is put into buckets later, many at a time.

`deque.append` and `deque.popleft` are one step of the interpreter each, so that threads lose nothing between them and
need no lock. Whoever puts the notes into buckets has one, and nobody waits for it: an allocation under it may start the
garbage collector, which may close a forgotten call on this very thread, which notes how long that took. What is left
then is put away with the next.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Lock

# Notes after which they are put away: 20 us each 256 calls.
BATCH = 256

# OpenTelemetry's semantic conventions advise these for http.client.request.duration.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
# Of attempts, repeats and hedges in one call: few configure more than five.
FEW = (1.0, 2.0, 3.0, 4.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Distribution:
    """What was counted.

    Args:
        bounds: upper bounds of the buckets, which are inclusive.
        counts: of each bucket by itself, and at the end of what is above all bounds.
        total: the sum of all values.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float

    @property
    def count(self) -> int:
        """How many values."""
        return sum(self.counts)

    def plus(self, other: Distribution) -> Distribution:
        """Both together; their bounds are the same."""
        counts = tuple(map(sum, zip(self.counts, other.counts, strict=True)))
        return Distribution(self.bounds, counts, self.total + other.total)


class Durations:
    """Counts values.

    Args:
        lock: held while values are put away; others may share it, for no time that matters.
        bounds: of the buckets, ascending.

    Attributes:
        fresh: what is not in buckets yet. Who appends to it looks whether it is time to `settle`.
        taps: told of values as they are put away, sorted; never under a lock of the caller's.
    """

    __slots__ = ("_bounds", "_counts", "_lock", "_total", "fresh", "taps")

    def __init__(self, lock: Lock, bounds: Sequence[float] = SECONDS) -> None:
        self._bounds = tuple(bounds)
        self.fresh: deque[float] = deque()
        self.taps: tuple[Callable[[Sequence[float]], None], ...] = ()
        self._lock = lock
        self.clear()

    def add(self, value: float) -> None:
        """Count one."""
        self.fresh.append(value)
        if len(self.fresh) >= BATCH:
            self.settle()

    def settle(self, *, wait: bool = False) -> None:
        """Put away what is fresh; where somebody else is at it, `wait` for that or leave it to them."""
        if not self._lock.acquire(blocking=wait):
            return
        try:
            take = self.fresh.popleft
            # Nobody else takes any out, so that so many are there at least.
            values = sorted([take() for _ in range(len(self.fresh))])
            below = 0
            for at, bound in enumerate(self._bounds):
                reached = bisect_right(values, bound)
                self._counts[at] += reached - below
                below = reached
            self._counts[-1] += len(values) - below
            self._total += sum(values)
            if values:
                for tap in self.taps:
                    tap(values)
        finally:
            self._lock.release()

    def read(self) -> Distribution:
        """All that was counted by now."""
        self.settle(wait=True)
        with self._lock:
            return Distribution(self._bounds, tuple(self._counts), self._total)

    def clear(self) -> None:
        """Begin anew, in a forked child where no other thread is."""
        self.fresh.clear()
        self._counts = [0] * (len(self._bounds) + 1)
        self._total = 0.0
