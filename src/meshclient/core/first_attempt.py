"""The first attempt of a plain call, without a generator.

Nearly every call is one attempt that succeeds, with no queue, no second attempt beside it and nothing to decide after
it. A driver may begin such a call by itself: `begin` makes the decisions that `exchange` would make, in its order, and
`FirstAttempt.succeeded` writes down what it would. Whatever else happens goes on in the generator (`resume`), so that
there is one place where a call's failures are decided. A differential test
(`tests/property/test_core_first_attempt.py`) runs the same calls both ways and compares all that is left of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from meshclient.core.commands import Attempt
from meshclient.core.entrance import Stay, refused
from meshclient.model.events import AttemptFinished
from meshclient.model.outcome import CANCELLED, Mark
from meshclient.model.report import AttemptReport
from meshclient.model.snapshot import Failed, Ready

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.core.balance.node import Node
    from meshclient.core.call import Service
    from meshclient.core.circuit import Permit
    from meshclient.core.window import Window
    from meshclient.model.outcome import Outcome
    from meshclient.model.snapshot import Snapshot


_F = TypeVar("_F", bound="FirstAttempt")


class FirstAttempt:
    """A call that has been let in, and its attempt.

    Attributes:
        service: what is called.
        node: where it goes; None where nothing could be picked the short way: `resume` does it then; and once `attempt`
            has taken it over.
        endpoint: of that node, as it was when chosen.
        started: when the call, and with it the attempt, began; seconds on the service's clock.
        timeout: seconds it may take to the response head.
        snapshot: the list it was picked from.
        outcome: how it ended, once `succeeded`.
        ended: when its head was here, likewise.
    """

    __slots__ = (
        "_permit",
        "_tally",
        "ended",
        "endpoint",
        "node",
        "outcome",
        "service",
        "snapshot",
        "started",
        "timeout",
    )

    def __init__(  # noqa: PLR0917 - made for every call, and keywords cost
        self,
        service: Service,
        permit: Permit | None,
        tally: Window | None,
        node: Node | None,
        started: float,
        timeout: float,
        at: Snapshot,
    ) -> None:
        self.service = service
        self._permit = permit
        self._tally = tally
        self.node = node
        self.endpoint = None if node is None else node.endpoint
        self.started = started
        self.timeout = timeout
        self.snapshot = at

    def succeeded(self, outcome: Outcome, latency: float, now: float, headed: float | None = None) -> None:
        """The whole response is here, and says success.

        Args:
            outcome: what it says.
            latency: seconds that the endpoint took for the head.
            now: clock.
            headed: clock when the head was here, if that was before.
        """
        service, node, endpoint = self.service, self.node, self.endpoint
        if node is None or endpoint is None:
            return
        self.ended = now if headed is None else headed
        if service.emit is not None:
            service.emit(AttemptFinished(service.name, endpoint, 1, outcome, self.ended - self.started))
        permit, tally = self._permit, self._tally
        if tally is not None and not tally.failures and now < tally.until:
            # One step of the interpreter, so that it needs no lock.
            tally.successes += 1
        elif permit is not None:
            permit.done(Mark.SUCCESS, now)
        service.balancer.give_back(node, self.started, latency, outcome, now)
        self.outcome = outcome

    def cancelled(self, now: float) -> None:
        """The caller has given up: everything is handed back without a mark."""
        if self.node is not None:
            self.service.balancer.pick_of(self.node, self.started).done(CANCELLED, now)
        if self._permit is not None:
            self._permit.done(Mark.NEUTRAL, now)

    def attempt(self) -> Attempt | None:
        """The attempt, for a driver that needs it as `exchange` would have made it; it is the driver's from here on."""
        node, self.node = self.node, None
        if node is None or self.endpoint is None:
            return None
        pick = self.service.balancer.pick_of(node, self.started)
        pick.endpoint = self.endpoint
        return Attempt(1, pick, self.timeout)

    def stay(self) -> Stay:
        """What the call holds of its service, to be handed back by `resume`; it is the driver's from here on."""
        permit, self._permit = self._permit, None
        return Stay(permit, None)

    def report(self) -> AttemptReport | None:
        """The story of the attempt, once it `succeeded`."""
        if self.endpoint is None:
            return None
        return AttemptReport(self.endpoint, self.outcome, 0.0, self.ended - self.started)


def begin(  # noqa: PLR0917 - called for every call, and keywords cost
    service: Service,
    now: float,
    timeout: float,
    key: str | None,
    made: Callable[[Service, Permit | None, Window | None, Node | None, float, float, Snapshot], _F],
    snapshot: Snapshot | None = None,
) -> _F | None:
    """Let a call in and pick its endpoint; None where `exchange` has to, and nothing has been counted then.

    Only for calls of services without a limit and without hedging. Raises CircuitOpen.

    Args:
        service: what is called.
        now: when the call began, in seconds on the service's clock.
        timeout: seconds for the attempt, more than 0.
        key: what a consistent hash goes by.
        made: the class of what is given back, which may have more to say.
        snapshot: the service's, for who has it at hand.
    """
    if snapshot is None:
        snapshot = service.snapshot
    if type(snapshot) is not Ready and not (isinstance(snapshot, Failed) and isinstance(snapshot.last, Ready)):
        return None
    circuit, budget = service.circuit, service.budget
    permit: Permit | None = None
    tally = None
    if circuit is not None:
        permit = blanket = circuit.blanket
        if blanket is not None:
            tally = blanket.window
        elif (permit := circuit.admit(now, service.uniform())) is None:
            raise refused(service, circuit, now)
    if now < budget.until:
        budget.slots[budget.at] += budget.each
    else:
        budget.deposit(now)
    try:
        return made(service, permit, tally, service.balancer.take(now, key), now, timeout, snapshot)
    except BaseException:
        # A picker of the user's, for one.
        if permit is not None:
            permit.done(Mark.NEUTRAL, now)
        raise
