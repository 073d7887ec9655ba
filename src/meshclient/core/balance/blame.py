"""How much heavier an endpoint weighs for its recent failures.

The load of an endpoint is multiplied by ``1 + WEIGHT * ratio``, its failure ratio over the last ten seconds: 51 for one
that fails every other call, so that it gets next to nothing, and 1.2 for one that fails as often as any server does at
times. The word fades within the same ten seconds, so that an endpoint left alone is tried again, and by then the
answers since then decide. A server that asks for a pause (``Retry-After``) is blamed in full for that long.
"""

from __future__ import annotations

# At which an endpoint that fails one call of a hundred counts as twice as loaded as its peers.
WEIGHT = 100.0
# Seconds, unless the server asked for more, and the most that is granted (Linkerd).
FADES = 10.0
LONGEST = 300.0
# From this much on it is passed over altogether while another can be found: a quarter of its calls failed just now, or
# half of them five seconds ago.
SUSPECT = WEIGHT / 4


class Blame:
    """The multiplier's excess over 1, and how it fades.

    Attributes:
        weight: the excess at first; 0 for no blame.
    """

    __slots__ = ("_fades", "_since", "weight")

    def __init__(self) -> None:
        self.weight = 0.0
        self._since = 0.0
        self._fades = FADES

    def read(self, now: float) -> float:
        """The excess at `now`, in seconds on a monotonic clock; 0 for no blame."""
        if not self.weight:
            return 0.0
        left = 1 - (now - self._since) / self._fades
        return self.weight * min(left, 1.0) if left > 0 else 0.0

    def fail(self, ratio: float, retry_after: float | None, now: float) -> None:
        """A failure brought the failure ratio (0 to 1) to `ratio`; the server asked for a pause of so many seconds."""
        asked = min(retry_after or 0.0, LONGEST)
        if self._fades > FADES and self._since + self._fades > now + max(FADES, asked):
            # A longer pause was asked for before.
            return
        self.weight = WEIGHT if asked > FADES else WEIGHT * ratio
        self._since, self._fades = now, max(FADES, asked)

    def succeed(self, ratio: float) -> None:
        """A success brought the failure ratio to `ratio`. What was asked for by a server that answers again is over."""
        self.weight = min(self.weight, WEIGHT * ratio)

    def clear(self) -> None:
        """Nothing counts any more."""
        self.weight = 0.0
