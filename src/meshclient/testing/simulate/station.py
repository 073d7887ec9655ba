"""The workers of one instance and the queue before them."""

from __future__ import annotations

from bisect import insort
from math import inf


class Station:
    """Serves in the order of arrival. What callers have given up on is served all the same, as real servers do.

    Attributes:
        busy: how many requests are here, those that wait included, as of the last arrival.
    """

    __slots__ = ("_ends",)

    def __init__(self) -> None:
        self._ends: list[float] = []

    @property
    def busy(self) -> int:
        """How many requests are here, as of the last arrival."""
        return len(self._ends)

    def enter(self, now: float, seconds: float, workers: int, queue: float = inf) -> float | None:
        """Seconds until a request that takes `seconds` of work is done; None where the queue is full.

        Args:
            now: seconds; never less than before.
            seconds: of work.
            workers: how many work at present.
            queue: how many may wait.
        """
        ends = self._ends
        while ends and ends[0] <= now:
            ends.pop(0)
        waiting = len(ends) - workers
        if waiting >= queue:
            return None
        # In line behind `waiting` others: its turn comes when one more than those has been served.
        begins = ends[waiting] if waiting >= 0 else now
        insort(ends, begins + seconds)
        return begins + seconds - now
