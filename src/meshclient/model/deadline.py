"""The moment by which a whole call must be over."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Deadline:
    """A point on a monotonic clock, in seconds; infinity means none.

    A point rather than a duration, so that every wait inside a call shares one end and none can add to it.
    """

    at: float

    def __post_init__(self) -> None:
        if math.isnan(self.at):
            msg = "a deadline needs a time, not NaN"
            raise ValueError(msg)

    @classmethod
    def after(cls, seconds: float | None, now: float) -> Deadline:
        """The deadline `seconds` from `now`; None means no deadline."""
        return cls(math.inf if seconds is None else now + seconds)

    def remaining(self, now: float) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self.at - now)

    def expired(self, now: float) -> bool:
        """Whether `now` is at or past the deadline."""
        return now >= self.at
