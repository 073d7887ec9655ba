"""The latest answers of an endpoint, remembered while somebody looks.

A balancer keeps one moving number for each endpoint, from which no quantile can be read, and to keep more would cost
each call. So an endpoint whose answers are of interest gets, in the place of its moving average, one that remembers
what it was told as well; when nobody looks any more it gets a plain one back.
"""

from __future__ import annotations

from collections import deque
from math import ceil
from typing import TYPE_CHECKING

from meshclient.core.balance.peak_ewma import PeakEwma

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Remembering(PeakEwma):
    """A moving average that remembers the `many` latest answers; see `remembering`."""

    __slots__ = ("_latest",)

    def __init__(self, cost: float, now: float, many: int) -> None:
        super().__init__(cost, now)
        self._latest: deque[tuple[float, float]] = deque(maxlen=many)

    def observe(self, seconds: float, now: float) -> None:
        """As `PeakEwma.observe`."""
        PeakEwma.observe(self, seconds, now)
        self._latest.append((now, seconds))

    def since(self, then: float) -> Iterator[float]:
        """The seconds of answers that came after `then`."""
        return (seconds for at, seconds in self._latest if at > then)


def remembering(ewma: PeakEwma, many: int) -> Remembering:
    """`ewma`, with a memory from now on, or with the one that it has."""
    if isinstance(ewma, Remembering):
        return ewma
    return Remembering(ewma.cost, ewma.stamp, many)


def forgetful(ewma: PeakEwma) -> PeakEwma:
    """`ewma` without a memory."""
    return PeakEwma(ewma.cost, ewma.stamp) if isinstance(ewma, Remembering) else ewma


def quantile(ordered: Sequence[float], part: float) -> float | None:
    """The value that `part` (0 to 1) of these, in ascending order, do not exceed: the nearest rank; None of none."""
    return ordered[max(0, ceil(part * len(ordered)) - 1)] if ordered else None
