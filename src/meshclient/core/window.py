"""How many attempts succeeded and failed within the last seconds, counted exactly.

Ten buckets, each a tenth of the span, are added up and forgotten whole (Linkerd's unified breaker). A moving average
would give a burst of failures nearly no weight, and a sampled window would make the rules that stand on it wrong at
the few calls a second that many services see.

The latest bucket is not counted by itself: it is what the sums have beyond the others. So that one more, which every
call adds several times, is one addition.
"""

from __future__ import annotations

BUCKETS = 10
# Shortens a bucket by as much as the arithmetic may be off, so that its end is never seen too late.
_EARLY = 1 - 1e-12


class Window:
    """Successes and failures of the last `span` seconds, to a tenth of it; O(1) to record and to read.

    Args:
        span: seconds.

    Attributes:
        successes: as of the latest `record`, `advance` or `clear`. Whoever must be quick may add to it himself, after
            `advance` where `until` has passed: that is one step of the interpreter, and needs no lock.
        failures: likewise.
        until: when `advance` has something to do.
    """

    __slots__ = ("_bad", "_failed", "_good", "_rate", "_slot", "_succeeded", "failures", "successes", "until")

    def __init__(self, span: float = 10.0) -> None:
        self._rate = BUCKETS / span
        self._slot = 0
        self.until = _EARLY / self._rate
        self.clear()

    @property
    def total(self) -> int:
        """All of them."""
        return self.successes + self.failures

    def record(self, now: float, *, failed: bool) -> None:
        """One attempt ended at `now`, in seconds on a monotonic clock."""
        # A clock that steps back counts into the latest bucket.
        if now >= self.until:
            self.advance(now)
        if failed:
            self.failures += 1
        else:
            self.successes += 1

    def advance(self, now: float) -> None:
        """Forget what is older than the span; `successes` and `failures` then hold for `now`."""
        slot = int(now * self._rate)
        if slot > self._slot:
            self._forget(slot)

    def clear(self) -> None:
        """Forget everything."""
        self._good = [0] * BUCKETS
        self._bad = [0] * BUCKETS
        # What the buckets before the latest one hold.
        self._succeeded = self._failed = 0
        self.successes = self.failures = 0

    def _forget(self, slot: int) -> None:
        latest = self._slot % BUCKETS
        # Read once: what is added meanwhile belongs to the latest bucket, whichever that is.
        good, bad = self.successes - self._succeeded, self.failures - self._failed
        self._good[latest] += good
        self._bad[latest] += bad
        for passed in range(max(self._slot, slot - BUCKETS) + 1, slot + 1):
            at = passed % BUCKETS
            good -= self._good[at]
            bad -= self._bad[at]
            self.successes -= self._good[at]
            self.failures -= self._bad[at]
            self._good[at] = self._bad[at] = 0
        self._succeeded += good
        self._failed += bad
        self._slot = slot
        self.until = (slot + 1) / self._rate * _EARLY
