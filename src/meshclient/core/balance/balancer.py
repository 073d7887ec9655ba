"""The endpoints of one service: their histories, who is in rotation, and the next pick.

Everything a pick or its ending changes is changed here, under one short lock; events are handed out after the lock is
released, because an observer may call back. While it is held an ending is only noted, and whoever holds it reads the
notes afterwards: an allocation under the lock may start the garbage collector, which closes a forgotten call, which
hands its pick back on this very thread. The choice itself is a `Picker`'s, ejection an `Outlier`'s, the rotation
`rotate`'s.
"""

from __future__ import annotations

from collections import deque
from contextlib import nullcontext, suppress
from itertools import chain
from math import inf
from sys import maxsize
from typing import TYPE_CHECKING

from meshclient.core.balance.bounded_load import Load
from meshclient.core.balance.calm import Calm
from meshclient.core.balance.choosing import Choosing
from meshclient.core.balance.ejections import Ejections
from meshclient.core.balance.load_report import LoadReport
from meshclient.core.balance.node import Node
from meshclient.core.balance.p2c import FRESH
from meshclient.core.balance.peak_ewma import UNKNOWN_COST, PeakEwma
from meshclient.core.balance.pick import Pick
from meshclient.core.balance.rotation import rotate
from meshclient.core.balance.status import EndpointStatus, describe
from meshclient.core.balance.weighing import STEP, Weighing
from meshclient.core.outlier import Change
from meshclient.model.endpoint import Health
from meshclient.model.events import EndpointEjected, EndpointRestored, PanicChanged
from meshclient.model.outcome import CANCELLED, Mark

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from contextlib import AbstractContextManager

    from meshclient.core.balance.node import Key
    from meshclient.core.balance.picker import Picker, Uniform
    from meshclient.core.balance.rotation import Rotation
    from meshclient.core.outlier import Outlier
    from meshclient.core.shadow import Shadow
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.events import Event
    from meshclient.model.outcome import Outcome

NO_WEIGHING = Weighing()
# Seconds a due probe waits for a call that may be repeated.
PROBE_GRACE = 10.0


class Balancer(Calm, Choosing):
    """Picks endpoints of one service and learns from how the picks end.

    Args:
        service: the name, for events.
        picker: the rule that chooses.
        outlier: the rule that ejects, or None for never.
        panic: share of usable endpoints (0 to 1) below which a tier fails open or over.
        uniform: chance in [0, 1).
        emit: told of events, never under the lock.
        lock: guards the state where threads share it.
        weighing: how large a part of the calls each endpoint gets.
        load: attempts in flight at all endpoints, for pickers that bound an endpoint's part of them.
        most: attempts in flight at one endpoint, bodies included, from which on it gets no more; 0 for any number.
        shadow: where ejection only reports what it would have done: told of it, never under the lock.
        fresh: seconds for which what is noted on the short way may wait.
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
        weighing: Weighing = NO_WEIGHING,
        load: Load | None = None,
        most: int = 0,
        shadow: Shadow | None = None,
        fresh: float = FRESH,
    ) -> None:
        self._fresh = fresh
        self._count_at = -inf
        self._noted: list[tuple[Node, float, float, float]] = []
        self._shadow = shadow
        self._weighing = weighing
        self._reweigh_at = inf
        self._load = load or Load()
        self._most = most or maxsize
        self._service = service
        self._picker = picker
        self._outlier = outlier
        self._ejections = Ejections(outlier, uniform, shadow=shadow is not None)
        self._panic = panic
        self._uniform = uniform
        self._emit = emit
        self._lock = nullcontext() if lock is None else lock
        self._nodes: dict[Key, Node] = {}
        self._rotation = rotate((), panic)
        self._drawn: Sequence[Node] = ()
        self._failing: set[Key] = set()
        self._calm = False
        self._events: list[Event] = []
        self._held = False
        self._notes: deque[tuple[Pick, Outcome, float]] = deque()
        self._dropped: deque[Pick] = deque()
        self._born = -inf

    def update(self, endpoints: Sequence[Endpoint], now: float) -> None:
        """Take over a new list. Endpoints that stay, by identity, keep their history."""
        with self._lock:
            self._held = True
            try:
                self._count()
                self._take_over(endpoints, now)
            finally:
                self._held = False
        self._tell()

    def checked(self, key: Key, now: float, *, passing: bool) -> None:
        """An active health check of an endpoint passed or failed."""
        with self._lock:
            self._held = True
            try:
                node = self._nodes.get(key)
                if node is not None and node.fit is not passing:
                    node.fit = passing
                    self._rotate(now)
            finally:
                self._held = False
        self._tell()

    def pick(
        self,
        now: float,
        tried: Collection[Key] = (),
        *,
        repeatable: bool = True,
        key: str | None = None,
        stuck: Key | None = None,
    ) -> Pick | None:
        """An endpoint for the next attempt, or None when there is none that may be used, or none that has `room`.

        An endpoint whose probe is due is a call's first choice; one that is not `repeatable`, and would pay for it,
        carries one only when nobody else has done so for a while. `tried` holds the identities this call has already
        used; they are used again only when no other is left. `key` is what a balancer that hashes goes by,
        `stuck` an endpoint that is preferred to all others while it is usable.
        """
        while self._dropped:
            # Another thread may have taken the last of them meanwhile.
            with suppress(IndexError):
                self._notes.append((self._dropped.popleft(), CANCELLED, now))
        if self._notes:
            self._read_notes()
        with self._lock:
            self._held = True
            try:
                self._count()
                if now >= self._reweigh_at:
                    self._weigh_all(now)
                node, probe = self._chosen(now, tried, now if repeatable else now - PROBE_GRACE, key, stuck)
                if node is not None:
                    node.pending += 1
                    node.load += node.step
                    self._load.pending += 1
                    node.waiting += 1
                    node.begun += now
            finally:
                self._held = False
        if self._notes:
            self._read_notes()
        return None if node is None else Pick(self, node, now, probe=probe)

    def pick_of(self, node: Node, started: float) -> Pick:
        """As `Calm` says."""
        return Pick(self, node, started)

    def answered(self, pick: Pick) -> None:
        """Take note that a response head arrived for it (called by `Pick.answer`)."""
        node = pick.node
        if pick.started < self._born:
            return
        with self._lock:
            self._held = True
            self._count()
            node.waiting -= 1
            node.begun = node.begun - pick.started if node.waiting else 0.0
            if pick.latency is not None:
                node.ewma.observe(pick.latency, pick.started + pick.latency)
            self._held = False
        if self._notes:
            self._read_notes()

    def finish(self, pick: Pick, outcome: Outcome, now: float) -> None:
        """Take a pick back (called by `Pick.done`)."""
        if self._held:
            self._notes.append((pick, outcome, now))
            if self._held:
                return
        else:
            with self._lock:
                self._held = True
                try:
                    self._settle(pick, outcome, now)
                finally:
                    self._held = False
        if self._notes or self._events or self._ejections.unsaid:
            self._tell()

    def bereave(self, now: float) -> None:
        """Forget what is in flight, as nobody in this forked child will ever end it; ends that come count nothing."""
        with self._lock:
            self._held = True
            try:
                self._count()
                self._born = now
                self._load.pending = 0
                for node in self._nodes.values():
                    node.pending = node.waiting = 0
                    node.begun = 0.0
                    node.stale = -inf
            finally:
                self._held = False
        if self._notes:
            self._read_notes()

    def drop(self, pick: Pick) -> None:
        """Take note of a pick that was forgotten (called by the garbage collector)."""
        self._dropped.append(pick)

    @property
    def silent(self) -> bool:
        """Whether the latest attempt to every endpoint, those that drain aside, failed: nothing answers any more."""
        failing = self._failing
        return all(key in failing or node.endpoint.health is Health.DRAINING for key, node in self._nodes.items())

    @property
    def rotation(self) -> Rotation:
        """Who takes part in picking, and by which shares, as of the latest change."""
        return self._rotation

    @property
    def panic(self) -> bool:
        """Whether it fails open, since too few endpoints are usable."""
        return self._rotation.panic

    @property
    def room(self) -> bool:
        """Whether any endpoint in rotation has fewer attempts in flight than it may have."""
        return self._most == maxsize or any(node.pending < self._most for node in self._rotation.nodes)

    def reported(self, key: Key, text: str, now: float) -> None:
        """An endpoint said how busy it is: the value of its header ``endpoint-load-metrics``."""
        rule, node = self._weighing.reports, self._nodes.get(key)
        # Read without the lock: at worst a report is read twice.
        if rule is None or node is None or not rule.wanted(node.reported, now):
            return
        if (report := LoadReport.parse(text)) is not None:
            with self._lock:
                self._held = True
                rule.take(node.reported, report, now)
                self._reweigh_at = min(self._reweigh_at, now + STEP)
                self._held = False
            if self._notes:
                self._read_notes()

    def untried(self, tried: Collection[Key]) -> bool:
        """Whether an endpoint that `pick` would choose, in rotation or standby, is not among `tried`."""
        turning = self._rotation.nodes
        if len(tried) < len(turning):
            return True
        left = chain(turning, filter(self._spare, self._nodes.values()))
        return any(node.key not in tried for node in left)

    def status(self, now: float) -> tuple[EndpointStatus, ...]:
        """Every endpoint, in the order of the list."""
        with self._lock:
            self._held = True
            self._count()
            nodes = self._rotation.nodes
            turning = dict(zip(map(id, nodes), self._weighing.warmth(nodes, now), strict=True))
            found = tuple(
                describe(
                    node,
                    now,
                    turns=id(node) in turning,
                    avoided=self._suspect(node, now),
                    warmth=turning.get(id(node), 1.0),
                )
                for node in self._nodes.values()
            )
            self._held = False
        if self._notes:
            self._read_notes()
        return found

    # Below: only under the lock.

    def _take_over(self, endpoints: Sequence[Endpoint], now: float) -> None:
        known = self._nodes
        cost = self._typical_cost(now)
        nodes: dict[Key, Node] = {}
        for endpoint in endpoints:
            if (node := known.get(endpoint.key)) is None:
                node = Node(endpoint, cost, now)
                # Where all are new nobody is warmer than the others.
                node.joined = now if known else -inf
            node.endpoint = endpoint
            nodes[endpoint.key] = node
        for key, node in known.items():
            if key not in nodes:
                # One step: whoever gives back meanwhile finds either both or none.
                node.listed = False
                self._load.pending -= node.pending
        # In this order, and complete: `silent` and `untried` read both without the lock.
        self._failing &= nodes.keys()
        self._nodes = nodes
        self._ejections.keep(lambda node: node.listed)
        self._rotate(now)

    def _settle(self, pick: Pick, outcome: Outcome, now: float) -> None:
        if pick.started < self._born:
            return
        self._count()
        verdict, node = outcome.verdict, pick.node
        node.pending -= 1
        node.load -= node.step
        if not pick.answered:
            node.waiting -= 1
            node.begun = node.begun - pick.started if node.waiting else 0.0
        if not node.listed:
            return
        self._load.pending -= 1
        if verdict.mark is Mark.FAILURE:
            self._failing.add(node.key)
            node.stale = -inf
        elif verdict.mark is Mark.SUCCESS and self._failing:
            self._failing.discard(node.key)
        relieved = verdict.mark is Mark.FAILURE and self._relieved(node)
        change = self._ejections.settle(pick, outcome, now, self._room, relieved=relieved)
        if change is not Change.NONE:
            self._changed(node, change, pick.latency, now)
        if verdict.mark is not Mark.NEUTRAL:
            self._look()

    def _changed(self, node: Node, change: Change, latency: float | None, now: float) -> None:
        standing = node.standing
        if change is Change.RESTORED:
            self._events.append(EndpointRestored(self._service, node.endpoint))
            # What came with its failures would starve it for a minute more.
            node.record.window.clear()
            node.slow.clear()
            node.blame.clear()
            node.joined = now
            node.ewma = PeakEwma(self._typical_cost(now) if latency is None else latency, now)
            node.stale = -inf
        elif change is Change.EJECTED and standing.until is not None:
            left = standing.until - now
            self._events.append(EndpointEjected(self._service, node.endpoint, standing.failures, left))
        if change is not Change.PROBE_AGAIN:
            self._rotate(now)

    def _room(self, node: Node) -> bool:
        priority = node.endpoint.priority
        if self._outlier is None or self._rotation.relieved(priority):
            return True
        out = self._rotation.ejected.get(priority, 0)
        return out < self._outlier.cap(self._rotation.sizes.get(priority, 0))

    def _relieved(self, node: Node) -> bool:
        """Whether a later level could take over, and is not known to fail as well."""
        priority, failing = node.endpoint.priority, self._failing
        return self._rotation.relieved(priority) and any(
            other.endpoint.priority > priority and self._spare(other) and key not in failing
            for key, other in self._nodes.items()
        )

    def _rotate(self, now: float) -> None:
        before, after = self._rotation, rotate(self._nodes.values(), self._panic)
        self._rotation = after
        self._weigh_all(now)
        self._look()
        if before.panic != after.panic:
            total = sum(after.sizes.values())
            self._events.append(PanicChanged(self._service, after.panic, after.usable, total))

    def _weigh_all(self, now: float) -> None:
        nodes = self._rotation.nodes
        self._reweigh_at = self._weighing.weigh(self._rotation, now)
        if nodes:
            self._drawn = [node for node in nodes if node.weight > 0] or nodes
            self._picker.rebuild(self._drawn)

    def _typical_cost(self, now: float) -> float:
        # The median neither starves a newcomer, as a high guess would, nor floods it, as a low one would.
        costs = sorted(node.ewma.read(now) for node in self._nodes.values())
        return costs[len(costs) // 2] if costs else UNKNOWN_COST

    # Without the lock.

    def _read_notes(self) -> None:
        # Whoever holds the lock comes here after it, and so sees a note that was left because he held it.
        while self._notes and not self._held:
            with self._lock:
                self._held = True
                try:
                    while self._notes:
                        pick, outcome, ended = self._notes.popleft()
                        self._settle(pick, outcome, ended)
                finally:
                    self._held = False

    def _tell(self) -> None:
        if self._notes:
            self._read_notes()
        with self._lock:
            self._held = True
            events, self._events = self._events, []
            unsaid, self._ejections.unsaid = self._ejections.unsaid, []
            self._held = False
        if self._notes:
            self._read_notes()
        for words, endpoint in unsaid:
            if self._shadow is not None:
                self._shadow.would("ejection", words, endpoint)
        if self._emit is not None:
            for event in events:
                self._emit(event)
