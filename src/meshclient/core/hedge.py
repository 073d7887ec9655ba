"""When a second attempt is sent beside one that is late.

Source: Dean and Barroso, "The Tail at Scale" (CACM 56(2), 2013), and Finagle's BackupRequestFilter. One number says how
much extra load is acceptable; the delay is the percentile of latency that just so many calls exceed, and a budget of
its own keeps to that number when the percentile is out of date: when everything becomes slow at once, every call is
late by yesterday's measure, and hedging them all would double the load of a service that is in trouble already.
"""

from __future__ import annotations

from contextlib import nullcontext
from math import inf, log, sqrt
from typing import TYPE_CHECKING

from meshclient.core.retry_budget import RetryBudget
from meshclient.core.window import Window

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

# Latencies are counted in buckets, each this much wider than the one before: a percentile is right to 5 %.
GROWTH = 1.1
SHORTEST = 0.001
# A percentile this high, in seconds, means that waiting is what this service is: no hedging (Finagle).
TOP = 2.0
_BUCKETS = int(log(TOP / SHORTEST) / log(GROWTH)) + 2
# Three slices of ten seconds are looked back upon, and the percentile is worked out anew every three seconds (Finagle).
SLICES = 3
SLICE = 10.0
REFRESH = 3.0
# More calls late than the percentile lets expect, by so many standard deviations over so many seconds, means that the
# service has become slow as a whole, and a second attempt would be no faster: none is sent until the percentile has
# caught up.
DEVIATIONS = 1.5
LATELY = 3.0
# Fewer answers say nothing about a percentile (tower's min_data_points).
SAMPLES = 100


class Hedging:
    """The rule, and what it has seen of one service.

    Args:
        extra: share of additional attempts that is acceptable, 0 to 1.
        quantile: share of calls that are let finish alone; by default ``1 - extra``.
        lock: guards the counts where threads share them.
    """

    __slots__ = ("_budget", "_delay", "_due", "_lately", "_lock", "_quantile", "_slice", "_slices")

    def __init__(
        self,
        extra: float = 0.02,
        quantile: float | None = None,
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        self._quantile = 1 - extra if quantile is None else quantile
        self._lock = nullcontext() if lock is None else lock
        self._budget = RetryBudget(extra, 0.0)
        self._slices = [[0] * _BUCKETS for _ in range(SLICES)]
        self._slice = 0
        self._lately = Window(LATELY)
        self._delay = inf
        self._due = 0.0

    def began(self, now: float) -> float:
        """A call that may be hedged began; how many seconds to wait for it alone, infinity for as long as it takes."""
        with self._lock:
            self._budget.deposit(now)
            self._lately.record(now, failed=False)
            if now >= self._due:
                self._advance(now)
                self._delay, self._due = self._percentile(), now + REFRESH
            return self._delay

    def observe(self, seconds: float, now: float) -> None:
        """An answer took `seconds`, or had not come by then when its attempt was given up.

        Those given up count as well: without them the percentile would only know the fast. Failures that came fast
        are left out, for they say nothing about how long an answer takes.
        """
        with self._lock:
            self._advance(now)
            self._slices[self._slice % SLICES][_bucket(seconds)] += 1

    def withdraw(self, now: float) -> bool:
        """A call is late: spend one hedge, if there is one and only few calls are late."""
        with self._lock:
            lately = self._lately
            lately.record(now, failed=True)
            expected = (1 - self._quantile) * lately.successes
            if lately.failures > expected + DEVIATIONS * sqrt(expected) + 1:
                return False
            return self._budget.withdraw(now)

    def _advance(self, now: float) -> None:
        current = int(now / SLICE)
        if current > self._slice:
            for passed in range(max(self._slice, current - SLICES) + 1, current + 1):
                self._slices[passed % SLICES] = [0] * _BUCKETS
            self._slice = current

    def _percentile(self) -> float:
        counts = [sum(column) for column in zip(*self._slices, strict=True)]
        total = sum(counts)
        if total < SAMPLES:
            return inf
        left = self._quantile * total
        for at, count in enumerate(counts):
            left -= count
            if left <= 0:
                # The upper edge of its bucket: rather a little late than a little early.
                bound = SHORTEST * GROWTH**at
                return bound if bound < TOP else inf
        return inf


def _bucket(seconds: float) -> int:
    return 0 if seconds <= SHORTEST else min(_BUCKETS - 1, int(log(seconds / SHORTEST) / log(GROWTH)) + 1)
