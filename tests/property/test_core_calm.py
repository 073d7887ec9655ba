"""The short way through the balancer leaves behind what the long way does, whatever else happens.

Two balancers go through one history, drawn by Hypothesis, which makes a failing one short, and by `random.Random`,
which is cheap enough for long ones. Both ways learn of a response when all of it is here: that is when `give_back` is
told of its head.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meshclient.core.balance.load_report import LoadWeights
from meshclient.core.balance.node import Node
from meshclient.core.balance.p2c import peak_ewma_load
from meshclient.core.balance.slow_start import SlowStart
from meshclient.core.balance.weighing import Weighing
from meshclient.core.outlier import Outlier
from meshclient.model.endpoint import Endpoint, Health
from meshclient.model.outcome import Kind, Outcome
from unit.core.fleet import endpoint
from unit.core.twins import PICKERS, Setting, Twins

SCHEDULES = int(os.environ.get("MESHCLIENT_ATTACK", "40"))
FLEET = 5
LATENCIES = (0.0, 0.001, 0.03, 0.2, 3.0)
# Long enough for probes, slow start and windows to run out, and a clock that is read before another's.
STEPS = (0.0, 0.0, 0.01, 0.5, 1.0, 3.0, 12.0, 40.0, -0.5)
KEYS = (None, "ann", "bob", "eve")
REPORTS = (
    "TEXT cpu_utilization=0.5, rps_fractional=10",
    "TEXT cpu_utilization=0.5, rps_fractional=30",
    "TEXT application_utilization=0.9, rps_fractional=3, eps=1",
    "nothing",
)
WEIGHINGS = (
    *[Weighing()] * 2,
    Weighing(slow_start=SlowStart(window=5.0)),
    Weighing(zone="a"),
    Weighing(zone="b", slow_start=SlowStart(), reports=LoadWeights(blackout=1.0, expiry=20.0, interval=0.5)),
)
OUTLIERS = (
    None,
    Outlier(),
    Outlier(consecutive=1, base=1.0),
    Outlier(consecutive=2, base=2.0, limit=8.0, max_ejected=1.0),
    Outlier(consecutive=3, latency=3.0, samples=3, base=1.0),
)
outcomes = st.builds(
    Outcome,
    st.sampled_from(Kind),
    st.sampled_from([None, 200, 429, 503]),
    st.sampled_from([None, None, 0.5, 60.0]),
)
fleets = st.lists(
    st.builds(
        replace,
        st.builds(
            endpoint,
            st.integers(0, FLEET - 1),
            weight=st.sampled_from([1.0, 1.0, 3.0]),
            priority=st.sampled_from([0, 0, 0, 1]),
            health=st.sampled_from([Health.PASSING] * 5 + [Health.CRITICAL, Health.DRAINING]),
        ),
        zone=st.sampled_from(["a", "b"]),
    ),
    max_size=FLEET,
    unique_by=lambda e: e.key,
)
made = st.builds(
    Setting,
    picker=st.sampled_from(sorted(PICKERS)),
    outlier=st.sampled_from(OUTLIERS),
    panic=st.sampled_from([0.0, 0.5, 1.0]),
    weighing=st.sampled_from(WEIGHINGS),
    most=st.sampled_from([0, 0, 0, 2]),
    shadow=st.booleans(),
    seed=st.integers(0, 99),
)
some = st.integers(0, 99)
keys = st.sampled_from(KEYS)
in_flight = precondition(lambda machine: machine.twins.live)


class CalmMachine(RuleBasedStateMachine):
    """Whatever happens at both happens to both alike."""

    @initialize(setting=made, listed=fleets)
    def meet(self, setting: Setting, listed: list[Endpoint]) -> None:
        self.twins = Twins(setting)
        self.twins.update(listed)
        self.forked = False

    @rule(key=keys, times=st.integers(1, 4))
    def begin(self, key: str | None, times: int) -> None:
        for _ in range(times):
            self.twins.begin(key)

    @rule(tried=st.sets(st.integers(0, FLEET - 1)), repeatable=st.booleans(), stuck=st.none() | some, key=keys)
    def repeat(self, tried: set[int], repeatable: bool, stuck: int | None, key: str | None) -> None:
        stays = None if stuck is None else endpoint(stuck % FLEET).key
        self.twins.repeat([endpoint(at).key for at in tried], repeatable=repeatable, stuck=stays, key=key)

    @in_flight
    @rule(at=some, latency=st.sampled_from(LATENCIES), times=st.integers(1, 3))
    def succeed(self, at: int, latency: float, times: int) -> None:
        for _ in range(min(times, len(self.twins.live))):
            self.twins.succeed(at, latency)

    @in_flight
    @rule(at=some, outcome=outcomes)
    def fail(self, at: int, outcome: Outcome) -> None:
        self.twins.fail(at, outcome)

    @rule()
    def hurt(self) -> None:
        self.twins.hurt()

    @in_flight
    @rule(at=some, latency=st.none() | st.sampled_from(LATENCIES))
    def head(self, at: int, latency: float | None) -> None:
        self.twins.head(at, latency)

    @in_flight
    @rule(at=some)
    def drop(self, at: int) -> None:
        self.twins.drop(at)

    @rule(listed=fleets)
    def update(self, listed: list[Endpoint]) -> None:
        self.twins.update(listed)

    @rule(number=some, passing=st.booleans())
    def check(self, number: int, passing: bool) -> None:
        self.twins.check(endpoint(number % FLEET).key, passing=passing)

    @rule(number=some, text=st.sampled_from(REPORTS))
    def report(self, number: int, text: str) -> None:
        self.twins.report(endpoint(number % FLEET).key, text)

    @rule()
    def fork(self) -> None:
        self.forked = True
        self.twins.fork()

    @rule(seconds=st.sampled_from(STEPS))
    def pass_time(self, seconds: float) -> None:
        self.twins.now += seconds

    @rule()
    def wait(self) -> None:
        self.twins.wait()

    @invariant()
    def they_are_the_same(self) -> None:
        if hasattr(self, "twins"):
            self.twins.assert_alike()
            self.twins.assert_same()

    def teardown(self) -> None:
        if hasattr(self, "twins"):
            self.twins.end()
            self.they_are_the_same()
            # What a parent had in flight may have begun within the same tick as its child.
            pending = [status.pending for status in self.twins.short.balancer.status(self.twins.now)]
            assert self.forked or not any(pending)


CalmMachine.TestCase.settings = settings(max_examples=50, stateful_step_count=30)
TestCalm = CalmMachine.TestCase


def listed_by(chance: Random) -> list[Endpoint]:
    """Most of the time all of them, and well."""
    found = []
    for number in range(FLEET):
        if chance.random() < 0.1:
            continue
        health = chance.choice([Health.PASSING] * 12 + [Health.CRITICAL, Health.DRAINING])
        one = endpoint(number, weight=chance.choice([1.0, 1.0, 3.0]), priority=int(number == FLEET - 1), health=health)
        found.append(replace(one, zone="ab"[number % 2]))
    return found


def ending(chance: Random) -> Outcome:
    """What a call may end with beside a whole response."""
    kind = chance.choice(tuple(Kind))
    status = chance.choice([200, 429, 503]) if kind in {Kind.OK, Kind.BUSY, Kind.SERVER_ERROR} else None
    return Outcome(kind, status, chance.choice([None, None, 0.5, 20.0]))


def step(twins: Twins, chance: Random) -> None:
    """Mostly calls that end well; now and then anything else."""
    at, key, dice = chance.randrange(99), chance.choice(KEYS), chance.random()
    if dice < 0.45 or not twins.live:
        twins.begin(key)
    elif dice < 0.8:
        twins.succeed(at, chance.choice(LATENCIES) if chance.random() < 0.1 else chance.expovariate(50))
    elif dice < 0.85:
        twins.now += chance.choice(STEPS)
    elif dice < 0.86:
        twins.wait()
        twins.begin(key)
    else:
        rare(twins, chance, at, key)
    twins.now += chance.expovariate(100)


def rare(twins: Twins, chance: Random, at: int, key: str | None) -> None:
    """One of the things that a service lives through now and then."""
    which = chance.randrange(15)
    if which < 4:
        twins.fail(at, ending(chance))
    elif which < 6:
        twins.interrupted(at, ending(chance), key)
    elif which < 8:
        twins.repeat([endpoint(at % FLEET).key][: chance.randrange(2)], repeatable=at % 2 == 0, key=key)
    elif which == 8:
        twins.head(at, chance.choice([None, 0.02]))
    elif which == 9:
        twins.drop(at)
    elif which == 10:
        twins.update(listed_by(chance))
    elif which == 11:
        twins.check(endpoint(at % FLEET).key, passing=chance.random() < 0.7)
    elif which == 12:
        twins.report(endpoint(at % FLEET).key, chance.choice(REPORTS))
    elif which == 13:
        twins.hurt()
        twins.wait()
        twins.begin(key)
    elif chance.random() < 0.2:
        twins.fork()


def test_schedules() -> None:
    """The number of one that fails is its seed."""
    met: Counter[str] = Counter()
    for seed in range(SCHEDULES):
        chance = Random(seed)
        setting = Setting(
            picker=sorted(PICKERS)[seed % len(PICKERS)],
            outlier=chance.choice(OUTLIERS),
            panic=chance.choice([0.0, 0.5, 1.0]),
            weighing=chance.choice(WEIGHINGS),
            most=chance.choice([0] * 9 + [2]),
            shadow=chance.random() < 0.2,
            seed=seed,
        )
        twins = Twins(setting)
        twins.update(listed_by(chance))
        for number in range(120):
            step(twins, chance)
            twins.assert_alike()
            if number % 8 == 0:
                twins.assert_same()
        twins.end()
        twins.assert_same()
        met += twins.met
    # Both ways were gone, often.
    assert min(met[way] for way in ("taken", "declined", "given back", "given back by a pick")) > 5 * SCHEDULES, met


def loaded(known: tuple[float, float], begun: list[float], bodies: int, capacity: float, blames: list[Outcome]) -> Node:
    """A node with `known` cost since when, with attempts begun then and so many bodies in flight."""
    node = Node(endpoint(0), *known)
    node.waiting, node.begun, node.pending = len(begun), sum(begun), len(begun) + bodies
    node.capacity = capacity
    for at, outcome in enumerate(blames):
        node.blame.fail(1 / (at + 2), outcome.retry_after, known[1] + at)
    return node


def in_words(node: Node, now: float) -> float:
    """The load as its docstring has it, asking everybody for what is theirs to tell."""
    cost = node.ewma.read(now)
    if node.waiting:
        cost = max(cost, now - node.begun / node.waiting)
    return cost * (1 + node.blame.read(now)) * (node.pending / node.capacity + 1)


@given(
    st.builds(
        loaded,
        st.tuples(st.floats(1e-6, 10.0), st.floats(0.0, 60.0)),
        st.lists(st.floats(0.0, 60.0), max_size=4),
        st.integers(0, 4),
        st.just(1.0) | st.floats(0.01, 100.0),
        st.lists(outcomes, max_size=2),
    ),
    st.floats(-1.0, 100.0),
)
def test_the_load_is_what_the_readable_formula_says(node: Node, now: float) -> None:
    assert peak_ewma_load(node, now) == in_words(node, now)
