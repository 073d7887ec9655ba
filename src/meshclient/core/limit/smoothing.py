"""What is usual in a row of numbers that now and then jump."""

from __future__ import annotations

from collections import deque


class Median:
    """The middle one of the last `span` numbers: a single jump does not show at all."""

    __slots__ = ("_last",)

    def __init__(self, span: int = 5) -> None:
        self._last: deque[float] = deque(maxlen=span)

    def add(self, value: float) -> float:
        """Take one more; the median, the upper one of two."""
        self._last.append(value)
        return sorted(self._last)[len(self._last) // 2]


class Average:
    """An exponential moving average over about `age` numbers; the mean of the first `warm_up`.

    Attributes:
        value: the average, 0 while there is none.
    """

    __slots__ = ("_count", "_step", "_warm_up", "value")

    def __init__(self, age: int, warm_up: int = 1) -> None:
        self._step = 2 / (age + 1)
        self._warm_up = warm_up
        self._count = 0
        self.value = 0.0

    def add(self, value: float) -> float:
        """Take one more; the average."""
        self._count = min(self._count + 1, self._warm_up + 1)
        step = 1 / self._count if self._count <= self._warm_up else self._step
        self.value += step * (value - self.value)
        return self.value
