"""A call that is begun without a generator leaves behind what `exchange` would, however it goes on.

As in `test_core_calm.py` twice: drawn by Hypothesis, and by `random.Random` for long histories.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from math import inf
from random import Random
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meshclient.core.call import Call, Service
from meshclient.core.circuit import Circuit
from meshclient.core.outlier import Outlier
from meshclient.core.retry import RetryPolicy, Trial
from meshclient.core.retry_budget import RetryBudget
from meshclient.core.shadow import Shadow, ShadowCircuit
from meshclient.core.throttle import Throttle
from meshclient.mesh.circuit import ServiceCircuit
from meshclient.mesh.circuit_rule import CircuitRule
from meshclient.model.endpoint import Endpoint, Health
from meshclient.model.outcome import Kind, Outcome, classify_status
from meshclient.model.snapshot import Empty, Failed, Pending, Ready, Snapshot
from unit.core.calls_twice import Both, ShortCourse
from unit.core.fleet import Clock, endpoint
from unit.core.script import call
from unit.core.shop import House
from unit.core.twins import PICKERS

if TYPE_CHECKING:
    from meshclient.core.balance.picker import Uniform

SCHEDULES = int(os.environ.get("MESHCLIENT_ATTACK", "30"))
FLEET = 4
MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


def throttle(clock: Clock, uniform: Uniform) -> Circuit:
    return Throttle(min_calls=3)


def breaker(clock: Clock, uniform: Uniform) -> Circuit:
    rule = CircuitRule(ratio=0.5, min_calls=3, consecutive=3, first=0.5, limit=4.0, probe=2.0)
    return ServiceCircuit("orders", rule, clock=clock, uniform=uniform, wall=lambda: MIDNIGHT)


def shadowed(clock: Clock, uniform: Uniform) -> Circuit:
    return ShadowCircuit(Throttle(min_calls=3), "throttle", Shadow("orders", ["throttle"]))


def broken(trial: Trial) -> bool:
    """A strategy with a bug."""
    raise ZeroDivisionError(f"attempt {trial.number}")


def unhappy(trial: Trial) -> bool:
    """One that looks at the answer."""
    return isinstance(trial.raw, Outcome) and trial.raw.status != 200


CIRCUITS = (None, None, throttle, breaker, breaker, shadowed)
BUDGETS: tuple[Callable[[], RetryBudget], ...] = (RetryBudget, partial(RetryBudget, 0.2, 0.0))
OUTLIERS = (None, Outlier(), Outlier(consecutive=1, base=0.5), Outlier(consecutive=2, base=1.0, max_ejected=1.0))
POLICIES = (
    *[RetryPolicy()] * 4,
    RetryPolicy(attempts=1),
    RetryPolicy(attempts=5, first=0.0),
    RetryPolicy(wait=lambda trial: 0.1 * trial.number),
    RetryPolicy(stop=lambda trial: trial.number > 1 or trial.elapsed + trial.pause > 1.0),
    RetryPolicy(retry=unhappy),
    RetryPolicy(retry=lambda trial: trial.number < 2, first=0.1),
    RetryPolicy(retry=broken),
    RetryPolicy(stop=broken),
)
# What a real server or the way to it gives.
OUTCOMES = (
    *[classify_status(200)] * 6,
    classify_status(404),
    classify_status(501),
    classify_status(429),
    classify_status(429, 0.5),
    classify_status(503),
    classify_status(500),
    classify_status(503, 60.0),
    *(Outcome(kind) for kind in Kind if kind not in {Kind.OK, Kind.BUSY, Kind.SERVER_ERROR}),
)
WAITED = (0.0, 0.0, 0.005, 100.0)
STEPS = (0.0, 0.001, 0.02, 0.3, 1.0, 6.0, 15.0)
ready = st.builds(
    lambda listed: Ready(tuple(listed), source="static://"),
    st.lists(
        # An endpoint's attributes do not change here; `tests/unit/core/test_first_attempt.py` has what comes of that.
        st.sampled_from(
            [
                *(endpoint(number) for number in range(FLEET)),
                endpoint(FLEET, weight=3.0, health=Health.PASSING),
                endpoint(FLEET + 1, priority=1),
                endpoint(FLEET + 2, health=Health.CRITICAL),
                endpoint(FLEET + 3, health=Health.DRAINING),
            ]
        ),
        min_size=1,
        max_size=5,
        unique_by=lambda e: e.key,
    ),
)
snapshots = st.one_of(
    ready,
    ready,
    st.builds(lambda last: Failed("no route", last=last), ready),
    st.builds(lambda last: Empty(last=last), ready),
    st.sampled_from([Pending(), Empty(), Failed("no route"), Failed("no route", last=Empty())]),
)
houses = st.builds(
    House,
    snapshot=ready,
    picker=st.sampled_from(sorted(PICKERS)),
    outlier=st.sampled_from(OUTLIERS),
    circuit=st.sampled_from(CIRCUITS),
    budget=st.sampled_from(BUDGETS),
    shadow=st.sampled_from([(), (), (), ("retry",)]),
    seed=st.integers(0, 99),
)
makers = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "GET", "POST"]),
        "deadline": st.sampled_from([None, 0.0, 0.3, 10.0, 10.0]),
        "attempt_timeout": st.sampled_from([inf, 0.2, 1.0]),
        "retry": st.sampled_from(POLICIES),
        "obstacle": st.sampled_from(["", "", "", "a stream"]),
    }
)
some = st.integers(0, 99)
under_way = precondition(lambda machine: machine.both.live)


def maker(options: dict[str, object], key: str | None, chained: bool) -> Callable[[Service], Call]:
    """What makes the same call at either service."""

    def make(service: Service) -> Call:
        made = call(service, **options)  # type: ignore[arg-type]
        made.key, made.chained = key, chained
        return made

    return make


class FirstAttemptMachine(RuleBasedStateMachine):
    """Whatever becomes of a call becomes of it both ways."""

    @initialize(house=houses)
    def open(self, house: House) -> None:
        self.both = Both(house)

    @rule(options=makers, key=st.sampled_from([None, "ann", "bob"]), chained=st.booleans())
    def call(self, options: dict[str, object], key: str | None, chained: bool) -> None:
        self.both.call(maker(options, key, chained))

    @under_way
    @rule(at=some, outcome=st.sampled_from(OUTCOMES), waited=st.sampled_from(WAITED), whole=st.booleans())
    def land(self, at: int, outcome: Outcome, waited: float, whole: bool) -> None:
        self.both.land(at, outcome, waited, whole=whole)

    @under_way
    @rule(at=some, oversleep=st.sampled_from([0.0, 0.0, 0.5]))
    def wait(self, at: int, oversleep: float) -> None:
        self.both.wait(at, oversleep)

    @under_way
    @rule(at=some, broken=st.none() | st.sampled_from(OUTCOMES))
    def read(self, at: int, broken: Outcome | None) -> None:
        self.both.read(at, broken)

    @under_way
    @rule(at=some)
    def cancel(self, at: int) -> None:
        self.both.cancel(at)

    @rule(snapshot=snapshots)
    def change(self, snapshot: Snapshot) -> None:
        self.both.change(snapshot)

    @rule(seconds=st.sampled_from(STEPS))
    def pass_time(self, seconds: float) -> None:
        self.both.clock.pass_(seconds)

    @invariant()
    def they_are_the_same(self) -> None:
        if hasattr(self, "both"):
            self.both.assert_same()

    def teardown(self) -> None:
        if hasattr(self, "both"):
            self.both.end()


FirstAttemptMachine.TestCase.settings = settings(max_examples=50, stateful_step_count=30)
TestFirstAttempt = FirstAttemptMachine.TestCase


def a_list(chance: Random) -> Snapshot:
    """Most of the time all of them."""
    listed: list[Endpoint] = [endpoint(number) for number in range(FLEET) if chance.random() < 0.9] or [endpoint(0)]
    last = Ready(tuple(listed), source="static://")
    others: list[Snapshot] = [Failed("no route", last=last), Empty(last=last), Pending()]
    return chance.choice([last, last, last, *others])


def step(both: Both, chance: Random, failing: bool) -> None:
    """Mostly calls that end well, but in an outage."""
    dice = chance.random()
    both.clock.pass_(chance.expovariate(100))
    if len(both.live) < 3 and dice < 0.7:
        options: dict[str, object] = {
            "method": chance.choice(["GET", "GET", "POST"]),
            "deadline": chance.choice([None, 0.3, 10.0, 10.0]),
            "attempt_timeout": chance.choice([inf, 0.2, 1.0]),
            "retry": RetryPolicy() if dice < 0.5 else chance.choice(POLICIES),
        }
        both.call(maker(options, chance.choice([None, "ann"]), chance.random() < 0.1))
    elif both.live and dice < 0.97:
        go_on(both, chance, failing)
    elif dice < 0.99:
        both.change(a_list(chance))
    else:
        both.clock.pass_(chance.choice(STEPS))


def go_on(both: Both, chance: Random, failing: bool) -> None:
    """One of those under way comes a step further."""
    at, dice = chance.randrange(99), chance.random()
    course, _ = both.live[at % len(both.live)]
    if dice < 0.06:
        both.cancel(at)
    elif course.aim() is None or dice < 0.1:
        both.wait(at, chance.choice([0.0, 0.0, 0.2]))
    elif course.last is not None:
        both.read(at, chance.choice([None, None, Outcome(Kind.DISCONNECTED)]))
    else:
        outcome = chance.choice(OUTCOMES) if failing or chance.random() < 0.05 else OUTCOMES[0]
        both.land(at, outcome, chance.choice(WAITED), whole=chance.random() < 0.9)


def test_schedules() -> None:
    """The number of one that fails is its seed."""
    ShortCourse.met.clear()
    for seed in range(SCHEDULES):
        chance = Random(seed)
        house = House(
            snapshot=Ready(tuple(endpoint(number) for number in range(FLEET)), source="static://"),
            picker=sorted(PICKERS)[seed % len(PICKERS)],
            outlier=chance.choice(OUTLIERS),
            circuit=chance.choice(CIRCUITS),
            budget=chance.choice(BUDGETS),
            shadow=chance.choice([(), (), ("retry",)]),
            seed=seed,
        )
        both = Both(house)
        for number in range(120):
            step(both, chance, failing=60 <= number < 80)
        both.end()
    # All ways were gone, often.
    met = ShortCourse.met
    ways = ("succeeded", "resumed", "declined", "cancelled", "refused", "not begun")
    assert min(met[way] for way in ways) > SCHEDULES / 2, met
