"""Virtual time: what is due, in order, and a clock that jumps from one moment to the next."""

from __future__ import annotations

from heapq import heappop, heappush
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Due:
    """Something that is due at a moment; may be called off until then."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Let it not happen."""
        self.action = None


class Timeline:
    """The heap of events of one run.

    Events of one moment happen in the order in which they were planned, so a run depends on its seed alone.

    Attributes:
        now: seconds since the run began.
    """

    __slots__ = ("_heap", "_planned", "now")

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, Due]] = []
        self._planned = 0

    def at(self, moment: float, action: Callable[[], None]) -> Due:
        """Plan `action`; a moment that has passed is now, and infinity never comes."""
        due = Due(action)
        if moment < inf:
            self._planned += 1
            heappush(self._heap, (max(moment, self.now), self._planned, due))
        return due

    def after(self, seconds: float, action: Callable[[], None]) -> Due:
        """Plan `action` in so many seconds."""
        return self.at(self.now + seconds, action)

    def run(self, until: float) -> None:
        """Let everything happen that is due up to and at `until`, which is the time afterwards."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            self.now, _, due = heappop(heap)
            if due.action is not None:
                due.action()
        self.now = max(self.now, until)
