"""How many calls a service can take at once, found out from how fast it answers.

Source: failsafe-go's adaptive limiter, which joins TCP Vegas with correlations. As in Vegas, the part of the calls
under way that is queued at the server is `limit * (1 - baseline / recent)`; the limit grows while that is small and shrinks
when it is large. By itself that drifts upwards: under an overload that lasts, slow becomes usual, and the queue seems
to be gone (as in Netflix's Gradient2). Therefore a limit that is in full use only grows while more calls under way
have lately meant more answers, and not slower ones.

Two things are added. A server that refuses calls which are too many answers those fast, so nothing shows in the
latencies of the others: failures faster than the usual answer shrink the limit too (AIMD, as Netflix's), as long as
that helps: failures which do not become fewer with it have another cause. And latencies come in without what the
caller's own event loop has delayed them, which would be taken for a queue at the server.
"""

from __future__ import annotations

from collections import deque
from math import ceil, inf, log10

from meshclient.core.limit.correlation import Correlation
from meshclient.core.limit.quantile import Sketch
from meshclient.core.limit.smoothing import Average, Median

# A window ends with the first answer when there are so many, and so much time has passed (failsafe-go).
ANSWERS = 50
SHORTEST = 1.0
LONGEST = 30.0
# Latency stands for its window by this quantile, and is smoothed over so many windows.
QUANTILE = 0.9
RECENT = 5
USUAL = 10
# Windows whose calls under way, answers and latencies are compared.
SPAN = 50
# The limit is not raised beyond so many times the calls that were under way at once in the last windows.
HEADROOM = 5
PEAKS = 10
# From this share of fast failures on the limit shrinks to that share of itself (Netflix's AIMDLimit), at first without
# any proof that it helps, since a limit that does not move can show none.
DROPS = 0.1
BACKOFF = 0.9
TRIALS = 5
TOGETHER = 0.3


class Adaptive:
    """The rule; its owner's lock guards it, and tells it of every call that ended.

    Args:
        least: lowest limit, at least 1.
        first: where it begins.
        most: highest limit.

    Attributes:
        limit: calls that may be under way now.
    """

    __slots__ = (
        "_answers",
        "_baseline",
        "_begun",
        "_drops",
        "_due",
        "_episode",
        "_exact",
        "_fastest",
        "_inflight",
        "_least",
        "_median",
        "_most",
        "_peak",
        "_peaks",
        "_rate",
        "_recent",
        "_shrunk",
        "_sketch",
        "_slowness",
        "limit",
    )

    def __init__(self, least: int = 1, first: int = 20, most: int = 200) -> None:
        self._least, self._most = least, most
        self._exact = float(first)
        self.limit = first
        self._median = Median(RECENT)
        self._recent = Average(RECENT)
        self._baseline = Average(USUAL, USUAL)
        # Calls under way, against answers a second, against latency, and against the share of fast failures.
        self._rate = Correlation(SPAN)
        self._slowness = Correlation(SPAN)
        self._episode = Correlation(SPAN)
        self._shrunk = 0
        self._peaks: deque[int] = deque(maxlen=PEAKS)
        self._sketch = Sketch()
        self._begun = inf
        self._due = inf
        self._answers = self._drops = self._inflight = self._peak = 0
        self._fastest = inf

    def succeeded(self, latency: float, inflight: int, now: float) -> None:
        """An answer came after `latency` seconds; `inflight` calls were under way, itself included."""
        self._answers += 1
        self._sample(latency, inflight, now)

    def failed(self, seconds: float, inflight: int, now: float) -> None:
        """A call failed after `seconds`: slower than most answers it is a sample like them, otherwise a drop."""
        if seconds > self._recent.value > 0:
            self._sample(seconds, inflight, now)
            return
        self._drops += 1
        self._seen(inflight, now)

    def _sample(self, seconds: float, inflight: int, now: float) -> None:
        self._sketch.add(seconds)
        if seconds < self._fastest:
            self._fastest = seconds
            self._due = self._begun + min(LONGEST, max(SHORTEST, 2 * seconds))
        self._seen(inflight, now)

    def _seen(self, inflight: int, now: float) -> None:
        self._inflight += inflight
        if inflight > self._peak:  # noqa: PLR1730 - half the time of max()
            self._peak = inflight
        if now >= self._due and self._sketch.total + self._drops >= ANSWERS:
            self._decide(now)
        elif self._begun == inf:
            self._begun, self._due = now, now + SHORTEST

    def _decide(self, now: float) -> None:
        """The end of a window."""
        self._peaks.append(self._peak)
        if self._answers:
            # Otherwise nothing at all succeeds: that is not for this rule.
            self._exact = max(self._least, min(self._most, self._next(now)))
            self.limit = int(self._exact)
        self._begun, self._due = now, now + SHORTEST
        self._clear()

    def _next(self, now: float) -> float:
        endings = self._sketch.total + self._drops
        inflight = self._inflight / endings
        if self._too_many_drops(inflight, self._drops / endings):
            return self._exact * BACKOFF
        latency = self._sketch.quantile(QUANTILE)
        recent = self._recent.add(self._median.add(latency))
        self._rate.add(inflight, self._answers / max(now - self._begun, 1e-9))
        self._slowness.add(inflight, latency)
        if (
            not self._baseline.value
            or recent < self._baseline.value
            or self._peak < self.limit
            or self._slowness.coefficient <= 0.5
        ):
            self._baseline.add(recent)
        baseline = self._baseline.value
        scale = max(1.0, log10(self._exact))
        queue = ceil(self._exact * (1 - baseline / recent))
        if queue > 6 * scale or (self._peak >= self.limit and self._saturated()):
            return self._exact - scale
        if queue < 3 * scale and self._exact + scale <= HEADROOM * max(self._peaks):
            return self._exact + scale
        return self._exact

    def _saturated(self) -> bool:
        """Whether more calls under way have lately bought nothing."""
        rate, slowness = self._rate.coefficient, self._slowness.coefficient
        if rate < 0:
            return True
        return slowness > 0.5 and (rate < 0.3 or self._rate.variation < 0.2)

    def _too_many_drops(self, inflight: float, share: float) -> bool:
        if share < DROPS:
            self._episode.clear()
            self._shrunk = 0
            return False
        self._episode.add(inflight, share)
        if self._shrunk >= TRIALS and self._episode.coefficient < TOGETHER:
            return False
        self._shrunk += 1
        return True

    def _clear(self) -> None:
        self._sketch.clear()
        self._answers = self._drops = self._inflight = self._peak = 0
        self._fastest = inf
