"""Trying out whether a lower limit would do as well.

Correlations over the last minute tell that a limit is too high, but not when to stop: below the right one they still
remember what was above it. So a limit that seems too high is lowered for a few windows, and compared with what was
before: if answers come faster and as many of them, it stays so, and if not, it was right.
"""

from __future__ import annotations

from dataclasses import dataclass

# The trial: this share of the limit, for one window more than the median of its latencies needs to be all new.
SHARE = 0.8
WINDOWS = 6
# Behind a queue latency falls as the limit does; half of that has to show. Below saturation answers fall as the limit
# does; less than half of that may show.
FASTER = 0.9
AS_MANY = 0.9
# Windows after a trial in vain until the next one: it costs up to a fifth of the answers, so a fiftieth over time.
REST = 50


@dataclass(slots=True)
class Descent:
    """One trial after another.

    Attributes:
        left: windows until the trial under way is over, or 0.
        rest: windows until another may begin.
    """

    left: int = 0
    rest: int = 0
    _limit: float = 0.0
    _latency: float = 0.0
    _rate: float = 0.0

    def begin(self, limit: float, latency: float, rate: float) -> float:
        """The limit to try; `latency` in seconds and `rate` in answers a second are what `limit` gives."""
        self._limit, self._latency, self._rate = limit, latency, rate
        self.left = WINDOWS
        return limit * SHARE

    def go_on(self, limit: float, latency: float, rate: float) -> float:
        """One window of the trial is over; the limit from now on."""
        self.left -= 1
        if self.left or (latency <= FASTER * self._latency and rate >= AS_MANY * self._rate):
            return limit
        self.rest = REST
        return self._limit

    def stop(self) -> None:
        """Something else has changed the limit."""
        self.left = 0
