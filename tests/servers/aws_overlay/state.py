"""What the corrections and the controls share: one lock, counters, throttles, delays."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

LOCK = threading.RLock()
CALLS: dict[str, int] = {}


@dataclass
class Throttle:
    """A token bucket for some of the calls: `rate` a second, `burst` at once.

    `code` and `status` replace the error that the service itself would give.
    """

    target: str = "*"
    rate: float = 0.0
    burst: float = 0.0
    code: str = ""
    status: int = 0
    tokens: float = field(init=False)
    then: float = field(init=False)

    def __post_init__(self) -> None:
        self.tokens, self.then = self.burst, time.monotonic()

    def take(self) -> bool:
        """Whether one more call is let pass now."""
        now = time.monotonic()
        self.tokens = min(self.burst, self.tokens + (now - self.then) * self.rate)
        self.then = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


THROTTLES: dict[str, Throttle] = {}


@dataclass
class CloudMapState:
    """`delay`: seconds until what is written to Cloud Map shows in its data plane."""

    delay: float = 0.0


CLOUDMAP = CloudMapState()
