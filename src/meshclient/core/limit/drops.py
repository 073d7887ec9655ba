"""Whether the failures of a service mean that too many calls are under way.

A server that sheds load answers the calls which are too many fast, with 429 or 503, and nothing shows in the latencies
of the others. A server with a fault fails fast as well. They differ in what fewer calls bring about: so a few times the
limit is lowered without a proof, since a limit that does not move can show none, and after that only while the share
of failures goes with the calls under way.
"""

from __future__ import annotations

from meshclient.core.limit.correlation import Correlation

# The share of fast failures that is a sign.
SHARE = 0.1
TRIALS = 5
TOGETHER = 0.3


class Drops:
    """The fast failures since they began."""

    __slots__ = ("_course", "_trials")

    def __init__(self) -> None:
        self._course = Correlation()
        self._trials = 0

    def ask_for_less(self, inflight: float, share: float) -> bool:
        """Whether the limit should be lower after a window with `share` of fast failures among all endings.

        `inflight` is how many calls were under way in it, on average.
        """
        if share < SHARE:
            self._course.clear()
            self._trials = 0
            return False
        self._course.add(inflight, share)
        if self._trials < TRIALS:
            self._trials += 1
            return True
        return self._course.coefficient >= TOGETHER
