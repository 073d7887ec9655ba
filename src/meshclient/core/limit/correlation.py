"""Whether two quantities have moved together lately."""

from __future__ import annotations

from collections import deque
from math import sqrt

# Relative to the sum of squares itself: what is left of a constant after rounding is no variation.
NOISE = 1e-12


class Correlation:
    """Pearson's coefficient over the last `span` pairs, in O(1) for each.

    Means and central moments are updated when a pair comes and when it goes (Welford's formula, forwards and
    backwards). Sums of squares would need no more, and lose all their digits to cancellation where the mean is large
    beside the deviations. Rounding errors of the backward step would still gather: once in `span` pairs everything is
    worked out anew.

    Args:
        span: pairs that are remembered.
    """

    __slots__ = ("_age", "_mean_x", "_mean_y", "_pairs", "_span", "_xx", "_xy", "_yy")

    def __init__(self, span: int = 50) -> None:
        self._span = span
        self._pairs: deque[tuple[float, float]] = deque()
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._pairs.clear()
        self._age = 0
        self._mean_x = self._mean_y = self._xx = self._yy = self._xy = 0.0

    def add(self, x: float, y: float) -> None:
        """One more pair; the oldest is forgotten where there are `span` already."""
        if len(self._pairs) == self._span:
            self._out(*self._pairs.popleft())
        self._pairs.append((x, y))
        self._in(x, y, len(self._pairs))
        self._age += 1
        if self._age == self._span:
            self._again()

    def __len__(self) -> int:
        return len(self._pairs)

    @property
    def coefficient(self) -> float:
        """-1 to 1; 0 where one of the two has not varied at all."""
        n = len(self._pairs)
        if self._xx <= NOISE * n * self._mean_x**2 or self._yy <= NOISE * n * self._mean_y**2:
            return 0.0
        return max(-1.0, min(1.0, self._xy / sqrt(self._xx * self._yy)))

    @property
    def variation(self) -> float:
        """The second quantity's standard deviation in relation to its mean; 0 where that is 0."""
        if not self._mean_y:
            return 0.0
        return sqrt(max(0.0, self._yy) / len(self._pairs)) / abs(self._mean_y)

    def _in(self, x: float, y: float, n: int) -> None:
        dx, dy = x - self._mean_x, y - self._mean_y
        self._mean_x += dx / n
        self._mean_y += dy / n
        self._xx += dx * (x - self._mean_x)
        self._yy += dy * (y - self._mean_y)
        self._xy += dx * (y - self._mean_y)

    def _out(self, x: float, y: float) -> None:
        n = len(self._pairs)
        if not n:
            self.clear()
            return
        dx, dy = x - self._mean_x, y - self._mean_y
        self._mean_x -= dx / n
        self._mean_y -= dy / n
        self._xx -= dx * (x - self._mean_x)
        self._yy -= dy * (y - self._mean_y)
        self._xy -= dx * (y - self._mean_y)

    def _again(self) -> None:
        pairs = self._pairs
        self._age = 0
        self._mean_x = self._mean_y = self._xx = self._yy = self._xy = 0.0
        for n, (x, y) in enumerate(pairs, 1):
            self._in(x, y, n)
