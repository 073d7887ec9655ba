"""When a circuit opens, what it lets through while it is, and what closes it."""

from __future__ import annotations

import gc
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pybreaker import STATE_CLOSED, STATE_HALF_OPEN, STATE_OPEN, CircuitMemoryStorage

from meshclient.mesh.circuit import ISOLATED, CircuitPermit, ServiceCircuit
from meshclient.mesh.circuit_rule import CircuitRule
from meshclient.model.events import CircuitChanged
from meshclient.model.outcome import Mark
from meshclient.testing.clock import ManualClock

RULE = CircuitRule(ratio=0.5, window=10.0, min_calls=4, first=5.0, limit=20.0, probe=30.0)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Subject:
    """A circuit under a clock, the highest chance for its jitter, and all it told."""

    def __init__(self, rule: CircuitRule = RULE, storage: CircuitMemoryStorage | None = None) -> None:
        self.clock = ManualClock()
        self.wall = NOON
        self.changes: list[CircuitChanged] = []
        self.circuit = ServiceCircuit(
            "orders",
            rule,
            clock=self.clock,
            uniform=lambda: 1.0,
            storage=storage,
            tell=self.changes.append,
            wall=lambda: self.wall,
        )

    def admit(self) -> CircuitPermit | None:
        return self.circuit.admit(self.clock(), 0.5)

    def permit(self) -> CircuitPermit:
        permit = self.admit()
        assert permit is not None
        return permit

    def call(self, *marks: Mark) -> None:
        for mark in marks:
            self.permit().done(mark, self.clock())

    def opened(self) -> None:
        self.call(*[Mark.FAILURE] * 4)
        assert self.circuit.state == STATE_OPEN

    def probe(self) -> CircuitPermit:
        """The permit of the probe, as soon as there is one."""
        self.clock.advance(self.circuit.refusal(self.clock()).retry_after)
        permit = self.permit()
        assert permit.probe
        return permit


def test_it_opens_at_the_share_and_not_before_there_are_enough_calls() -> None:
    subject = Subject()
    subject.call(Mark.FAILURE, Mark.FAILURE, Mark.SUCCESS)
    assert subject.circuit.state == STATE_CLOSED
    subject.call(Mark.SUCCESS, Mark.SUCCESS)
    assert subject.circuit.state == STATE_CLOSED
    subject.call(Mark.FAILURE)
    assert subject.circuit.state == STATE_OPEN
    assert subject.admit() is None
    assert subject.changes == [
        CircuitChanged("orders", "closed", "open", "3 of 6 calls failed within 10s"),
    ]


def test_what_is_older_than_the_window_counts_nothing() -> None:
    subject = Subject()
    subject.call(Mark.FAILURE, Mark.FAILURE, Mark.FAILURE)
    subject.clock.advance(11.0)
    subject.call(Mark.FAILURE)
    assert subject.circuit.state == STATE_CLOSED


def test_consecutive_failures() -> None:
    subject = Subject(CircuitRule(ratio=None, consecutive=3))
    subject.call(Mark.FAILURE, Mark.FAILURE, Mark.SUCCESS, Mark.FAILURE, Mark.FAILURE, Mark.NEUTRAL)
    assert subject.circuit.state == STATE_CLOSED
    subject.call(Mark.FAILURE)
    assert subject.changes[-1].reason == "3 calls in a row failed"


def test_what_is_cancelled_counts_nothing() -> None:
    subject = Subject()
    subject.call(*[Mark.NEUTRAL] * 100)
    subject.call(Mark.FAILURE, Mark.FAILURE, Mark.FAILURE)
    assert subject.circuit.state == STATE_CLOSED


def test_a_refusal_says_why_and_for_how_long() -> None:
    subject = Subject()
    subject.opened()
    subject.clock.advance(2.0)
    refusal = subject.circuit.refusal(subject.clock())
    assert refusal.retry_after == pytest.approx(3.0)
    assert refusal.reason == (
        "the circuit of orders is open: 4 of 4 calls failed within 10s; the next call is let through in 3s"
    )
    subject.probe()
    waiting = subject.circuit.refusal(subject.clock())
    assert "waits for its probe" in waiting.reason
    assert waiting.retry_after > 0


def test_it_stays_open_longer_with_each_failed_probe_up_to_the_limit_and_begins_anew() -> None:
    subject = Subject()
    subject.opened()
    times = []
    for _ in range(4):
        times.append(subject.circuit.refusal(subject.clock()).retry_after)
        subject.probe().done(Mark.FAILURE, subject.clock())
    assert times == pytest.approx([5.0, 10.0, 20.0, 20.0])
    subject.probe().done(Mark.SUCCESS, subject.clock())
    assert subject.circuit.state == STATE_CLOSED
    subject.opened()
    assert subject.circuit.refusal(subject.clock()).retry_after == pytest.approx(5.0)


def test_half_of_the_open_time_is_by_chance() -> None:
    assert [RULE.open_time(0, chance) for chance in (0.0, 0.5, 1.0)] == [2.5, 3.75, 5.0]
    assert RULE.open_time(10_000, 1.0) == 20.0


def test_one_probe_at_a_time_and_its_success_closes() -> None:
    subject = Subject()
    subject.opened()
    probe = subject.probe()
    assert subject.circuit.state == STATE_HALF_OPEN
    assert [subject.admit() for _ in range(3)] == [None] * 3
    probe.done(Mark.SUCCESS, subject.clock())
    assert subject.circuit.state == STATE_CLOSED
    # What was counted before is forgotten.
    subject.call(Mark.FAILURE, Mark.FAILURE, Mark.FAILURE)
    assert subject.circuit.state == STATE_CLOSED
    assert [change.after for change in subject.changes] == ["open", "half-open", "closed"]


def test_a_cancelled_probe_is_due_again_at_once() -> None:
    subject = Subject()
    subject.opened()
    subject.probe().done(Mark.NEUTRAL, subject.clock())
    assert subject.circuit.state == STATE_HALF_OPEN
    assert subject.permit().probe


def test_a_lost_probe_is_due_again() -> None:
    subject = Subject()
    subject.opened()
    probe = subject.probe()
    assert subject.admit() is None
    del probe
    gc.collect()
    assert subject.permit().probe


def test_a_probe_that_never_ends_is_given_up_and_what_it_says_later_counts_nothing() -> None:
    subject = Subject()
    subject.opened()
    late = subject.probe()
    subject.clock.advance(RULE.probe - 0.1)
    assert subject.admit() is None
    subject.clock.advance(0.2)
    second = subject.permit()
    late.done(Mark.SUCCESS, subject.clock())
    assert subject.circuit.state == STATE_HALF_OPEN
    assert subject.admit() is None
    second.done(Mark.FAILURE, subject.clock())
    assert subject.circuit.state == STATE_OPEN


@pytest.mark.parametrize("mark", list(Mark))
def test_a_probe_counts_once(mark: Mark) -> None:
    subject = Subject()
    subject.opened()
    probe = subject.probe()
    probe.done(Mark.NEUTRAL, subject.clock())
    probe.done(mark, subject.clock())
    assert subject.circuit.state == STATE_HALF_OPEN


def test_calls_from_before_it_opened_say_nothing_about_the_time_after() -> None:
    subject = Subject()
    early = [subject.permit() for _ in range(8)]
    subject.opened()
    early.pop().done(Mark.SUCCESS, subject.clock())
    assert subject.circuit.state == STATE_OPEN
    probe = subject.probe()
    early.pop().done(Mark.FAILURE, subject.clock())
    early.pop().done(Mark.SUCCESS, subject.clock())
    assert subject.circuit.state == STATE_HALF_OPEN
    probe.done(Mark.SUCCESS, subject.clock())
    for permit in early:
        permit.done(Mark.FAILURE, subject.clock())
    assert subject.circuit.state == STATE_CLOSED


def test_by_hand() -> None:
    subject = Subject()
    subject.circuit.open()
    assert subject.admit() is None
    subject.circuit.close()
    subject.call(Mark.SUCCESS)
    subject.circuit.isolate()
    assert subject.circuit.state == ISOLATED
    subject.clock.advance(1e6)
    assert subject.admit() is None
    assert "isolated" in subject.circuit.refusal(subject.clock()).reason
    subject.circuit.open()
    assert subject.circuit.state == STATE_OPEN
    subject.probe().done(Mark.SUCCESS, subject.clock())
    assert [change.after for change in subject.changes] == [
        "open", "closed", "isolated", "open", "half-open", "closed",
    ]  # fmt: skip


def test_failures_in_a_row_do_not_lengthen_the_first_open_time() -> None:
    subject = Subject(replace(RULE, consecutive=100, min_calls=100))
    subject.call(*[Mark.FAILURE] * 10)
    subject.circuit.open()
    assert subject.circuit.refusal(subject.clock()).retry_after == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("opened", "left"),
    [
        (NOON, 5.0),
        (NOON - timedelta(seconds=2), 3.0),
        (NOON - timedelta(days=365), 0.0),  # this clock was set forward: a probe too early
        (NOON + timedelta(days=365), 5.0),  # or back: one open time, and not a year
    ],
)
def test_what_another_process_opened_is_open_for_what_is_left_of_it(opened: datetime, left: float) -> None:
    storage = CircuitMemoryStorage(STATE_CLOSED)
    subject = Subject(storage=storage)
    subject.call(Mark.SUCCESS)
    storage.state, storage.opened_at = STATE_OPEN, opened
    if left:
        assert subject.admit() is None
        assert subject.circuit.refusal(subject.clock()).retry_after == pytest.approx(left)
        assert subject.changes[-1].reason == "another process opened it"
        # From here on the time of day has no say.
        subject.wall -= timedelta(days=1)
        subject.clock.advance(left)
    assert subject.permit().probe


def test_what_is_opened_elsewhere_is_seen_by_calls_that_end() -> None:
    storage = CircuitMemoryStorage(STATE_CLOSED)
    subject = Subject(storage=storage)
    permit = subject.permit()
    storage.state, storage.opened_at = STATE_OPEN, NOON
    permit.done(Mark.FAILURE, subject.clock())
    assert subject.circuit.generation == 1
    assert storage.counter == 0


def test_a_probe_of_another_process_is_waited_for_in_words() -> None:
    storage = CircuitMemoryStorage(STATE_CLOSED)
    subject = Subject(storage=storage)
    storage.state = STATE_HALF_OPEN
    assert subject.permit().probe
    assert subject.circuit.refusal(subject.clock()).reason.endswith("waits for its probe: another process opened it")


def test_a_storage_that_is_open_already_is_gone_by() -> None:
    storage = CircuitMemoryStorage(STATE_OPEN)
    storage.opened_at = NOON
    assert Subject(storage=storage).admit() is None


def test_pybreaker_is_not_imported_before_there_is_a_circuit() -> None:
    modules = "meshclient, meshclient.core.circuit, meshclient.core.throttle, meshclient.mesh.circuit_rule"
    program = f"import sys, {modules}, meshclient.mesh.circuit_store; print('pybreaker' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
