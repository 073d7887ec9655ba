"""How many calls a service can take at once, found out from how fast it answers.

Source: failsafe-go's adaptive limiter, which joins TCP Vegas with correlations. As in Vegas, the part of the calls
under way that is queued at the server is ``limit * (1 - baseline / recent)``; the limit grows while that is small and
shrinks when it is large. By itself that drifts upwards: under an overload that lasts, slow becomes usual, and the queue
seems to be gone (as in Netflix's Gradient2). Therefore a limit in full use grows only while more calls under way have
lately meant more answers, and not slower ones. Four things differ:

- What is usual follows a slower service slowly, as there, but a faster one at once.
- A limit that seems too high is lowered by trials (`Descent`) and not until the correlations have forgotten: at twice
  the capacity of 10 workers that swings between 2 and 50, and a tenth of the capacity is lost.
- Fast failures lower the limit as well, as long as that helps (`Drops`).
- A limit that is not in use is not lowered: nothing presses against it, and the next burst would be refused.

Latencies come in without what the caller's own event loop has delayed them: it would be taken for a queue at the
server.
"""

from __future__ import annotations

from collections import deque
from math import ceil, inf, log10

from meshclient.core.limit.correlation import Correlation
from meshclient.core.limit.descent import Descent
from meshclient.core.limit.drops import Drops
from meshclient.core.limit.quantile import Sketch
from meshclient.core.limit.smoothing import Average, Median

# A window ends with the first call that ends when there are so many, and so much time has passed (failsafe-go).
ENDINGS = 50
SHORTEST = 1.0
LONGEST = 30.0
# Latency stands for its window by this quantile, and is smoothed over so many windows.
QUANTILE = 0.9
RECENT = 5
USUAL = 10
# The limit is not raised beyond so many times the calls that were under way at once in the last windows.
HEADROOM = 5
PEAKS = 10
# Coefficients from which, and up to which, two quantities count as moving together (failsafe-go), and what counts as
# the same rate.
TOGETHER = 0.5
APART = 0.3
SAME = 0.2
# By which fast failures lower the limit (Netflix's AIMDLimit).
BACKOFF = 0.9


class Adaptive:
    """The rule. Its owner's lock guards it, and it is told of every call that ended; O(1), but once in a window.

    Args:
        least: lowest limit, at least 1.
        first: where it begins, within the other two.
        most: highest limit.

    Attributes:
        limit: calls that may be under way now.
    """

    __slots__ = (
        "_answers",
        "_baseline",
        "_begun",
        "_descent",
        "_drops",
        "_due",
        "_exact",
        "_fastest",
        "_inflight",
        "_least",
        "_median",
        "_most",
        "_peak",
        "_peaks",
        "_rate",
        "_rates",
        "_recent",
        "_shed",
        "_sketch",
        "_slowness",
        "limit",
    )

    def __init__(self, least: int = 1, first: int = 20, most: int = 200) -> None:
        self._least, self._most = least, most
        self.limit = max(least, min(first, most))
        self._exact = float(self.limit)
        self._median, self._rates = Median(RECENT), Median(RECENT)
        self._recent = Average(RECENT)
        self._baseline = Average(USUAL, USUAL)
        # Calls under way, against answers a second and against latency.
        self._rate, self._slowness = Correlation(), Correlation()
        self._descent = Descent()
        self._drops = Drops()
        self._peaks: deque[int] = deque(maxlen=PEAKS)
        # Of this window.
        self._sketch = Sketch()
        self._begun = self._due = self._fastest = inf
        self._answers = self._shed = self._inflight = self._peak = 0

    def succeeded(self, latency: float, inflight: int, now: float) -> None:
        """An answer came after `latency` seconds; `inflight` calls were under way, itself included."""
        self._answers += 1
        self._sample(latency, inflight, now)

    def failed(self, seconds: float, inflight: int, now: float) -> None:
        """A call failed after `seconds`: slower than most answers it is a sample like them, otherwise it was shed."""
        if seconds > self._recent.value > 0:
            self._sample(seconds, inflight, now)
        else:
            self._shed += 1
            self._seen(inflight, now)

    def _sample(self, seconds: float, inflight: int, now: float) -> None:
        self._sketch.add(seconds)
        self._fastest = min(self._fastest, seconds)
        self._seen(inflight, now)

    def _seen(self, inflight: int, now: float) -> None:
        self._inflight += inflight
        if inflight > self._peak:  # noqa: PLR1730 - half the time of max()
            self._peak = inflight
        if now >= self._due:
            self._end(now)
        elif self._begun == inf:
            self._begun, self._due = now, now + SHORTEST

    def _end(self, now: float) -> None:
        """The window may be over."""
        self._due = self._begun + max(SHORTEST, min(LONGEST, 2 * self._fastest))
        if now < self._due or self._sketch.total + self._shed < ENDINGS:
            return
        self._peaks.append(self._peak)
        # Where nothing at all succeeds, that is for a circuit, and says nothing of how many calls would.
        if self._answers:
            self._exact = max(self._least, min(self._most, self._next(now - self._begun)))
            self.limit = int(self._exact)
        self._sketch.clear()
        self._begun, self._due, self._fastest = now, now + SHORTEST, inf
        self._answers = self._shed = self._inflight = self._peak = 0

    def _next(self, seconds: float) -> float:
        """The limit after a window of so many seconds."""
        endings = self._sketch.total + self._shed
        inflight = self._inflight / endings
        if self._drops.ask_for_less(inflight, self._shed / endings):
            self._descent.stop()
            return self._exact * BACKOFF
        latency, rate = self._sketch.quantile(QUANTILE), self._answers / seconds
        self._rate.add(inflight, rate)
        self._slowness.add(inflight, latency)
        latency, rate = self._median.add(latency), self._rates.add(rate)
        recent = self._recent.add(latency)
        full = self._peak >= self.limit
        baseline = self._usual(recent)
        if self._descent.left:
            return self._descent.go_on(self._exact, latency, rate)
        self._descent.rest -= 1
        scale = max(1.0, log10(self._exact))
        queue = ceil(self._exact * (1 - baseline / recent))
        saturated = full and self._saturated()
        if queue > 6 * scale or (saturated and queue >= 3 * scale):
            return self._exact - scale
        if saturated:
            return self._exact if self._descent.rest > 0 else self._descent.begin(self._exact, latency, rate)
        if queue < 3 * scale and self._exact + scale <= HEADROOM * max(self._peaks):
            return self._exact + scale
        return self._exact

    def _usual(self, recent: float) -> float:
        usual = self._baseline
        usual.value = min(usual.add(recent), recent)
        return usual.value

    def _saturated(self) -> bool:
        """Whether more calls under way have lately bought nothing."""
        rate = self._rate.coefficient
        if rate < 0:
            return True
        return self._slowness.coefficient > TOGETHER and (rate < APART or self._rate.variation < SAME)
