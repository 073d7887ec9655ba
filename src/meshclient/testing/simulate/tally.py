"""What is counted during a run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from meshclient.core.retry import IDEMPOTENT_METHODS
from meshclient.model.events import AttemptFinished, EndpointEjected, PanicChanged

if TYPE_CHECKING:
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.events import Event
    from meshclient.testing.simulate.request import Request


class Made(NamedTuple):
    """A call that is over.

    Args:
        began: seconds of the run.
        latency: seconds it took.
        failure: empty after success.
        method: of its request.
    """

    began: float
    latency: float
    failure: str
    method: str

    @property
    def idempotent(self) -> bool:
        """Whether its request may be executed twice."""
        return self.method in IDEMPOTENT_METHODS


class Tally:
    """Of one run.

    Attributes:
        calls: of the outermost caller, in the order in which they ended.
        cancelled: how many more it gave up.
        sent: by service, when attempts left for which instance.
        executions: by service and request, how often it was executed.
        unsafe: ids of requests that must not be executed twice.
        events: how many of each class, by name.
        ejected: ids of instances that were ejected.
        outcomes: attempts at all services, by the kind of their ending.
    """

    __slots__ = ("calls", "cancelled", "ejected", "events", "executions", "outcomes", "sent", "unsafe")

    def __init__(self) -> None:
        self.calls: list[Made] = []
        self.cancelled = 0
        self.sent: dict[str, list[tuple[float, str]]] = {}
        self.executions: dict[str, dict[int, int]] = {}
        self.unsafe: set[int] = set()
        self.events: Counter[str] = Counter()
        self.ejected: set[str] = set()
        self.outcomes: Counter[str] = Counter()

    def attempt(self, service: str, endpoint: Endpoint, now: float) -> None:
        """An attempt left for `endpoint`."""
        self.sent.setdefault(service, []).append((now, endpoint.id))

    def executed(self, service: str, request: Request) -> None:
        """`request` was executed."""
        counts = self.executions.setdefault(service, {})
        counts[request.id] = counts.get(request.id, 0) + 1
        if request.method not in IDEMPOTENT_METHODS:
            self.unsafe.add(request.id)

    def tell(self, event: Event) -> None:
        """An observer of every caller."""
        name = type(event).__name__
        if isinstance(event, AttemptFinished):
            self.outcomes[str(event.outcome.kind)] += 1
        elif isinstance(event, EndpointEjected):
            self.ejected.add(event.endpoint.id)
        elif isinstance(event, PanicChanged) and not event.active:
            name = "PanicEnded"
        self.events[name] += 1
