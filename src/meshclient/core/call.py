"""A call, and what it needs to know of its service."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.core.balance.balancer import Balancer
    from meshclient.core.balance.node import Key
    from meshclient.core.balance.picker import Uniform
    from meshclient.core.circuit import Circuit
    from meshclient.core.hedge import Hedging
    from meshclient.core.limit.turn import Limiter
    from meshclient.core.retry import RetryPolicy
    from meshclient.core.retry_budget import RetryBudget
    from meshclient.core.shadow import Shadow
    from meshclient.model.deadline import Deadline
    from meshclient.model.events import Event
    from meshclient.model.report import AttemptReport
    from meshclient.model.snapshot import Snapshot


class Service(Protocol):
    """What a call needs to know of its service.

    Attributes:
        name: as in the URL.
        snapshot: the latest list; read by reference, without a lock.
        balancer: picks endpoints; already knows the list of `snapshot`.
        budget: the repeats all calls of the service share.
        circuit: refuses calls while the service is down, or None.
        limiter: refuses calls while too many are under way, or None.
        hedging: when a second attempt is sent beside the first, or None.
        shadow: policies that only report what they would have done.
        emit: tells observers, or None when there are none.
        clock: monotonic seconds.
        uniform: chance in [0, 1).
    """

    name: str
    balancer: Balancer
    budget: RetryBudget
    circuit: Circuit | None
    limiter: Limiter | None
    hedging: Hedging | None
    shadow: Shadow
    emit: Callable[[Event], None] | None
    clock: Callable[[], float]
    uniform: Uniform

    @property
    def snapshot(self) -> Snapshot: ...  # noqa: D102 - above

    def unreached(self) -> None:
        """An endpoint could not be connected to: the list may be out of date."""
        ...


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
        key: what a consistent hash goes by, or None.
        hedge: whether its body allows two attempts at once.
        stuck: says which endpoint its session stays with while that can be used, if any; asked once there is a list,
            since who is on it may not be known before. None without sessions.
        chained: whether it is made on behalf of a request that is itself a repeat, so that whoever sent that already
            repeats for it.
        priority: how important it is where not all calls find room; 0 is most.
        reports: the attempts so far.
    """

    method: str
    idempotent: bool
    started: float
    deadline: Deadline
    attempt_timeout: float
    retry: RetryPolicy
    obstacle: Callable[[], str]
    key: str | None = None
    stuck: Callable[[], Key | None] | None = None
    hedge: bool = False
    chained: bool = False
    priority: int = 0
    reports: list[AttemptReport] = field(default_factory=list)

    @property
    def full_timeout(self) -> float:
        """Seconds that an attempt begun with the call would have had."""
        return min(self.attempt_timeout, self.deadline.remaining(self.started))
