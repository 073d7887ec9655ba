"""How much retrying a service's traffic can afford.

Source: Finagle's RetryBudget. Every call earns a fraction of a retry, every retry spends a whole one, both are
forgotten after ten seconds: at most `ratio` retries for each call over time, plus a small floor for services that are
rarely called. A total outage therefore costs the upstream 1.2 times its load and not three times, whatever the
number of attempts a single call may make.

Retries that do not help are worth less (after Kitex, which stops retrying a service that fails): when fewer than half
of them succeed the price rises, up to ten times. One instance that fails among healthy ones is retried in full, for
that helps; in an outage the load soon is 1.02 times, and three layers of services do not multiply theirs.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from meshclient.core.window import Window

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

WINDOW = 10
# Retries within the window from which on their success is judged, the success ratio below which they cost more, and the
# highest price.
JUDGED = 10
HELPFUL = 0.5
DEAREST = 10
# Integers, so that a sum over many small deposits is exact: one retry is a million.
RETRY = 1_000_000


class RetryBudget:
    """Retries a service may spend, shared by all its calls.

    Args:
        ratio: retries earned by a call, 0 to 1.
        floor: retries a second allowed whatever the traffic.
        lock: guards the counters where threads share them.

    Attributes:
        each: what a call deposits. Whoever must be quick adds it to `slots` `at` that place himself, before `until`:
            that is one step of the interpreter, and needs no lock.
        slots: what was deposited and not spent, by seconds.
        at: the place of the present second.
        until: clock when that is over.
    """

    __slots__ = ("_lock", "_reserve", "_results", "_second", "at", "each", "slots", "until")

    def __init__(
        self, ratio: float = 0.2, floor: float = 3.0, lock: AbstractContextManager[object] | None = None
    ) -> None:
        self.each = round(ratio * RETRY)
        self._reserve = round(floor * WINDOW * RETRY)
        self._lock = nullcontext() if lock is None else lock
        self.slots = [0] * WINDOW
        self._second = self.at = 0
        self.until = 1.0
        self._results = Window(float(WINDOW))

    def deposit(self, now: float) -> None:
        """A call began."""
        with self._lock:
            self._advance(now)
            self.slots[self.at] += self.each

    def withdraw(self, now: float) -> bool:
        """Spend one retry if there is one, at what it costs now."""
        with self._lock:
            slot = self._advance(now)
            price = self._price(now)
            if self._reserve + sum(self.slots) < price:
                return False
            self.slots[slot] -= price
            return True

    def learn(self, now: float, *, helped: bool) -> None:
        """A retry succeeded or failed."""
        with self._lock:
            self._results.record(now, failed=not helped)

    def balance(self, now: float) -> float:
        """Retries that could be spent at once."""
        with self._lock:
            self._advance(now)
            return max(0.0, (self._reserve + sum(self.slots)) / RETRY)

    def _price(self, now: float) -> int:
        results = self._results
        results.advance(now)
        if results.total < JUDGED or results.successes >= HELPFUL * results.total:
            return RETRY
        return round(RETRY * min(DEAREST, HELPFUL * results.total / max(results.successes, 1)))

    def _advance(self, now: float) -> int:
        second = int(now)
        if second > self._second:
            for passed in range(self._second + 1, min(second, self._second + WINDOW) + 1):
                self.slots[passed % WINDOW] = 0
            self._second = second
            self.at = second % WINDOW
            self.until = second + 1.0
        return self.at
