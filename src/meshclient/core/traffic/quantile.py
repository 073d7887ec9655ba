"""A high percentile of latencies, followed without keeping them.

Stochastic approximation (H. Robbins and S. Monro, 1951) on the logarithm of the latency: a step up for each that is
above, a much smaller one down for each that is below, in balance where the percentile is.
"""

from __future__ import annotations

from math import exp, inf

QUANTILE = 0.95
# Latencies before the first estimate, which is then their largest: the one in twenty.
FIRST = 20
# Of a doubling, about a fortieth: it follows a service that becomes twice as slow within forty of its calls.
STEP = 0.02


class Quantile:
    """The 95th percentile of what it is told.

    Attributes:
        value: seconds; infinity before there is an estimate.
    """

    __slots__ = ("_first", "_largest", "value")

    def __init__(self) -> None:
        self._first = FIRST
        self._largest = 1e-6
        self.value = inf

    def observe(self, seconds: float) -> None:
        """One more latency. O(1)."""
        if self._first:
            self._first -= 1
            self._largest = max(self._largest, seconds)
            if not self._first:
                self.value = self._largest
            return
        self.value *= exp(STEP * (QUANTILE if seconds > self.value else QUANTILE - 1))
