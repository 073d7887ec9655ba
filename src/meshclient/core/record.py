"""Writing down how an attempt ended: for its endpoint, for observers, and for the story of its call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.core.circuit import mark_of
from meshclient.model.events import AttemptFinished
from meshclient.model.outcome import Kind, Mark, Outcome
from meshclient.model.report import AttemptReport

if TYPE_CHECKING:
    from meshclient.core.call import Call, Service
    from meshclient.core.commands import Attempt, Finished

# An endpoint is blamed for a timeout if it had at least this share of the time that a call gives its first attempt.
FAIR_SHARE = 0.9


def late(attempt: Attempt) -> Outcome:
    """The outcome of an attempt whose time is up."""
    return Outcome(Kind.TIMEOUT, detail=f"no response head within {attempt.timeout:.3g}s")


def finish(call: Call, service: Service, ended: Finished, now: float) -> Outcome:
    """Write down how an attempt ended; the outcome as it reflects on its endpoint."""
    attempt, outcome, waited = ended.attempt, ended.outcome, ended.waited
    pick, took = attempt.pick, now - attempt.pick.started
    # Both parts of the waiting may be the same time: standing still while no connection was free.
    latency = max(0.0, took - waited)
    if outcome.kind in (Kind.TIMEOUT, Kind.CONNECT_TIMEOUT) and attempt.timeout < FAIR_SHARE * call.full_timeout:
        # The call's time was up, not the endpoint's: it had only what was left over by the list, or by others.
        outcome = Outcome(
            Kind.CANCELLED, detail=f"cut short by the deadline after {attempt.timeout:.3g}s", injected=outcome.injected
        )
    elif outcome.kind in (Kind.CONNECT_ERROR, Kind.CONNECT_TIMEOUT):
        service.unreached()
    attempt.outcome = outcome
    if attempt.number > 1 and (mark := mark_of(outcome)) is not Mark.NEUTRAL:
        service.budget.learn(now, helped=mark is Mark.SUCCESS)
    if outcome.status is not None:
        pick.answer(latency if outcome.kind is Kind.OK else None)
    if call.hedge and service.hedging is not None and outcome.kind in (Kind.OK, Kind.TIMEOUT):
        service.hedging.observe(latency, now)
    if service.emit is not None:
        service.emit(AttemptFinished(service.name, pick.endpoint, attempt.number, outcome, took))
    return outcome


def report(call: Call, attempt: Attempt, reason: str, now: float) -> None:
    """Add `attempt` to the story of its call, with why another followed or did not."""
    pick = attempt.pick
    call.reports.append(
        AttemptReport(
            endpoint=pick.endpoint,
            outcome=attempt.outcome,
            started=pick.started - call.started,
            duration=now - pick.started,
            probe=pick.probe,
            reason=reason,
            hedge=attempt.hedge,
        )
    )
