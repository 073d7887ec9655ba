"""When to ask Cloud Map next, and for what: values without a clock or a socket.

Asking for the revision costs a third of what asking for the list does (AWS's quotas are 3,000 and 1,000 a second for
a whole account), so that the list is only fetched when the revision has moved. It does not move when an instance's
health does, for which the list is fetched from time to time all the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

# An account that is throttled is asked sixteen times less at the most: 80 s at the default interval, so that even then
# a change is seen within the time that DNS caches take.
SLOWEST = 16
# A local failure brings the next list forward, to no sooner than this share of an interval after the last one.
EARLIEST = 0.2


@dataclass(frozen=True, slots=True)
class Pace:
    """The interval between two questions, which gives way when AWS asks for it.

    Additive increase, multiplicative decrease, here of the interval: it doubles with each throttled question and
    shrinks by one basic interval with each that is answered (Chiu and Jain, "Analysis of the Increase and Decrease
    Algorithms for Congestion Avoidance in Computer Networks", 1989).

    Args:
        base: seconds between two questions while nobody objects.
        interval: seconds between two questions now.
    """

    base: float
    interval: float

    def throttled(self) -> Pace:
        """The pace after a question that was refused."""
        return replace(self, interval=min(self.interval * 2, self.base * SLOWEST))

    def answered(self) -> Pace:
        """The pace after a question that was answered."""
        return replace(self, interval=max(self.interval - self.base, self.base))


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether a new list is needed.

    Args:
        health_interval: seconds for which a list stands while its revision does.
        revision: that of the list held; None for no list or one without revision.
        fetched: when it was fetched, in seconds of the caller's clock.
    """

    health_interval: float
    revision: int | None = None
    fetched: float = -math.inf

    def due(self, now: float, *, forced: bool = False) -> bool:
        """Whether to fetch without asking for the revision."""
        return forced or self.revision is None or now >= self.fetched + self.health_interval

    def moved(self, revision: int) -> bool:
        """Whether this revision is another list's: a smaller one too, for a service that was made anew."""
        return revision != self.revision

    def passed(self, revision: int | None, now: float) -> Gate:
        """The gate after a list of this revision has been fetched."""
        return replace(self, revision=revision, fetched=now)
