"""Whether an instance is fit to be listed, from its own health checks; no clock, no I/O.

One failed check is no news: a busy process answers late now and then. So an instance that is listed leaves after
several failures in a row, while one that is not listed enters with its first success.
"""

from __future__ import annotations

from dataclasses import dataclass

# In a row; the time they take is about the `ttl`, after which a registry gives up an instance that is silent.
FAILURES = 3
# Seconds between checks of an instance that is not fit: often while it starts, when somebody waits for it.
PAUSE_FIRST = 0.1
PAUSE_LIMIT = 1.0


@dataclass(frozen=True, slots=True)
class Fitness:
    """What the checks so far say.

    Args:
        fit: whether the instance may be listed.
        failures: checks that failed since the last one that passed.
    """

    fit: bool
    failures: int = 0

    def passed(self) -> Fitness:
        """After a check that passed."""
        return Fitness(fit=True)

    def failed(self) -> Fitness:
        """After a check that failed."""
        failures = self.failures + 1
        return Fitness(self.fit and failures < FAILURES, failures)

    @property
    def pause(self) -> float:
        """Seconds to the next check of an instance that is not fit; doubled with each failure up to the limit."""
        bound = PAUSE_FIRST
        for _ in range(self.failures - 1):
            bound *= 2
            if bound >= PAUSE_LIMIT:
                return PAUSE_LIMIT
        return bound
