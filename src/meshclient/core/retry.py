"""Whether a failed attempt is followed by another, and when.

Read `decide` from top to bottom: it is the whole rule, in the order in which the reasons are told to the user.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.model.outcome import Kind, Repeat, Sent

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.core.retry_budget import RetryBudget
    from meshclient.model.outcome import Outcome

# RFC 9110 section 9.2.2.
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
# A server may ask for any pause; this much of it is honoured, before the spread.
LONGEST_RETRY_AFTER = 30.0
# Retry-After is stretched by up to this factor, so that all who were sent away do not return together (Envoy).
RETRY_AFTER_SPREAD = 0.5
_TOO_MANY_REQUESTS = 429


@dataclass(frozen=True, slots=True)
class Retry:
    """Another attempt, after `delay` seconds."""

    delay: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """No further attempt, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Situation:
    """What a decision depends on beside the outcome.

    Args:
        number: attempts so far, those on stale connections aside.
        idempotent: whether the request may be executed twice.
        method: the request's method, for the reason.
        obstacle: why the request body cannot be sent again, or empty.
        untried: whether an endpoint is left that this call has not tried.
        remaining: seconds until the call's deadline.
        now: seconds on the monotonic clock.
        chance: uniform in [0, 1).
    """

    number: int
    idempotent: bool
    method: str
    obstacle: Callable[[], str]
    untried: bool
    remaining: float
    now: float
    chance: float


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The rule.

    Args:
        attempts: at most so many in one call, the first included.
        first: upper bound in seconds of the first pause; doubles each time (full jitter).
        limit: most seconds of a pause.
    """

    attempts: int = 3
    first: float = 0.025
    limit: float = 1.0

    def decide(self, outcome: Outcome, at: Situation, budget: RetryBudget) -> Retry | Refusal:
        """The next step after a failed attempt. Spends one retry of `budget` when the answer is Retry."""
        repeat = outcome.verdict.repeat
        if repeat is Repeat.NEVER:
            return Refusal(f"{outcome.kind} is final")
        if repeat is Repeat.IF_IDEMPOTENT and not at.idempotent:
            return Refusal(
                f"{at.method} may have been executed and is not idempotent: send an Idempotency-Key header, or opt in"
            )
        if at.number >= self.attempts:
            return Refusal(f"attempt {at.number} of {self.attempts} was the last")
        if obstacle := at.obstacle():
            return Refusal(obstacle)
        delay = self.delay(outcome, at)
        if at.remaining <= 0:
            return Refusal("the deadline has passed")
        if delay >= at.remaining:
            return Refusal(f"a pause of {delay:.3g}s would outlast the deadline, {at.remaining:.3g}s away")
        if not budget.withdraw(at.now):
            return Refusal("the service's retry budget is spent")
        return Retry(delay)

    def delay(self, outcome: Outcome, at: Situation) -> float:
        """Seconds to pause.

        None before the first repeat of a request that was never sent, if another endpoint is left to try. Otherwise
        what the server asked for, where it spoke for the service (429) or no other endpoint is left; otherwise full
        jitter (Brooker, AWS Architecture Blog, 2015).
        """
        if outcome.verdict.sent is Sent.NO and at.number == 1 and at.untried:
            return 0.0
        speaks_for_all = outcome.kind is Kind.BUSY and outcome.status == _TOO_MANY_REQUESTS
        if outcome.retry_after is not None and (speaks_for_all or not at.untried):
            return min(outcome.retry_after, LONGEST_RETRY_AFTER) * (1 + RETRY_AFTER_SPREAD * at.chance)
        return at.chance * min(self.limit, self.first * 2.0 ** min(at.number - 1, 64))
