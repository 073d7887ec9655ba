"""Sending less to a service that fails, in proportion, with nothing to open or to close.

Source: the client throttle of Google's SRE book (chapter 21), p = max(0, (requests - K * accepts) / (requests + 1)).
Four things differ:

- As in Envoy's admission control only calls that were sent count as requests. The book counts refused ones as well, so
  that any acceptance below 1/K drifts to the highest refusal there is: a service of which one route fails, with 60 % of
  the calls, would lose 90 % of all of them instead of 20 %.
- The excess must stand out by two standard deviations of a fair coin, sqrt(requests) each. A service that fails half of
  its calls would otherwise be refused some by noise.
- The last successes speed up the return (`Ramp`). A window alone holds the outage against the service until it has
  passed out of it: tens of seconds after everything is well.
- `most` leaves a tenth of the calls through, however long it lasts: they are what tells that it is over.
"""

from __future__ import annotations

from contextlib import nullcontext
from math import exp, log, sqrt
from typing import TYPE_CHECKING

from meshclient.core.circuit import Refusal
from meshclient.core.window import Window
from meshclient.model.outcome import Mark

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Self

# Successes in a row, and seconds they take at least, from the smallest share of admitted calls to all of them. Ten that
# succeed by luck where half of all fail are one chance in a thousand, and most answers come well within that time: a
# service whose capacity is back in part shows its limit before everything is sent.
RAMP_CALLS = 10
RAMP_SECONDS = 0.75
DEVIATIONS = 2.0


class Throttle:
    """Refuses calls of one service with the probability that its recent failures give.

    It is its own permit: an admitted call holds nothing that could be lost. Healthy calls take no lock to be admitted.

    Args:
        k: requests sent for each that is accepted, before any is refused; 2 leaves a service alone that fails half.
        window: seconds of history.
        min_calls: calls in that window below which nothing is refused.
        most: highest share of the calls that is refused, below 1.
        lock: guards the counters where threads share them.

    Attributes:
        blanket: itself, while there are no failures to be held against the service.
        window: the calls.
    """

    __slots__ = ("_begun", "_excess", "_lock", "_min_calls", "_most", "_streak", "blanket", "k", "window")

    def __init__(
        self,
        k: float = 2.0,
        window: float = 10.0,
        min_calls: int = 20,
        most: float = 0.9,
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        self.k = k
        self._excess = k - 1.0
        self.window = Window(window)
        self.blanket: Throttle | None = self
        self._min_calls = min_calls
        self._most = most
        self._lock = nullcontext() if lock is None else lock
        self._streak = 0
        self._begun = 0.0

    def admit(self, now: float, chance: float) -> Self | None:
        """As `Circuit.admit`."""
        window = self.window
        # requests <= k * accepts, without the sum.
        if window.failures <= self._excess * window.successes:
            return self
        return self if chance >= self.probability(now) else None

    def done(self, mark: Mark, now: float) -> None:
        """As `Permit.done`."""
        if mark is Mark.NEUTRAL:
            return
        window = self.window
        with self._lock:
            if now >= window.until:
                window.advance(now)
            if mark is Mark.FAILURE:
                self.blanket = None
                window.failures += 1
                self._streak = 0
                return
            window.successes += 1
            if not window.failures:
                self.blanket = self
            elif window.failures > self._excess * window.successes:
                self._ramp(now)

    def probability(self, now: float) -> float:
        """The chance of a call at `now` to be refused, 0 to `most`."""
        with self._lock:
            window = self.window
            window.advance(now)
            requests = window.successes + window.failures
            if requests < self._min_calls:
                return 0.0
            excess = requests - self.k * window.successes - DEVIATIONS * sqrt(requests)
            refused = min(self._most, max(0.0, excess / (requests + 1)))
            return min(refused, 1.0 - self._share(now)) if self._streak else refused

    def refusal(self, now: float) -> Refusal:
        """As `Circuit.refusal`."""
        share = self.probability(now)
        accepted, requests = self.window.successes, self.window.successes + self.window.failures
        return Refusal(
            f"the service accepted {accepted} of its last {requests} calls, so {share:.0%} of new ones are refused",
            RAMP_SECONDS,
        )

    def _ramp(self, now: float) -> None:
        """One more success in a row while calls are refused; with enough of them the failures are forgotten."""
        self._streak += 1
        if self._streak == 1:
            self._begun = now
        if self._share(now) >= 1.0:
            self.window.clear()
            self._streak = 0
            self.blanket = self

    def _share(self, now: float) -> float:
        """The share of calls that the successes in a row let through at least: it grows by a constant factor."""
        progress = min(self._streak / RAMP_CALLS, (now - self._begun) / RAMP_SECONDS, 1.0)
        return exp(log(1.0 - self._most) * (1.0 - max(0.0, progress)))
