"""When to fetch next: a decision over values, without a clock or a socket.

After a success comes the interval. After a failure the next try comes soon, later with each, and at most after the
interval. A server that did not answer in time may be drowning in questions: as in Eureka's own client
(TimedSupervisorTask with its exponential back-off bound of 10), each time-out doubles the interval, up to ten times.
"""

from __future__ import annotations

from dataclasses import dataclass

RETRY_FIRST = 0.25
SLOWEST = 10.0
JITTER = 0.1
# 2 to this power times RETRY_FIRST is more than a year.
_MOST_FAILURES = 30


@dataclass(frozen=True, slots=True)
class Pace:
    """The pauses between fetches.

    Args:
        interval: seconds between two fetches that succeed.
        failures: how many have failed in a row.
        slowdown: the factor by which time-outs stretch the interval.
    """

    interval: float
    failures: int = 0
    slowdown: float = 1.0

    def succeeded(self) -> Pace:
        """The pace after an answer."""
        return Pace(self.interval)

    def failed(self) -> Pace:
        """The pace after a failure that says nothing of the server's load, and while there is no list to go on with."""
        return Pace(self.interval, min(self.failures + 1, _MOST_FAILURES))

    def timed_out(self) -> Pace:
        """The pace after a server that did not answer in time."""
        return Pace(self.interval, slowdown=min(self.slowdown * 2, SLOWEST))

    def pause(self, share: float) -> float:
        """Seconds until the next fetch; `share`, from 0 to 1, is its jitter.

        A retry waits the half of its bound and a share of the other; anything else is spread by a tenth either way.
        """
        if self.failures:
            bound = min(self.interval, RETRY_FIRST * 2.0 ** (self.failures - 1))
            return bound / 2 * (1 + share)
        return self.interval * self.slowdown * (1 + JITTER * (2 * share - 1))
