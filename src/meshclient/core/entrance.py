"""What stands before a call's first attempt: the service's circuit, and the limit of calls under way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.core.circuit import Refusal, mark_of
from meshclient.core.commands import TurnCame, Wait
from meshclient.errors import CircuitOpen, DeadlineExceeded, Overloaded
from meshclient.model.events import CallRejected
from meshclient.model.outcome import Mark

if TYPE_CHECKING:
    from collections.abc import Generator

    from meshclient.core.call import Call, Service
    from meshclient.core.circuit import Circuit, Permit
    from meshclient.core.commands import Attempt, Command, Signal
    from meshclient.core.limit.turn import Limiter, Turn


@dataclass(slots=True)
class Stay:
    """What a call holds while it is under way."""

    permit: Permit | None
    turn: Turn | None

    def end(self, mark: Mark, latency: float | None, now: float) -> None:
        """The call is over: hand both back."""
        if self.permit is not None:
            self.permit.done(mark, now)
        if self.turn is not None:
            self.turn.leave(mark, latency, now)

    def settle(self, attempt: Attempt, now: float) -> None:
        """The call's last attempt has its outcome; if a body is still to come, the turn is over with it."""
        mark, pick = mark_of(attempt.outcome), attempt.pick
        if attempt.outcome.status is not None and self.turn is not None:
            pick.turn, self.turn = self.turn, None
        self.end(mark, pick.latency, now)


def admit(call: Call, service: Service) -> Stay:
    """Ask the service's circuit. Raises CircuitOpen."""
    if service.circuit is None:
        return Stay(None, None)
    permit = service.circuit.blanket or service.circuit.admit(call.started, service.uniform())
    if permit is None:
        raise refused(service, service.circuit, call.started)
    return Stay(permit, None)


def refused(service: Service, circuit: Circuit, now: float) -> CircuitOpen:
    """The error of a call that the service's circuit refused at `now`; observers are told."""
    refusal = circuit.refusal(now)
    _tell(service, "circuit_open", refusal)
    return CircuitOpen(f"calls to {service.name!r} are refused: {refusal.reason}", refusal.retry_after)


def wait_for_turn(
    call: Call, service: Service, limiter: Limiter, stay: Stay
) -> Generator[Command, Signal | None, None]:
    """Wait until the call may be under way. Raises Overloaded or DeadlineExceeded."""
    try:
        stay.turn = yield from _queue(call, service, limiter)
    except BaseException:
        stay.end(Mark.NEUTRAL, None, service.clock())
        raise


def _queue(call: Call, service: Service, limiter: Limiter) -> Generator[Command, Signal | None, Turn]:
    turn = limiter.enter(call.priority, service.clock())
    if isinstance(turn, Refusal):
        _tell(service, "overloaded", turn)
        raise _overloaded(service, turn)
    if turn.would:
        service.shadow.would("limit", turn.would)
    try:
        while not _came(turn):
            left = min(turn.patience, call.deadline.remaining(service.clock()))
            woken = isinstance((yield Wait(left, turn=turn)), TurnCame)
            if _came(turn):
                break
            if call.deadline.expired(service.clock()):
                raise DeadlineExceeded(f"the call's turn at {service.name!r} did not come in time")
            refusal = turn.refusal
            if refusal is None and not woken:
                refusal = Refusal(f"its turn did not come within {turn.patience:.3g}s", turn.patience)
            if refusal is not None:
                _tell(service, "overloaded", refusal)
                raise _overloaded(service, refusal)
    except BaseException:
        turn.leave(Mark.NEUTRAL, None, service.clock())
        raise
    return turn


def _came(turn: Turn) -> bool:
    return turn.came


def _overloaded(service: Service, refusal: Refusal) -> Overloaded:
    return Overloaded(f"too many calls to {service.name!r} are under way: {refusal.reason}", refusal.retry_after)


def _tell(service: Service, why: str, refusal: Refusal) -> None:
    if service.emit is not None:
        service.emit(CallRejected(service.name, why, refusal.reason))
