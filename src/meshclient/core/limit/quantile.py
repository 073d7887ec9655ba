"""The latencies of one window, exact enough for a percentile.

Logarithmic buckets, kept only where something fell into them: C. Masson, J. E. Rim, H. K. Lee, "DDSketch: A Fast and
Fully-Mergeable Quantile Sketch", VLDB 2019. A sample costs one logarithm and one count, a window of any length some
hundred numbers, and the percentile of it is right to 0.5 %.
"""

from __future__ import annotations

from math import exp, log

# Each bucket is this much wider than the one before.
GROWTH = 1.01
# Anything faster counts as this, in seconds.
FASTEST = 1e-6
_SCALE = 1 / log(GROWTH)


class Sketch:
    """Counts of latencies.

    Attributes:
        total: how many there are.
    """

    __slots__ = ("_counts", "total")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.total = 0

    def add(self, seconds: float) -> None:
        """One more."""
        bucket = round(log(seconds) * _SCALE) if seconds > FASTEST else round(log(FASTEST) * _SCALE)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self.total += 1

    def quantile(self, share: float) -> float:
        """The latency that this share of the samples does not exceed, 0 to 1; there must be one."""
        left = share * self.total
        for bucket in sorted(self._counts):
            left -= self._counts[bucket]
            if left <= 0:
                break
        return exp(bucket / _SCALE)

    def clear(self) -> None:
        """Forget everything."""
        self._counts.clear()
        self.total = 0
