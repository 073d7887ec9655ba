"""How often a list is read and an answer given, whatever etcd does.

A decision without a clock: `Pace.take` says how long to wait.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# Five in quick succession (breaks of a watch, steps of a rolling restart) are followed at once.
BURST = 5
# A watch that breaks all the time costs two lists a second.
INTERVAL = 0.5
# A storm of changes is told four times a second: each answer sorts the whole list.
GAP = 0.25


@dataclass(frozen=True, slots=True)
class Pace:
    """A bound on a rate: `burst` at once, then one for each `interval` seconds.

    The generic cell rate algorithm (ITU-T I.371, annex A), which needs one number where a token bucket needs two.

    Args:
        burst: how many may come without a distance.
        interval: seconds between the others.
        due: seconds on the caller's clock when the next would come if all came evenly.
    """

    burst: int = BURST
    interval: float = INTERVAL
    due: float = -math.inf

    def delay(self, now: float) -> float:
        """Seconds to wait before the next."""
        return max(0.0, self.due - (self.burst - 1) * self.interval - now)

    def taken(self, now: float) -> Pace:
        """The pace after one at `now`."""
        return Pace(self.burst, self.interval, max(self.due, now) + self.interval)
