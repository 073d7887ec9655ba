"""Those who wait for a place: the most important first, and in what order among equals.

Among equals the oldest is first, while the queue is what it should be: a burst, which ends before anybody's patience
does. A queue that has not been empty for as long as one may wait in it is no burst any more but overload, and then
first come, first served means that everybody waits until his time is nearly over; whoever then gets a place has little
time left to use it. So from then on the newest is first: as many calls are served, nearly all of them at once, and
those who wait in vain would have done so in any order (adaptive LIFO: B. Maurer, "Fail at Scale", ACM Queue 13(8),
2015, after K. Nichols and V. Jacobson, "Controlling Queue Delay", 2012). It lasts until the queue has been empty once.

Both hold for each priority by itself: the most important may come and go at once while the rest is overloaded.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient.core.limit.place import Place


class Line:
    """Waiting places; O(1) but for the number of different priorities among them.

    Args:
        patience: seconds that one may wait.
    """

    __slots__ = ("_levels", "_patience", "_since", "size")

    def __init__(self, patience: float) -> None:
        self._patience = patience
        # Ordered by arrival. A plain dict slows down with each key that is taken from its front.
        self._levels: dict[int, OrderedDict[Place, None]] = {}
        self._since: dict[int, float] = {}
        self.size = 0

    def join(self, place: Place, now: float) -> None:
        """Add one."""
        level = self._levels.get(place.priority)
        if level is None:
            level = self._levels[place.priority] = OrderedDict()
            self._since[place.priority] = now
        level[place] = None
        self.size += 1

    def remove(self, place: Place) -> None:
        """Take out one that waits."""
        level = self._levels[place.priority]
        del level[place]
        self.size -= 1
        if not level:
            del self._levels[place.priority], self._since[place.priority]

    def first(self, now: float) -> Place:
        """Whose turn it is; somebody must wait."""
        return self._end(min(self._levels), now, newest=False)

    def last(self, now: float) -> Place:
        """Whose turn would come last; somebody must wait."""
        return self._end(max(self._levels), now, newest=True)

    def _end(self, priority: int, now: float, *, newest: bool) -> Place:
        level = self._levels[priority]
        if now - self._since[priority] > self._patience:
            newest = not newest
        return next(reversed(level) if newest else iter(level))
