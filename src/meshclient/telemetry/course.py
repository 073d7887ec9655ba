"""What a call took, and what was counted of many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient.telemetry.distribution import Distribution
    from meshclient.telemetry.series import AttemptSeries, CallSeries


@dataclass(slots=True)
class Course:
    """What a call took, as far as numbers go.

    Args:
        attempts: how many were sent.
        hedges: of those, beside another.
        paused: seconds with none under way between the first and the last.
    """

    attempts: int = 0
    hedges: int = 0
    paused: float = 0.0

    @property
    def retries(self) -> int:
        """Attempts after the first that were no hedges."""
        return max(0, self.attempts - 1 - self.hedges)


@dataclass(frozen=True, slots=True)
class Reading:
    """All that was counted by one moment.

    Args:
        attempts: seconds to the head or the failure.
        calls: seconds from the beginning of the call to that of its last attempt.
        tried: attempts in a call.
        retried: repeats in a call that had any.
        hedged: likewise.
        paused: seconds that such a call spent with nothing under way.
    """

    attempts: dict[AttemptSeries, Distribution]
    calls: dict[CallSeries, Distribution]
    tried: Distribution
    retried: Distribution
    hedged: Distribution
    paused: Distribution
