"""Two balancers with one history: one goes the long way all the time, the other the short way where it may."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import inf
from random import Random
from typing import TYPE_CHECKING

from meshclient.core.balance.balancer import NO_WEIGHING, Balancer
from meshclient.core.balance.keyed import Keyed
from meshclient.core.balance.least_request import least_request
from meshclient.core.balance.maglev import maglev
from meshclient.core.balance.p2c import P2C
from meshclient.core.balance.ring_hash import ring_hash
from meshclient.core.balance.round_robin import RoundRobin
from meshclient.core.balance.weighted_random import WeightedRandom
from meshclient.core.shadow import Shadow
from meshclient.model.events import ShadowDecision
from meshclient.model.outcome import CANCELLED, Kind, Outcome
from unit.core.portrait import portrait

if TYPE_CHECKING:
    from meshclient.core.balance.node import Key, Node
    from meshclient.core.balance.pick import Pick
    from meshclient.core.balance.picker import Avoid, Picker, Uniform
    from meshclient.core.balance.weighing import Weighing
    from meshclient.core.outlier import Outlier
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.events import Event

PICKERS: dict[str, Callable[[Uniform], Picker]] = {
    # Nothing waits: what is worked out later is another number.
    "p2c": lambda uniform: P2C(uniform, fresh=-inf),
    "least_request": least_request,
    "round_robin": RoundRobin,
    "weighted_random": WeightedRandom,
    "ring_hash": ring_hash,
    "maglev": maglev,
}


@dataclass(frozen=True)
class Setting:
    """What both are made of."""

    picker: str = "p2c"
    outlier: Outlier | None = None
    panic: float = 0.5
    weighing: Weighing = NO_WEIGHING
    most: int = 0
    shadow: bool = False
    seed: int = 0


class Interruptible:
    """A picker during whose choice something else may happen: another thread, or the garbage collector."""

    def __init__(self, inner: Picker) -> None:
        self.inner = inner
        self.meanwhile: Callable[[], None] | None = None

    def rebuild(self, nodes: Sequence[Node]) -> None:
        self.inner.rebuild(nodes)

    def pick(self, now: float, avoid: Avoid | None = None, key: str | None = None) -> Node:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return self.inner.pick(now, avoid, key)


class Counting(Balancer):
    """Counts the picks that were made of those who went the short way."""

    # Of all of them, since what is the balancer's own is compared.
    picks = 0

    def pick_of(self, node: Node, started: float) -> Pick:
        Counting.picks += 1
        return super().pick_of(node, started)


class Twin:
    """One of the two."""

    def __init__(self, setting: Setting) -> None:
        self.random = Random(setting.seed)
        self.events: list[Event] = []
        inner = PICKERS[setting.picker](self.random.random)
        self.picker = Interruptible(inner)
        self.balancer = Counting(
            "orders",
            self.picker,
            setting.outlier,
            panic=setting.panic,
            uniform=self.random.random,
            emit=self.events.append,
            weighing=setting.weighing,
            load=inner.load if isinstance(inner, Keyed) else None,
            most=setting.most,
            shadow=Shadow("orders", ["ejection"], self.events.append) if setting.shadow else None,
            fresh=-inf,
        )

    def story(self) -> tuple[list[Event], list[Event]]:
        """What it has told, and has still to tell: ejections in shadow mode, and all else."""
        balancer = self.balancer
        told = [*self.events, *balancer._events]
        unsaid = [ShadowDecision("orders", "ejection", *words) for words in balancer._ejections.unsaid]
        shadow: list[Event] = [event for event in told if isinstance(event, ShadowDecision)]
        return [*shadow, *unsaid], [event for event in told if not isinstance(event, ShadowDecision)]


@dataclass
class Flight:
    """An attempt under way at both; `node` while it is on the short way, then or otherwise `other`."""

    pick: Pick
    node: Node | None
    other: Pick | None
    started: float

    def short(self, balancer: Balancer) -> Pick:
        """Its pick on the short side, for good."""
        if self.other is None:
            assert self.node is not None
            self.other, self.node = balancer.pick_of(self.node, self.started), None
        return self.other


class Twins:
    """Both of them.

    Attributes:
        met: how often the short way was gone or declined, so that a test can tell whether it tested anything.
    """

    def __init__(self, setting: Setting) -> None:
        self.long, self.short = Twin(setting), Twin(setting)
        self.both = self.long, self.short
        self.now = 100.0
        self.live: list[Flight] = []
        self.met: Counter[str] = Counter()

    def update(self, listed: Sequence[Endpoint]) -> None:
        for twin in self.both:
            twin.balancer.update(listed, self.now)

    def check(self, key: Key, *, passing: bool) -> None:
        for twin in self.both:
            twin.balancer.checked(key, self.now, passing=passing)

    def report(self, key: Key, text: str) -> None:
        for twin in self.both:
            twin.balancer.reported(key, text, self.now)

    def fork(self) -> None:
        for twin in self.both:
            twin.balancer.bereave(self.now)

    def wait(self) -> None:
        """Until the very moment at which something is due by itself."""
        balancer = self.long.balancer
        due = [moment for moment in (balancer._reweigh_at, balancer._ejections.due) if moment < inf]
        if due:
            self.now = max(self.now, min(due))

    def begin(self, key: str | None = None) -> None:
        """The first attempt of a call: the short way's own."""
        before = self._declined()
        node = self.short.balancer.take(self.now, key)
        self.met["taken" if node is not None else "declined"] += 1
        if node is None:
            assert self._declined() == before
            self.repeat((), key=key)
            return
        pick = self.long.balancer.pick(self.now, key=key)
        assert pick is not None
        assert (pick.endpoint, pick.node.key, pick.probe) == (node.endpoint, node.key, False)
        self.live.append(Flight(pick, node, None, self.now))

    def repeat(
        self, tried: Collection[Key], *, repeatable: bool = True, key: str | None = None, stuck: Key | None = None
    ) -> None:
        """Any other attempt, which both make the long way."""
        pick, other = (
            twin.balancer.pick(self.now, tried, repeatable=repeatable, key=key, stuck=stuck) for twin in self.both
        )
        assert portrait(pick) == portrait(other)
        if pick is not None:
            self.live.append(Flight(pick, None, other, self.now))

    def succeed(self, at: int, latency: float) -> None:
        """It is answered as a whole."""
        flight = self.live.pop(at % len(self.live))
        outcome = Outcome(Kind.OK, 200)
        flight.pick.answer(latency)
        flight.pick.done(outcome, self.now)
        if flight.node is not None:
            before = Counting.picks
            self.short.balancer.give_back(flight.node, flight.started, latency, outcome, self.now)
            assert not self.short.balancer._events
            assert not self.short.balancer._ejections.unsaid
            self.met["given back" if Counting.picks == before else "given back by a pick"] += 1
        elif flight.other is not None:
            flight.other.answer(latency)
            flight.other.done(outcome, self.now)

    def fail(self, at: int, outcome: Outcome, latency: float = 0.01) -> None:
        """It ends in any way."""
        flight = self.live.pop(at % len(self.live))
        for pick in (flight.pick, flight.short(self.short.balancer)):
            if outcome.status is not None:
                pick.answer(latency if outcome.kind is Kind.OK else None)
            pick.done(outcome, self.now)

    def hurt(self) -> None:
        """Of two at one endpoint the first fails, which may eject it; the second clears it of failing all the same."""
        seen: dict[Key, int] = {}
        for at, flight in enumerate(self.live):
            key = flight.pick.endpoint.key
            if key in seen:
                self.fail(seen[key], Outcome(Kind.SERVER_ERROR, 503))
                self.succeed(at - 1, 0.01)
                return
            seen[key] = at

    def head(self, at: int, latency: float | None) -> None:
        """Its response head is here, the body is still to come: no short way then."""
        flight = self.live[at % len(self.live)]
        for pick in (flight.pick, flight.short(self.short.balancer)):
            pick.answer(latency)

    def drop(self, at: int) -> None:
        """It is forgotten, and found by the garbage collector."""
        flight = self.live.pop(at % len(self.live))
        flight.short(self.short.balancer)

    def interrupted(self, at: int, outcome: Outcome, key: str | None = None) -> None:
        """While an endpoint is chosen another attempt ends."""
        flight = self.live.pop(at % len(self.live))
        now = self.now
        self.long.picker.meanwhile = lambda: flight.pick.done(outcome, now)
        self.short.picker.meanwhile = lambda: flight.short(self.short.balancer).done(outcome, now)
        self.begin(key)
        # Where nothing was chosen by the rule, it ends afterwards.
        for twin in self.both:
            if twin.picker.meanwhile is not None:
                twin.picker.meanwhile()
                twin.picker.meanwhile = None

    def end(self) -> None:
        """Nobody waits any more."""
        while self.live:
            self.fail(0, CANCELLED)
        gc.collect(0)
        self.repeat(())
        if self.live:
            self.fail(0, CANCELLED)
        for twin in self.both:
            twin.balancer._tell()
        assert self.long.story() == self.short.story()
        assert Counter(map(repr, self.long.events)) == Counter(map(repr, self.short.events))

    # What holds.

    def assert_alike(self) -> None:
        """In what everybody can see."""
        long, short = self.long.balancer, self.short.balancer
        # Either may be the first to tell.
        assert self.long.story() == self.short.story()
        assert long.status(self.now) == short.status(self.now)
        assert long._load.pending == short._load.pending
        assert (long.panic, long.silent, long.room) == (short.panic, short.silent, short.room)

    def assert_same(self) -> None:
        """In all that they remember, and in how much chance they have used."""
        for twin in self.both:
            # Counts what is only noted.
            twin.balancer.status(self.now)
        assert portrait(self.long.balancer) == portrait(self.short.balancer)
        assert self.long.random.getstate() == self.short.random.getstate()

    def _declined(self) -> object:
        return portrait(self.short.balancer), self.short.random.getstate()
