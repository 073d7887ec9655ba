"""One logical call as a generator: what to do next is decided here and nowhere else.

It yields the commands of `meshclient.core.commands` and is sent events; a driver with or without an event loop carries
them out. A back-off is a Wait with nothing in flight, an attempt's own time limit a Wait with something in flight,
hedging a Wait after which a second attempt starts beside the first, and the deadline is the least of all: one
mechanism. The order of decisions is fixed:

    deadline -> circuit -> limit -> [ pick -> attempt timeout -> send ] -> classify -> record -> retry? -> budget

The generator returns the last attempt. Its pick is handed back here unless a response head arrived: then the response
body is still to come, and whoever reads it calls `Pick.done` at its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.core.circuit import mark_of
from meshclient.core.commands import Attempt, Cancel, Finished, Start, Wait
from meshclient.core.entrance import admit, wait_for_turn
from meshclient.core.race import SLACK, race
from meshclient.core.record import finish, late, report
from meshclient.core.resolution import next_pick, pick_from
from meshclient.core.retry import Refusal, Retry, Situation, Trial
from meshclient.model.events import RetryRefused, RetryScheduled
from meshclient.model.outcome import CANCELLED, Kind, Mark

if TYPE_CHECKING:
    from collections.abc import Generator

    from meshclient.core.balance.node import Key
    from meshclient.core.call import Call, Service
    from meshclient.core.commands import Command, Signal
    from meshclient.core.entrance import Stay

# Attempts on connections their server had already closed that do not count against the call's number. A pool may hold
# several of them, one after another; each costs the endpoint nothing but a look.
FREE_STALE = 3


def exchange(call: Call, service: Service) -> Generator[Command, Signal | None, Attempt]:
    """Run `call` against `service` and return its last attempt.

    Raises ServiceNotFound, NoEndpoints or ResolverUnavailable when there is nothing to send to, CircuitOpen or
    Overloaded when it is refused, and DeadlineExceeded when time is up before an attempt. Closing the generator
    cancels the call: the attempts in flight are handed back without a mark.
    """
    if service.circuit is None and service.limiter is None:
        service.budget.deposit(call.started)
        return (yield from _attempts(call, service))
    stay = admit(call, service)
    if service.limiter is not None:
        yield from wait_for_turn(call, service, service.limiter, stay)
    # Not before: a call that is refused earns no repeats for those that are sent to a service in trouble.
    service.budget.deposit(call.started)
    return (yield from resume(call, service, stay))


def resume(
    call: Call, service: Service, stay: Stay, first: Finished | None = None
) -> Generator[Command, Signal | None, Attempt]:
    """The rest of a call that has been let in and counted, and whose first attempt, if there was one, ended so.

    As `exchange`, for a driver that has begun by itself (`meshclient.core.first_attempt`).
    """
    try:
        attempt = yield from _attempts(call, service, first)
    except GeneratorExit:
        stay.end(Mark.NEUTRAL, None, service.clock())
        raise
    except BaseException:
        # Out of time or of endpoints: the latest attempt, if there was one, says how the service is.
        mark = mark_of(call.reports[-1].outcome) if call.reports else Mark.NEUTRAL
        stay.end(mark, None, service.clock())
        raise
    stay.settle(attempt, service.clock())
    return attempt


def _attempts(
    call: Call, service: Service, first: Finished | None = None
) -> Generator[Command, Signal | None, Attempt]:
    tried: list[Key] = []
    stale, paused = 0, 0.0
    while True:
        if first is None:
            if (pick := pick_from(call, service, service.snapshot, tried)) is None:
                pick = yield from next_pick(call, service, tried)
            tried.append(pick.endpoint.key)
            attempt = Attempt(len(tried), pick, min(call.attempt_timeout, call.deadline.remaining(pick.started)))
            ended = yield from _send(call, service, attempt, tried)
        else:
            ended, first = first, None
            tried.append(ended.attempt.pick.endpoint.key)
        attempt, now = ended.attempt, service.clock()
        outcome = finish(call, service, ended, now)
        if outcome.kind is Kind.OK and call.retry.retry is None:
            report(call, attempt, "", now)
            return attempt
        free = outcome.kind is Kind.STALE_CONNECTION and stale < FREE_STALE
        stale += free
        situation = Situation(
            number=(number := max(1, len(tried) - stale)),
            idempotent=call.idempotent,
            method=call.method,
            obstacle=call.obstacle,
            untried=service.balancer.untried(tried),
            remaining=call.deadline.remaining(now),
            now=now,
            chance=service.uniform(),
            trial=Trial(number, now - call.started, attempt.raw, paused),
            chained=call.chained,
            room=service.balancer.room,
            free=free,
        )
        try:
            decision = call.retry.decide(outcome, situation, service.budget)
        except BaseException:
            # A user's strategy failed; that is nothing the endpoint did.
            report(call, attempt, "the retry strategy failed", now)
            attempt.pick.done(outcome, now)
            raise
        if isinstance(decision, Retry) and "retry" in service.shadow:
            service.shadow.would("retry", f"tried again after {decision.delay:.3g}s: {outcome.kind}")
            decision = Refusal("repeats are in shadow mode")
        if isinstance(decision, Refusal):
            _give_up(call, service, attempt, decision.reason, now)
            return attempt
        paused += decision.delay
        reason = f"{outcome.kind}: tried again after {decision.delay:.3g}s"
        report(call, attempt, reason, now)
        attempt.pick.done(outcome, now)
        if service.emit is not None:
            service.emit(RetryScheduled(service.name, attempt.number, decision.delay, str(outcome.kind)))
        if decision.delay > 0:
            yield Wait(decision.delay)


def _send(
    call: Call, service: Service, attempt: Attempt, tried: list[Key]
) -> Generator[Command, Signal | None, Finished]:
    """Send `attempt`, and perhaps another beside it; how the one that counts ended."""
    alone = attempt.timeout
    if call.hedge and service.hedging is not None and len(tried) == 1:
        alone = min(alone, service.hedging.began(attempt.pick.started))
    try:
        yield Start(attempt)
        # Where two may be in flight, the driver tells a slow endpoint from a busy process while it waits for them.
        signal = yield Wait(alone + SLACK if call.hedge and alone == attempt.timeout else alone)
        if isinstance(signal, Finished):
            return signal
        if alone == attempt.timeout:
            yield Cancel(attempt)
            return Finished(attempt, late(attempt))
    except BaseException:
        attempt.pick.done(CANCELLED, service.clock())
        raise
    return (yield from race(call, service, attempt, tried))


def _give_up(call: Call, service: Service, attempt: Attempt, reason: str, now: float) -> None:
    report(call, attempt, reason, now)
    if reason and service.emit is not None:
        service.emit(RetryRefused(service.name, attempt.number, reason))
    if attempt.outcome.status is None:
        attempt.pick.done(attempt.outcome, now)
