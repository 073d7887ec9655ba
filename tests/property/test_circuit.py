"""The circuit under any course of calls, endings, cancellations, lost permits, clock steps, hands, other processes.

`MESHCLIENT_ATTACK=1000000 python -m pytest tests/property/test_circuit.py -k schedules` runs so many random schedules;
they are drawn by `random.Random`, which is cheap enough for a million, and the number of one that fails is its seed.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pybreaker import STATE_CLOSED, STATE_HALF_OPEN, STATE_OPEN, CircuitMemoryStorage

from meshclient.mesh.circuit import ISOLATED, CircuitPermit, ServiceCircuit
from meshclient.mesh.circuit_rule import CircuitRule
from meshclient.model.outcome import Mark

ATTACK = int(os.environ.get("MESHCLIENT_ATTACK", "1500"))
RULES = (
    CircuitRule(ratio=0.5, window=10.0, min_calls=4, first=1.0, limit=8.0, probe=5.0),
    CircuitRule(ratio=None, consecutive=2, first=2.0, limit=2.0, probe=1.0),
    CircuitRule(ratio=0.8, min_calls=3, consecutive=3, first=1.0, limit=30.0, probe=60.0),
)
MARKS = (Mark.SUCCESS, Mark.FAILURE, Mark.NEUTRAL)
# A caller's clock may be read before another's that is told first.
STEPS = (0.0, -0.01, 0.1, 0.5, 1.0, 3.0, 10.0, 100.0)
FOREIGN = (STATE_CLOSED, STATE_OPEN, STATE_HALF_OPEN)


class Course:
    """A circuit, what is known about its permits, and the rules that hold whatever happens."""

    def __init__(self, rule: CircuitRule, seed: int) -> None:
        self.now = 1000.0
        self.wall = datetime(2026, 1, 1, tzinfo=UTC)
        self.rule = rule
        self.storage = CircuitMemoryStorage(STATE_CLOSED)
        self.circuit = ServiceCircuit(
            "orders",
            rule,
            clock=lambda: self.now,
            uniform=Random(seed).random,
            storage=self.storage,
            wall=lambda: self.wall,
        )
        self.live: list[CircuitPermit] = []
        # The probe that must be the only one, until it ends, is dropped, expires, or the state changes otherwise.
        self.probe: CircuitPermit | None = None
        self.probe_until = 0.0
        self.probe_generation = -1

    def step(self, seconds: float) -> None:
        self.now += seconds
        self.wall += timedelta(seconds=seconds)

    def jump(self, seconds: float) -> None:
        """The time of day is set."""
        self.wall += timedelta(seconds=seconds)

    def admit(self) -> CircuitPermit | None:
        before = self.circuit.state
        permit = self.circuit.admit(self.now)
        if permit is None:
            assert before != STATE_CLOSED
            refusal = self.circuit.refusal(self.now)
            assert 0.0 <= refusal.retry_after <= self.rule.limit + 1.0  # clocks that are told late
            assert "orders" in refusal.reason
            return None
        assert before != ISOLATED
        assert permit.generation == self.circuit.generation
        assert permit.probe == (self.circuit.state == STATE_HALF_OPEN)
        if permit.probe:
            assert (
                self.probe is None or self.now >= self.probe_until or self.probe_generation != permit.generation - 1
            ), "two probes at once"
            self.probe, self.probe_until = permit, self.now + self.rule.probe
            self.probe_generation = permit.generation
        self.live.append(permit)
        return permit

    def done(self, at: int, mark: Mark) -> None:
        permit = self.live.pop(at % len(self.live))
        late = permit.generation != self.circuit.generation
        before = self.facts()
        permit.done(mark, self.now)
        if permit is self.probe:
            self.probe = None
        if late or mark is Mark.NEUTRAL:
            # Unless another process has been busy, which the ending was the first to see.
            assert self.facts() == before or self.circuit.generation > before[1]
            assert self.facts()[0] == before[0]
        elif permit.probe and self.circuit.generation > before[1]:
            assert self.circuit.state in (STATE_CLOSED, STATE_OPEN, STATE_HALF_OPEN, ISOLATED)

    def drop(self, at: int) -> None:
        permit = self.live.pop(at % len(self.live))
        if permit is self.probe:
            self.probe = None

    def foreign(self, state: str) -> None:
        """Another process changes what is stored."""
        self.storage.state = state
        if state == STATE_OPEN:
            self.storage.opened_at = self.wall
        self.probe = None

    def by_hand(self, method: str) -> None:
        getattr(self.circuit, method)()
        expected = {"open": STATE_OPEN, "close": STATE_CLOSED, "isolate": ISOLATED}
        assert self.circuit.state == expected[method]
        self.probe = None

    def facts(self) -> tuple[str, int, int]:
        return self.circuit.state, self.circuit.generation, self.storage.counter

    def never_wedged(self) -> None:
        """However it came here, it closes when calls succeed again and time passes, with everything still in flight."""
        if self.circuit.state == ISOLATED:
            self.step(10_000.0)
            assert self.circuit.admit(self.now) is None
            self.circuit.close()
        self.step(self.rule.limit + self.rule.probe)
        permit = self.circuit.admit(self.now)
        if permit is None:
            # It has only now seen what another process did, a moment ago by a clock that was set.
            self.step(self.rule.limit)
            permit = self.circuit.admit(self.now)
        assert permit is not None
        permit.done(Mark.SUCCESS, self.now)
        assert self.circuit.state == STATE_CLOSED
        assert self.circuit.admit(self.now) is not None


class CircuitMachine(RuleBasedStateMachine):
    """Hypothesis draws the course."""

    @initialize(which=st.sampled_from(RULES), seed=st.integers(0, 99))
    def begin(self, which: CircuitRule, seed: int) -> None:
        self.course = Course(which, seed)

    @rule(calls=st.integers(1, 6))
    def admit(self, calls: int) -> None:
        for _ in range(calls):
            self.course.admit()

    @rule(at=st.integers(0, 30), marks=st.lists(st.sampled_from(MARKS), min_size=1, max_size=6))
    def done(self, at: int, marks: list[Mark]) -> None:
        for mark in marks[: len(self.course.live)]:
            self.course.done(at, mark)

    @rule(at=st.integers(0, 30))
    def drop(self, at: int) -> None:
        if self.course.live:
            self.course.drop(at)

    @rule(seconds=st.sampled_from(STEPS))
    def step(self, seconds: float) -> None:
        self.course.step(seconds)

    @rule(seconds=st.sampled_from([-86400.0, -5.0, 5.0, 86400.0]))
    def jump(self, seconds: float) -> None:
        self.course.jump(seconds)

    @rule(state=st.sampled_from(FOREIGN))
    def foreign(self, state: str) -> None:
        self.course.foreign(state)

    @rule(method=st.sampled_from(["open", "close", "isolate"]))
    def by_hand(self, method: str) -> None:
        self.course.by_hand(method)

    @invariant()
    def one_generation_has_one_probe(self) -> None:
        if hasattr(self, "course"):
            current = [p for p in self.course.live if p.probe and p.generation == self.course.circuit.generation]
            assert len(current) <= 1

    def teardown(self) -> None:
        if hasattr(self, "course"):
            self.course.never_wedged()


TestCircuit = CircuitMachine.TestCase
TestCircuit.settings = settings(max_examples=100, stateful_step_count=40)


def run(seed: int) -> None:
    """One random schedule."""
    rng = Random(seed)
    course = Course(RULES[seed % len(RULES)], seed)
    for _ in range(rng.randrange(5, 40)):
        draw = rng.random()
        if draw < 0.4:
            course.admit()
        elif draw < 0.75:
            if course.live:
                course.done(rng.randrange(1000), rng.choice(MARKS))
        elif draw < 0.8:
            if course.live:
                course.drop(rng.randrange(1000))
        elif draw < 0.94:
            course.step(rng.choice(STEPS))
        elif draw < 0.96:
            course.jump(rng.choice((-86400.0, -5.0, 5.0, 86400.0)))
        elif draw < 0.98:
            course.foreign(rng.choice(FOREIGN))
        else:
            course.by_hand(rng.choice(("open", "close", "isolate")))
    course.never_wedged()


def test_random_schedules_wedge_nothing() -> None:
    for seed in range(ATTACK):
        try:
            run(seed)
        except AssertionError as error:
            raise AssertionError(f"schedule {seed}: {error}") from error
