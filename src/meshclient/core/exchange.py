"""One logical call as a generator: what to do next is decided here and nowhere else.

The generator yields commands and is sent events; a driver with or without an event loop carries them out:

    command          the driver                                     sends back
    Start(attempt)   begins to send it                              nothing (None)
    Wait(timeout)    waits for what is in flight, or, with          Finished, TimerFired or
                     nothing in flight, for time or a new list      SnapshotChanged
    Cancel(attempt)  gives the attempt up                           nothing (None)

So a back-off is a Wait with nothing in flight, an attempt's own time limit a Wait with something in flight, and the
deadline is the least of both: one mechanism. The order of decisions is fixed:

    deadline -> [ pick -> attempt timeout -> send ] -> classify -> record -> retry? -> budget -> back-off

The generator returns the last attempt. Its pick is handed back here unless a response head arrived: then the response
body is still to come, and whoever reads it calls `Pick.done` at its end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from meshclient.core.retry import Refusal, Situation
from meshclient.errors import DeadlineExceeded, NoEndpoints, ResolverUnavailable, ServiceNotFound
from meshclient.model.duration import format_duration
from meshclient.model.events import AttemptFinished, RetryRefused, RetryScheduled
from meshclient.model.outcome import CANCELLED, Kind, Outcome
from meshclient.model.report import AttemptReport
from meshclient.model.snapshot import Empty, Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from meshclient.core.balance.balancer import Balancer, Key
    from meshclient.core.balance.pick import Pick
    from meshclient.core.balance.picker import Uniform
    from meshclient.core.retry import RetryPolicy
    from meshclient.core.retry_budget import RetryBudget
    from meshclient.model.deadline import Deadline
    from meshclient.model.events import Event
    from meshclient.model.snapshot import Snapshot

# Attempts on connections their server had already closed that do not count against the call's number. A pool may hold
# several of them, one after another; each costs the endpoint nothing but a look.
FREE_STALE = 3

# An endpoint is blamed for a timeout if it had at least this share of the time that a call gives its first attempt.
FAIR_SHARE = 0.9


class Service(Protocol):
    """What a call needs to know of its service.

    Attributes:
        name: as in the URL.
        snapshot: the latest list; read by reference, without a lock.
        balancer: picks endpoints; already knows the list of `snapshot`.
        budget: the retries all calls of the service share.
        emit: tells observers, or None when there are none.
        clock: monotonic seconds.
        uniform: chance in [0, 1).
    """

    name: str
    balancer: Balancer
    budget: RetryBudget
    emit: Callable[[Event], None] | None
    clock: Callable[[], float]
    uniform: Uniform

    @property
    def snapshot(self) -> Snapshot: ...  # noqa: D102 - above


@dataclass(slots=True)
class Call:
    """One call, as it came from the user.

    Attributes:
        method: for the reasons given.
        idempotent: whether it may be executed twice.
        started: seconds on the monotonic clock.
        deadline: when it must be over.
        attempt_timeout: seconds an attempt may take to the response head; infinity for no limit of its own.
        retry: the rule for repeats.
        obstacle: why the request body cannot be sent again, or empty; asked after a failure only.
        reports: the attempts so far.
    """

    method: str
    idempotent: bool
    started: float
    deadline: Deadline
    attempt_timeout: float
    retry: RetryPolicy
    obstacle: Callable[[], str]
    reports: list[AttemptReport] = field(default_factory=list)

    @property
    def full_timeout(self) -> float:
        """Seconds that an attempt begun with the call would have had."""
        return min(self.attempt_timeout, self.deadline.remaining(self.started))


@dataclass(slots=True)
class Attempt:
    """One try at one endpoint; `outcome` is set when it is known."""

    number: int
    pick: Pick
    timeout: float
    outcome: Outcome = CANCELLED


@dataclass(frozen=True, slots=True)
class Start:
    """Begin to send this attempt."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait at most `timeout` seconds (infinity: without limit); with `stale`, only until the snapshot is another."""

    timeout: float
    stale: Snapshot | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Give this attempt up; its ending is of no interest."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Finished:
    """The attempt ended: a response head arrived, or it failed.

    `waited` is how many seconds it spent in this process before it was sent, such as for a free connection.
    """

    attempt: Attempt
    outcome: Outcome
    waited: float = 0.0


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The time of the last Wait is up."""


@dataclass(frozen=True, slots=True)
class SnapshotChanged:
    """There is a new snapshot."""


Command = Start | Wait | Cancel
Signal = Finished | TimerFired | SnapshotChanged


def exchange(call: Call, service: Service) -> Generator[Command, Signal | None, Attempt]:
    """Run `call` against `service` and return its last attempt.

    Raises ServiceNotFound, NoEndpoints or ResolverUnavailable when there is nothing to send to, and DeadlineExceeded
    when time is up before an attempt. Closing the generator
    cancels the call: the attempt in flight is handed back without a mark.
    """
    service.budget.deposit(call.started)
    tried: list[Key] = []
    stale = 0
    while True:
        while (pick := _pick(call, service, snapshot := service.snapshot, tried)) is None:
            # Pending, or an outage before the first answer: both may end while there is time.
            yield Wait(call.deadline.remaining(service.clock()), stale=snapshot)
        tried.append(pick.endpoint.key)
        attempt = Attempt(len(tried), pick, min(call.attempt_timeout, call.deadline.remaining(pick.started)))
        waited = 0.0
        try:
            yield Start(attempt)
            signal = yield Wait(attempt.timeout)
            if isinstance(signal, Finished):
                outcome, waited = signal.outcome, signal.waited
            else:
                yield Cancel(attempt)
                outcome = Outcome(Kind.TIMEOUT, detail=f"no response head within {attempt.timeout:.3g}s")
        except BaseException:
            pick.done(CANCELLED, service.clock())
            raise
        now = service.clock()
        if outcome.kind in (Kind.TIMEOUT, Kind.CONNECT_TIMEOUT) and attempt.timeout < FAIR_SHARE * call.full_timeout:
            # The call's time was up, not the endpoint's: it had only what was left over by the list, or by others.
            outcome = Outcome(Kind.CANCELLED, detail=f"cut short by the deadline after {attempt.timeout:.3g}s")
        attempt.outcome = outcome
        pick.latency = now - pick.started - waited
        if service.emit is not None:
            service.emit(AttemptFinished(service.name, pick.endpoint, attempt.number, outcome, now - pick.started))
        if outcome.kind is Kind.OK:
            call.reports.append(_report(call, attempt, "", now))
            return attempt
        if outcome.kind is Kind.STALE_CONNECTION and stale < FREE_STALE:
            stale += 1
        situation = _situation(call, service, max(1, len(tried) - stale), tried, now)
        decision = call.retry.decide(outcome, situation, service.budget)
        if isinstance(decision, Refusal):
            _give_up(call, service, attempt, decision.reason, now)
            return attempt
        reason = f"{outcome.kind}: tried again after {decision.delay:.3g}s"
        call.reports.append(_report(call, attempt, reason, now))
        pick.done(outcome, now)
        if service.emit is not None:
            service.emit(RetryScheduled(service.name, attempt.number, decision.delay, str(outcome.kind)))
        if decision.delay > 0:
            yield Wait(decision.delay)


def _give_up(call: Call, service: Service, attempt: Attempt, reason: str, now: float) -> None:
    call.reports.append(_report(call, attempt, reason, now))
    if service.emit is not None:
        service.emit(RetryRefused(service.name, attempt.number, reason))
    if attempt.outcome.status is None:
        attempt.pick.done(attempt.outcome, now)


def _pick(call: Call, service: Service, snapshot: Snapshot, tried: list[Key]) -> Pick | None:
    """An endpoint, or None while nobody can tell and there is time to wait."""
    now = service.clock()
    answer = snapshot.last if isinstance(snapshot, Failed) else snapshot
    if snapshot.endpoints and not (isinstance(answer, Empty) and service.balancer.silent):
        if call.deadline.expired(now):
            # Sent now it could only fail, and would count against an endpoint that had no time to answer.
            raise DeadlineExceeded(f"no time is left for attempt {len(tried) + 1} at {service.name!r}")
        if pick := service.balancer.pick(now, tried, repeatable=call.idempotent):
            return pick
        raise NoEndpoints(f"every endpoint of {service.name!r} is draining, says {snapshot.source}")
    if isinstance(answer, Empty):
        raise _nothing_there(service, answer)
    if call.deadline.expired(now):
        raise _no_answer(service, snapshot, now - call.started, now)
    return None


def _nothing_there(service: Service, answer: Empty) -> NoEndpoints | ServiceNotFound:
    if answer.endpoints:
        return NoEndpoints(
            f"{answer.source} lists no endpoint of {service.name!r} any more, and none of the "
            f"{len(answer.endpoints)} it listed before answers"
        )
    if not answer.exists:
        return ServiceNotFound(f"{answer.source} knows no service {service.name!r}")
    return NoEndpoints(f"{answer.source} lists no usable endpoint of {service.name!r}")


def _no_answer(service: Service, snapshot: Snapshot, waited: float, now: float) -> ResolverUnavailable:
    since = f"for {format_duration(now - snapshot.at)}"
    if isinstance(snapshot, Failed):
        what = f"{snapshot.source} has been unavailable {since}: {snapshot.cause}"
    else:
        what = f"{snapshot.source} has been asked {since} and has not answered"
    return ResolverUnavailable(f"cannot resolve {service.name!r}: {what} (the call waited {format_duration(waited)})")


def _situation(call: Call, service: Service, number: int, tried: list[Key], now: float) -> Situation:
    return Situation(
        number=number,
        idempotent=call.idempotent,
        method=call.method,
        obstacle=call.obstacle,
        untried=service.balancer.untried(tried),
        remaining=call.deadline.remaining(now),
        now=now,
        chance=service.uniform(),
    )


def _report(call: Call, attempt: Attempt, reason: str, now: float) -> AttemptReport:
    pick = attempt.pick
    return AttemptReport(
        endpoint=pick.endpoint,
        outcome=attempt.outcome,
        started=pick.started - call.started,
        duration=now - pick.started,
        probe=pick.probe,
        reason=reason,
    )
