"""The endpoints of one service: their histories, who is in rotation, and the next pick.

Everything a pick or its ending changes is changed here, under one short lock; events are handed out after the lock is
released, because an observer may call back. The choice itself is a `Picker`'s, ejection an `Outlier`'s, the rotation
`rotate`'s.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain, count
from math import e
from typing import TYPE_CHECKING

from meshclient.core.balance.node import Node
from meshclient.core.balance.peak_ewma import FAILURE_COST, UNKNOWN_COST, PeakEwma
from meshclient.core.balance.pick import Pick
from meshclient.core.balance.rotation import rotate
from meshclient.core.outlier import Change
from meshclient.model.endpoint import Health
from meshclient.model.events import EndpointEjected, EndpointRestored, PanicChanged
from meshclient.model.outcome import CANCELLED, Mark

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from contextlib import AbstractContextManager

    from meshclient.core.balance.picker import Picker, Uniform
    from meshclient.core.outlier import Outlier
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.events import Event
    from meshclient.model.outcome import Outcome

    Key = tuple[str, str, int, str]

# Seconds a due probe waits for a call that may be repeated.
PROBE_GRACE = 10.0


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """One endpoint as the balancer sees it.

    Its `state` is ``in_rotation``; ``avoided``, in rotation but passed over since it has just failed; ``standby``, of a
    lower priority; ``ejected``; ``probing``, ejected with its trial in flight; or ``excluded`` by its registry.
    """

    endpoint: Endpoint
    state: str
    pending: int
    expected_latency: float
    failures: int
    returns_in: float | None


class Balancer:
    """Picks endpoints of one service and learns from how the picks end.

    Args:
        service: the name, for events.
        picker: the rule that chooses.
        outlier: the rule that ejects, or None for never.
        panic: share of usable endpoints (0 to 1) below which a tier fails open or over.
        uniform: chance in [0, 1).
        emit: told of events, never under the lock.
        lock: guards the state where threads share it.
    """

    def __init__(
        self,
        service: str,
        picker: Picker,
        outlier: Outlier | None,
        *,
        panic: float,
        uniform: Uniform,
        emit: Callable[[Event], None] | None = None,
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        self._service = service
        self._picker = picker
        self._outlier = outlier
        self._panic = panic
        self._uniform = uniform
        self._emit = emit
        self._lock = nullcontext() if lock is None else lock
        self._nodes: dict[Key, Node] = {}
        self._rotation = rotate((), panic)
        self._failing: set[Key] = set()
        self._due: list[tuple[float, int, Node]] = []
        self._order = count()
        self._events: list[Event] = []
        self._dropped: deque[Pick] = deque()

    def update(self, endpoints: Sequence[Endpoint], now: float) -> None:
        """Take over a new list. Endpoints that stay, by identity, keep their history."""
        with self._lock:
            known = self._nodes
            cost = self._typical_cost(now)
            nodes: dict[Key, Node] = {}
            for endpoint in endpoints:
                node = known.get(endpoint.key) or Node(endpoint, cost, now)
                node.endpoint = endpoint
                node.weight = endpoint.weight
                nodes[endpoint.key] = node
            # In this order, and complete: `silent` and `untried` read both without the lock.
            self._failing &= nodes.keys()
            self._nodes = nodes
            self._due = [entry for entry in self._due if self._holds(entry[2])]
            self._rotate()
        self._tell()

    def pick(self, now: float, tried: Collection[Key] = (), *, repeatable: bool = True) -> Pick | None:
        """An endpoint for the next attempt, or None when there is none that may be used.

        An endpoint whose probe is due is a call's first choice; one that is not `repeatable`, and would pay for it,
        carries one only when nobody else has done so for a while. `tried` holds the identities this call has already
        used; they are used again only when no other is left.
        """
        due = now if repeatable else now - PROBE_GRACE
        with self._lock:
            if self._dropped:
                self._collect(now)
            # Never on a repeat: a call that met one dead endpoint would otherwise be led from one to the next.
            if self._due and not tried and self._due[0][0] <= due and (node := self._next_probe(due)):
                probe = True
            elif self._rotation.nodes:
                node = self._choose(now, tried)
                probe = False
            else:
                return None
            node.pending += 1
            return Pick(self, node, now, probe=probe)

    def finish(self, pick: Pick, outcome: Outcome, now: float) -> None:
        """Take a pick back (called by `Pick.done`)."""
        with self._lock:
            self._settle(pick, outcome, now)
        if self._events:
            self._tell()

    def drop(self, pick: Pick) -> None:
        """Take note of a pick that was forgotten (called by the garbage collector)."""
        self._dropped.append(pick)

    @property
    def silent(self) -> bool:
        """Whether the latest attempt to every endpoint, those that drain aside, failed: nothing answers any more."""
        failing = self._failing
        return all(key in failing or node.endpoint.health is Health.DRAINING for key, node in self._nodes.items())

    def untried(self, tried: Collection[Key]) -> bool:
        """Whether an endpoint that `pick` would choose, in rotation or standby, is not among `tried`."""
        turning = self._rotation.nodes
        if len(tried) < len(turning):
            return True
        left = chain(turning, filter(self._spare, self._nodes.values()))
        return any(node.endpoint.key not in tried for node in left)

    def status(self, now: float) -> tuple[EndpointStatus, ...]:
        """Every endpoint, in the order of the list."""
        with self._lock:
            turning = {id(node) for node in self._rotation.nodes}
            return tuple(self._describe(node, now, id(node) in turning) for node in self._nodes.values())

    # Below: only under the lock.

    def _choose(self, now: float, tried: Collection[Key]) -> Node:
        if not tried and not self._failing:
            return self._picker.pick(now)
        node = self._picker.pick(now, lambda n: n.endpoint.key in tried or self._suspect(n, now))
        if node.endpoint.key not in tried:
            return node
        left = [n for n in self._rotation.nodes if n.endpoint.key not in tried]
        if not left and len(self._nodes) > len(self._rotation.nodes):
            # Other tiers, before the same endpoint again.
            left = [n for n in self._nodes.values() if self._spare(n) and n.endpoint.key not in tried]
        return min(left, key=lambda n: (n.endpoint.priority, n.ewma.read(now) * (n.pending + 1))) if left else node

    def _suspect(self, node: Node, now: float) -> bool:
        # Its last attempt failed, within about one TAU: by then the penalty has decayed to this, and it deserves a
        # trial again, since only a success clears it.
        return node.endpoint.key in self._failing and node.ewma.read(now) > FAILURE_COST / e

    def _spare(self, node: Node) -> bool:
        return node.endpoint.usable and not node.standing.ejected

    def _next_probe(self, due: float) -> Node | None:
        for at, (when, _, node) in enumerate(self._due):
            if when > due:
                break
            if node.endpoint.usable:
                del self._due[at]
                node.standing.probing = True
                return node
        return None

    def _collect(self, now: float) -> None:
        while self._dropped:
            self._settle(self._dropped.popleft(), CANCELLED, now)

    def _settle(self, pick: Pick, outcome: Outcome, now: float) -> None:
        verdict, node = outcome.verdict, pick.node
        node.pending -= 1
        if verdict.penalised:
            node.ewma.penalise(outcome.retry_after, now)
        elif verdict.mark is Mark.SUCCESS and pick.latency is not None:
            node.ewma.observe(pick.latency, pick.started + pick.latency)
        if not self._holds(node):
            return
        if verdict.mark is Mark.FAILURE:
            self._failing.add(node.endpoint.key)
        elif verdict.mark is Mark.SUCCESS and self._failing:
            self._failing.discard(node.endpoint.key)
        if self._outlier is not None and not (verdict.mark is Mark.SUCCESS and node.standing.clean):
            # A probe that is told to come back later has not succeeded (Linkerd); due again at once, it would take
            # the first attempt of every call.
            mark = Mark.FAILURE if pick.probe and verdict.penalised else verdict.mark
            self._judge(self._outlier, pick, mark, now)

    def _judge(self, outlier: Outlier, pick: Pick, mark: Mark, now: float) -> None:
        node, standing = pick.node, pick.node.standing
        room = standing.failures + 1 >= outlier.consecutive and self._room(outlier, node)
        change = outlier.record(standing, mark, probe=pick.probe, room=room, now=now, chance=self._uniform())
        if change is Change.NONE:
            return
        if change is Change.RESTORED:
            self._events.append(EndpointRestored(self._service, node.endpoint))
            # The penalty that came with its failures would starve it for a minute more.
            node.ewma = PeakEwma(self._typical_cost(now) if pick.latency is None else pick.latency, now)
        elif standing.until is not None:
            insort(self._due, (standing.until, next(self._order), node))
            if change is Change.EJECTED:
                left = standing.until - now
                self._events.append(EndpointEjected(self._service, node.endpoint, standing.failures, left))
        if change is not Change.PROBE_AGAIN:
            self._rotate()

    def _room(self, outlier: Outlier, node: Node) -> bool:
        priority = node.endpoint.priority
        if self._rotation.relieved(priority):
            return True
        out = self._rotation.ejected.get(priority, 0)
        return out < outlier.cap(self._rotation.sizes.get(priority, 0))

    def _rotate(self) -> None:
        before, after = self._rotation, rotate(self._nodes.values(), self._panic)
        self._rotation = after
        if after.nodes:
            self._picker.rebuild(after.nodes)
        if before.panic != after.panic:
            total = sum(after.sizes.values())
            self._events.append(PanicChanged(self._service, after.panic, after.usable, total))

    def _holds(self, node: Node) -> bool:
        return self._nodes.get(node.endpoint.key) is node

    def _typical_cost(self, now: float) -> float:
        # The median neither starves a newcomer, as a high guess would, nor floods it, as a low one would.
        costs = sorted(node.ewma.read(now) for node in self._nodes.values())
        return costs[len(costs) // 2] if costs else UNKNOWN_COST

    def _describe(self, node: Node, now: float, turning: bool) -> EndpointStatus:  # noqa: FBT001 - private
        standing = node.standing
        if standing.until is not None:
            state = "probing" if standing.probing else "ejected"
        elif not node.endpoint.usable:
            state = "excluded"
        else:
            state = ("avoided" if self._suspect(node, now) else "in_rotation") if turning else "standby"
        left = None if standing.until is None else max(0.0, standing.until - now)
        return EndpointStatus(node.endpoint, state, node.pending, node.ewma.read(now), standing.failures, left)

    # Without the lock.

    def _tell(self) -> None:
        with self._lock:
            events, self._events = self._events, []
        if self._emit is not None:
            for event in events:
                self._emit(event)
