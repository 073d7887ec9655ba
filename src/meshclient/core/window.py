"""How many attempts succeeded and failed within the last seconds, counted exactly.

Ten buckets, each a tenth of the span, are added up and forgotten whole (Linkerd's unified breaker). A moving average
would give a burst of failures nearly no weight, and a sampled window would make the rules that stand on it wrong at
the few calls a second that many services see.
"""

from __future__ import annotations

BUCKETS = 10


class Window:
    """Successes and failures of the last `span` seconds, to a tenth of it; O(1) to record and to read.

    Args:
        span: seconds.

    Attributes:
        successes: as of the latest `record`, `advance` or `clear`.
        failures: likewise.
    """

    __slots__ = ("_bad", "_good", "_rate", "_slot", "failures", "successes")

    def __init__(self, span: float = 10.0) -> None:
        self._rate = BUCKETS / span
        self._good = [0] * BUCKETS
        self._bad = [0] * BUCKETS
        self._slot = 0
        self.successes = 0
        self.failures = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.successes + self.failures

    def record(self, now: float, *, failed: bool) -> None:
        """One attempt ended at `now`, in seconds on a monotonic clock."""
        slot = int(now * self._rate)
        if slot > self._slot:
            self._forget(slot)
        # A clock that steps back counts into the latest bucket.
        at = self._slot % BUCKETS
        if failed:
            self._bad[at] += 1
            self.failures += 1
        else:
            self._good[at] += 1
            self.successes += 1

    def succeed(self, now: float) -> None:
        """As `record` of one that did not fail."""
        slot = int(now * self._rate)
        if slot > self._slot:
            self._forget(slot)
        self._good[self._slot % BUCKETS] += 1
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
        self.successes = self.failures = 0

    def _forget(self, slot: int) -> None:
        for passed in range(max(self._slot, slot - BUCKETS) + 1, slot + 1):
            at = passed % BUCKETS
            self.successes -= self._good[at]
            self.failures -= self._bad[at]
            self._good[at] = self._bad[at] = 0
        self._slot = slot
