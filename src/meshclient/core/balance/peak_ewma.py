"""Latency of an endpoint as a moving average that rises at once and falls slowly.

Source: Finagle's PeakEwma (Twitter). There a sample fades exponentially: one answer that took 300 times as long as
usual, a stall for garbage collection, keeps its endpoint without calls for nearly a minute. Here it fades on a straight
line, which is the same while answers come often, and has it tried again within `TAU` whatever it took. Failures are not
answers, and are kept apart in `meshclient.core.balance.blame`: read as fast ones they draw the traffic of all peers
(envoy#20907), and read as slow ones (Linkerd) a single one among thousands of answers costs an endpoint its share for a
minute.
"""

from __future__ import annotations

# Seconds after which a sample has faded; the mean lifetime is Finagle's default.
TAU = 10.0
# What is left of it then, so that endpoints left alone are still told apart by what is in flight.
LEAST = 1e-3
# Two samples within one clock tick must both count: the time between samples is taken as at least this.
SHORTEST_GAP = 1e-3
# Seconds assumed for an endpoint nobody knows anything about (Linkerd's proxy profile).
UNKNOWN_COST = 0.030


class PeakEwma:
    """Expected seconds to a response head.

    Args:
        cost: seconds assumed at first; from then on as of `stamp`.
        now: seconds on a monotonic clock.
    """

    __slots__ = ("cost", "stamp")

    def __init__(self, cost: float, now: float) -> None:
        self.cost = cost
        self.stamp = now

    def read(self, now: float) -> float:
        """Seconds expected now: an endpoint left alone decays towards 0 and is tried again."""
        age = now - self.stamp
        return self.cost * max(1 - age / TAU, LEAST) if age > 0 else self.cost

    def observe(self, seconds: float, now: float) -> None:
        """Take in an answer that took `seconds`: a slower one counts in full, a faster one by the time passed."""
        gap = now - self.stamp
        if seconds > self.cost:
            self.cost = seconds
        else:
            gap_seen = gap if gap > SHORTEST_GAP else SHORTEST_GAP  # noqa: FURB136 - max is called, and this is not
            weight = 1 - gap_seen / TAU
            self.cost = self.cost * weight + seconds * (1 - weight) if weight > 0 else seconds
        if gap > 0:
            self.stamp = now

    def expect(self, seconds: float, now: float) -> None:
        """An attempt failed after `seconds`: an answer will not come sooner than that, and perhaps later."""
        if seconds > self.read(now):
            self.cost = seconds
            self.stamp = max(self.stamp, now)
