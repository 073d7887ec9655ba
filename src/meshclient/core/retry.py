"""Whether a failed attempt is followed by another, and when.

Read `decide` from top to bottom: it is the whole rule, in the order in which the reasons are told to the user.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
class Trial:
    """An attempt as a user's own strategy sees it.

    Args:
        number: counted from 1, those on stale connections aside.
        elapsed: seconds since the call began.
        raw: the response, or the exception; None where the driver has neither.
        paused: seconds spent between attempts so far.
        pause: seconds until another attempt, if there is one; known to `RetryPolicy.stop` only.
    """

    number: int
    elapsed: float
    raw: object
    paused: float = 0.0
    pause: float = 0.0


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
        trial: the attempt itself.
        chained: whether the call serves a request that is itself a repeat.
        room: whether any endpoint may have one more attempt in flight.
        free: whether a repeat costs the service's budget nothing: its connection had ended before, so that the endpoint
            had nothing to do for it. There are no more of these than there were idle connections.
    """

    number: int
    idempotent: bool
    method: str
    obstacle: Callable[[], str]
    untried: bool
    remaining: float
    now: float
    chance: float
    trial: Trial
    chained: bool = False
    room: bool = True
    free: bool = False


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The rule.

    Args:
        attempts: at most so many in one call, the first included.
        first: upper bound in seconds of the first pause; doubles each time (full jitter).
        limit: most seconds of a pause.
        wait: seconds to pause, instead of `first` and `limit`.
        stop: whether there were attempts enough, instead of `attempts`.
        retry: whether an ending, be it a success, asks for another attempt, instead of `meshclient.model.outcome`.
            What may have been executed is still not repeated unless that does no harm, and a connection that its
            server had closed before is not asked about: that was no attempt yet.

    What these three raise is raised by `decide`.
    """

    attempts: int = 3
    first: float = 0.025
    limit: float = 1.0
    wait: Callable[[Trial], float] | None = None
    stop: Callable[[Trial], bool] | None = None
    retry: Callable[[Trial], bool] | None = None

    def decide(self, outcome: Outcome, at: Situation, budget: RetryBudget) -> Retry | Refusal:
        """The next step after an attempt that failed, or that `retry` is to judge.

        Spends one retry of `budget` when the answer is Retry, unless it is `free`. A success that needs no repeat is
        refused one without a reason, where `retry` says so.
        """
        if not self._wanted(outcome, at):
            return Refusal(self._final(outcome))
        if reason := self._unsafe(outcome, at):
            return Refusal(reason)
        delay = self.delay(outcome, at)
        if reason := self._enough(at, delay) or at.obstacle():
            return Refusal(reason)
        if at.remaining <= 0:
            return Refusal("the deadline has passed")
        if delay >= at.remaining:
            return Refusal(f"a pause of {delay:.3g}s would outlast the deadline, {at.remaining:.3g}s away")
        if not at.free and not budget.withdraw(at.now):
            return Refusal("the service's retry budget is spent")
        return Retry(delay)

    def _wanted(self, outcome: Outcome, at: Situation) -> bool:
        if self.retry is not None and outcome.kind is not Kind.STALE_CONNECTION:
            return self.retry(at.trial)
        return outcome.verdict.repeat is not Repeat.NEVER

    def _final(self, outcome: Outcome) -> str:
        if self.retry is None:
            return f"{outcome.kind} is final"
        return "" if outcome.kind is Kind.OK else f"the retry strategy takes {outcome.kind} for final"

    def _unsafe(self, outcome: Outcome, at: Situation) -> str:
        if outcome.verdict.sent is Sent.NO:
            return ""
        if not at.idempotent:
            return (
                f"{at.method} may have been executed and is not idempotent: send an Idempotency-Key header, or opt in"
            )
        if at.chained and outcome.kind is not Kind.STALE_CONNECTION:
            return "the request that this call serves is itself a repeat: whoever sent it tries again"
        return ""

    def _enough(self, at: Situation, delay: float) -> str:
        if not at.room:
            return "every endpoint has as many attempts in flight as it may"
        if self.stop is not None:
            enough = self.stop(replace(at.trial, pause=delay))
            return f"the stop strategy ended it after attempt {at.number}" if enough else ""
        return f"attempt {at.number} of {self.attempts} was the last" if at.number >= self.attempts else ""

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
        if self.wait is not None:
            return max(0.0, self.wait(at.trial))
        return at.chance * min(self.limit, self.first * 2.0 ** min(at.number - 1, 64))
