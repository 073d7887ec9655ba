"""A guard over a new version: it gets no more traffic once it is shown to be worse than the rest.

It compares calls that the split has divided, and those alone: requests that a rule sends to the new version are of
another kind than the rest. See `meshclient.core.traffic.evidence` for the test, which may be looked at after every call
without raising more false alarms than `alpha` over the whole run.

With sticky keys it is keys that chance divides, and not their calls: a user whose every request fails, wherever it
goes, would speak against the variant of that user time and again. So each key speaks once, with its first failure.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from meshclient.core.traffic.evidence import Evidence
from meshclient.core.traffic.quantile import Quantile
from meshclient.model.events import CanaryTripped

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


# Keys that are remembered for having spoken; when there are more, all may speak again.
KEYS = 4096


class Guard:
    """Watches one variant of one service; tripped, it stays so until `reset`.

    Args:
        service: its name.
        variant: the new version.
        alpha: the probability, over the whole run, of giving up a variant that is not worse; above 0, below 1.
        tolerance: how many times as often as the rest the variant may fail, at least 1.
        latency: whether calls slower than the rest's 95th percentile count against it as well.
        lock: guards the state where threads share it.

    Attributes:
        tripped: what is known against the variant, or None while it runs.
    """

    __slots__ = (
        "_calls",
        "_failing",
        "_failures",
        "_heard",
        "_lock",
        "_odds",
        "_slow",
        "_slowness",
        "_tolerance",
        "service",
        "tripped",
        "variant",
    )

    def __init__(
        self,
        service: str,
        variant: str,
        *,
        alpha: float = 0.01,
        tolerance: float = 1.0,
        latency: bool = False,
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        self.service = service
        self.variant = variant
        self._odds = 1.0 / alpha
        self._tolerance = tolerance
        self._slow = Quantile() if latency else None
        self._lock = nullcontext() if lock is None else lock
        self._begin()

    def _begin(self) -> None:
        self._calls = [0, 0]
        self._failures = [0, 0]
        self._heard: tuple[set[int], set[int]] = (set(), set())
        self._failing = Evidence(self._tolerance)
        self._slowness = Evidence(self._tolerance)
        self.tripped: CanaryTripped | None = None

    def ended(
        self, share: float, *, canary: bool, failed: bool, latency: float, key: str | None = None
    ) -> CanaryTripped | None:
        """A call of the split is over; what trips the guard, if this call does.

        Args:
            share: the chance that the call had of going to the variant.
            canary: whether it went there.
            failed: whether it failed.
            latency: seconds it took; of no meaning where it failed.
            key: what the split went by, or None where each call was divided by itself.
        """
        if self.tripped is not None or not 0.0 < share < 1.0:
            return None
        with self._lock:
            self._calls[canary] += 1
            if failed:
                self._failures[canary] += 1
                if self._speaks(key, 0):
                    self._failing.event(share, canary=canary)
            elif self._slow is not None:
                if latency > self._slow.value and self._speaks(key, 1):
                    self._slowness.event(share, canary=canary)
                if not canary:
                    self._slow.observe(latency)
            return self._judge()

    def reset(self) -> None:
        """Give the variant its traffic back, and forget what was counted."""
        with self._lock:
            self._begin()

    def _speaks(self, key: str | None, test: int) -> bool:
        if key is None:
            return True
        heard, value = self._heard[test], hash(key)
        if value in heard:
            return False
        if len(heard) >= KEYS:
            heard.clear()
        heard.add(value)
        return True

    def _judge(self) -> CanaryTripped | None:
        failing, slowness = self._failing.value, self._slowness.value
        # The mean of two wealths is one, so the level holds for both tests together.
        evidence = failing if self._slow is None else (failing + slowness) / 2
        if evidence < self._odds or self.tripped is not None:
            return None
        self.tripped = CanaryTripped(
            self.service,
            self.variant,
            "latency" if self._slow is not None and slowness > failing else "failures",
            evidence,
            self._calls[True],
            self._failures[True],
            self._calls[False],
            self._failures[False],
        )
        return self.tripped
