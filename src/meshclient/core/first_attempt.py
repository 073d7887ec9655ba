"""The first attempt of a plain call, without a generator.

Nearly every call is one attempt that succeeds, with no queue, no second attempt beside it and nothing to decide after
it. A driver may begin such a call by itself: `begin` makes the decisions that `exchange` would make, in its order, and
`FirstAttempt.succeeded` writes down what it would. Whatever else happens goes on in the generator (`resume`), so that
there is one place where a call's failures are decided. A differential test
(`tests/property/test_core_first_attempt.py`) runs the same calls both ways and compares all that is left of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.core.commands import Attempt
from meshclient.core.entrance import Stay, refused
from meshclient.model.events import AttemptFinished
from meshclient.model.outcome import CANCELLED, Mark
from meshclient.model.report import AttemptReport
from meshclient.model.snapshot import Failed, Ready

if TYPE_CHECKING:
    from meshclient.core.balance.node import Node
    from meshclient.core.call import Service
    from meshclient.core.circuit import Permit
    from meshclient.model.outcome import Outcome
    from meshclient.model.snapshot import Snapshot


class FirstAttempt:
    """A call that has been let in, and its attempt.

    Attributes:
        node: where it goes; None where nothing could be picked the short way: `resume` does it then.
        started: when the call, and with it the attempt, began; seconds on the service's clock.
        timeout: seconds it may take to the response head.
        snapshot: the list it was picked from.
        outcome: how it ended, once `succeeded`.
        ended: when, likewise.
    """

    __slots__ = ("_permit", "_service", "ended", "node", "outcome", "snapshot", "started", "timeout")

    def __init__(  # noqa: PLR0917 - made for every call, and keywords cost
        self, service: Service, permit: Permit | None, node: Node | None, started: float, timeout: float, at: Snapshot
    ) -> None:
        self._service = service
        self._permit = permit
        self.node = node
        self.started = started
        self.timeout = timeout
        self.snapshot = at

    def succeeded(self, outcome: Outcome, latency: float, now: float) -> None:
        """The whole response is here, and says success; its head came after `latency` seconds of the endpoint's."""
        service, node = self._service, self.node
        if node is None:
            return
        if service.emit is not None:
            service.emit(AttemptFinished(service.name, node.endpoint, 1, outcome, now - self.started))
        if self._permit is not None:
            self._permit.done(Mark.SUCCESS, now)
        service.balancer.give_back(node, self.started, latency, outcome, now)
        self.outcome = outcome
        self.ended = now

    def cancelled(self, now: float) -> None:
        """The caller has given up: everything is handed back without a mark."""
        if self.node is not None:
            self._service.balancer.pick_of(self.node, self.started).done(CANCELLED, now)
        if self._permit is not None:
            self._permit.done(Mark.NEUTRAL, now)

    def attempt(self) -> Attempt | None:
        """The attempt, for a driver that needs it as `exchange` would have made it."""
        if self.node is None:
            return None
        return Attempt(1, self._service.balancer.pick_of(self.node, self.started), self.timeout)

    def stay(self) -> Stay:
        """What the call holds of its service, to be handed back by `resume`."""
        return Stay(self._permit, None)

    def report(self) -> AttemptReport | None:
        """The story of the attempt, once it `succeeded`."""
        if self.node is None:
            return None
        return AttemptReport(self.node.endpoint, self.outcome, 0.0, self.ended - self.started)


def begin(service: Service, now: float, timeout: float, key: str | None) -> FirstAttempt | None:
    """Let a call in and pick its endpoint; None where `exchange` has to, and nothing has been counted then.

    Only for calls of services without a limit and without hedging. Raises CircuitOpen.

    Args:
        service: what is called.
        now: when the call began, in seconds on the service's clock.
        timeout: seconds for the attempt, more than 0.
        key: what a consistent hash goes by.
    """
    snapshot = service.snapshot
    answer = snapshot.last if isinstance(snapshot, Failed) else snapshot
    if not isinstance(answer, Ready):
        return None
    circuit, permit = service.circuit, None
    if circuit is not None and (permit := circuit.admit(now, service.uniform())) is None:
        raise refused(service, circuit, now)
    service.budget.deposit(now)
    return FirstAttempt(service, permit, service.balancer.take(now, key), now, timeout, snapshot)
