"""Taking an endpoint out after consecutive failures, and letting it back in by one probe.

Source: Finagle's failure accrual (five failures in a row, equal-jittered 5 s doubling to 300 s, then one probe) and
Envoy's outlier detection (the cap). The record is per endpoint and pure; how many may be out at once is asked of the
caller, who sees them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from meshclient.model.outcome import Mark


@dataclass(slots=True)
class Standing:
    """An endpoint's record.

    Attributes:
        failures: failures in a row.
        ejections: ejections since the last success of a probe.
        until: when the next probe is due, or None while in rotation.
        probing: whether that probe is in flight.
    """

    failures: int = 0
    ejections: int = 0
    until: float | None = None
    probing: bool = False

    @property
    def ejected(self) -> bool:
        """Whether it is out of rotation."""
        return self.until is not None

    @property
    def clean(self) -> bool:
        """Whether a success would change nothing."""
        return self.failures == 0 and self.until is None


class Change(Enum):
    """What a recorded ending did to the standing."""

    NONE = "none"
    EJECTED = "ejected"
    RESTORED = "restored"
    PROBE_AGAIN = "probe_again"


@dataclass(frozen=True, slots=True)
class Outlier:
    """The rule.

    Args:
        consecutive: failures in a row that eject.
        base: seconds of the first ejection; doubles with each failed probe.
        limit: most seconds of an ejection.
        max_ejected: share of the endpoints that may be out, 0 to 1; one may always be, if there are two.
    """

    consecutive: int = 5
    base: float = 5.0
    limit: float = 300.0
    max_ejected: float = 0.5

    def cap(self, total: int) -> int:
        """How many of `total` may be out: ``max(1, floor(max_ejected * total))``, and never the only one.

        At least one, so that two or three endpoints, where a share rounds down to nothing, are protected at all
        (gRPC A50 does the same; Envoy's 10 % protects nobody below ten).
        """
        return max(1, int(self.max_ejected * total)) if total > 1 else 0

    def duration(self, ejections: int, chance: float) -> float:
        """Seconds out for the n-th ejection in a row, counted from 0: half fixed, half by `chance` in [0, 1)."""
        # The exponent is bounded because 2.0 ** 1024 overflows; 64 doublings pass any limit.
        bound = min(self.limit, self.base * 2.0 ** min(ejections, 64))
        return bound * (0.5 + 0.5 * chance)

    def record(self, standing: Standing, mark: Mark, *, probe: bool, room: bool, now: float, chance: float) -> Change:
        """Take in how an attempt ended.

        While ejected only the probe's ending counts: answers to requests sent before tell nothing new. A neutral
        ending (cancelled, never left this process) of a probe makes it due again at once, so that a probe cannot be
        lost. `room` says whether one more may be ejected.
        """
        if standing.until is not None:
            return self._record_probe(standing, mark, now, chance) if probe else Change.NONE
        if mark is Mark.SUCCESS:
            standing.failures = 0
        elif mark is Mark.FAILURE:
            standing.failures += 1
            if standing.failures >= self.consecutive and room:
                standing.until = now + self.duration(standing.ejections, chance)
                standing.ejections += 1
                return Change.EJECTED
        return Change.NONE

    def _record_probe(self, standing: Standing, mark: Mark, now: float, chance: float) -> Change:
        standing.probing = False
        if mark is Mark.SUCCESS:
            standing.failures = standing.ejections = 0
            standing.until = None
            return Change.RESTORED
        if mark is Mark.FAILURE:
            standing.failures += 1
            standing.until = now + self.duration(standing.ejections, chance)
            standing.ejections += 1
            return Change.EJECTED
        standing.until = now
        return Change.PROBE_AGAIN
