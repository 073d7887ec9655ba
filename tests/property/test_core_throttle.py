"""The client throttle: its formula, its limits, and how it behaves under calls that arrive by chance."""

from __future__ import annotations

import heapq
import statistics
import threading
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshclient.core.throttle import DEVIATIONS, RAMP_CALLS, RAMP_SECONDS, Throttle
from meshclient.model.outcome import Mark

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.core.circuit import Circuit

    Serve = Callable[[float, Random], bool]

BEGUN = 100.0
marks = st.sampled_from([Mark.SUCCESS, Mark.FAILURE, Mark.NEUTRAL])
steps = st.floats(0.0, 3.0)


class Caller:
    """Calls that arrive as a Poisson process; what succeeds is answered after 50 ms, what fails after `patience`."""

    def __init__(self, rate: float, serve: Serve, *, seed: int = 1, patience: float = 0.05) -> None:
        self._rate, self._serve, self._rng, self._patience = rate, serve, Random(seed), patience
        self._throttle = Throttle()
        self._pending: list[tuple[float, int, Mark]] = []
        # When, whether it was sent, and whether it succeeded.
        self.calls: list[tuple[float, bool, bool]] = []

    def run(self, until: float) -> None:
        now = self.calls[-1][0] if self.calls else BEGUN
        while (now := now + self._rng.expovariate(self._rate)) < until:
            while self._pending and self._pending[0][0] <= now:
                at, _, mark = heapq.heappop(self._pending)
                self._throttle.done(mark, at)
            sent = self._throttle.admit(now, self._rng.random()) is not None
            succeeds = sent and self._serve(now, self._rng)
            self.calls.append((now, sent, succeeds))
            if sent:
                answered = now + (0.05 if succeeds else self._patience)
                mark = Mark.SUCCESS if succeeds else Mark.FAILURE
                heapq.heappush(self._pending, (answered, len(self.calls), mark))

    def share(self, begin: float, end: float) -> float:
        """The share of the calls of that time that were sent."""
        sent = [call[1] for call in self.calls if begin <= call[0] < end]
        return sum(sent) / max(1, len(sent))


def shedding(rate: float) -> Serve:
    """Down for half a minute, then back with `rate` calls a second, whatever comes beyond them fails."""
    state = {"tokens": 0.0, "at": 0.0}

    def serve(now: float, rng: Random) -> bool:
        if now < BEGUN + 20:
            return True
        if now < BEGUN + 50:
            return False
        state["tokens"] = min(rate / 10 + 1, state["tokens"] + rate * (now - state["at"]))
        state["at"] = now
        if state["tokens"] < 1:
            return False
        state["tokens"] -= 1
        return True

    return serve


@given(st.lists(st.tuples(marks, steps), max_size=300), st.integers(1, 30), st.sampled_from([0.5, 0.9]))
def test_the_probability_is_bounded_and_needs_evidence(
    course: list[tuple[Mark, float]], min_calls: int, most: float
) -> None:
    throttle = Throttle(min_calls=min_calls, most=most)
    now, ended = BEGUN, list[tuple[float, Mark]]()
    for mark, step in course:
        now += step
        throttle.done(mark, now)
        ended.append((now, mark))
        chance = throttle.probability(now)
        # A bucket is a second: what is older than 10 s has passed, what is younger than 9 s has not.
        failures = sum(m is Mark.FAILURE and at > now - 10 for at, m in ended)
        calls = failures + sum(m is Mark.SUCCESS and at > now - 10 for at, m in ended)
        assert 0.0 <= chance <= most
        assert throttle.admit(now, most) is throttle
        if calls < min_calls:
            assert chance == 0.0
        if chance == 0.0:
            assert throttle.admit(now, 0.0) is throttle


@given(st.integers(0, 200), st.integers(0, 200), st.sampled_from([1.5, 2.0, 3.0]))
def test_the_formula(successes: int, failures: int, k: float) -> None:
    throttle = Throttle(k=k, most=0.95)
    for mark, count in ((Mark.SUCCESS, successes), (Mark.NEUTRAL, 7), (Mark.FAILURE, failures)):
        for _ in range(count):
            throttle.done(mark, BEGUN)
    calls = successes + failures
    excess = calls - k * successes - DEVIATIONS * calls**0.5
    expected = min(0.95, max(0.0, excess / (calls + 1))) if calls >= 20 else 0.0
    assert throttle.probability(BEGUN) == pytest.approx(expected)
    words = throttle.refusal(BEGUN)
    assert f"{successes} of its last {calls} calls" in words.reason
    assert words.retry_after > 0


@given(st.integers(20, 3000), st.floats(0.0, 20.0))
def test_enough_successes_in_a_row_end_it_whatever_was_before(failures: int, age: float) -> None:
    throttle = Throttle()
    for _ in range(failures):
        throttle.done(Mark.FAILURE, BEGUN)
    now = BEGUN + age
    chances = []
    for number in range(RAMP_CALLS):
        throttle.done(Mark.SUCCESS, now + RAMP_SECONDS * number / (RAMP_CALLS - 1))
        chances.append(throttle.probability(now + RAMP_SECONDS * number / (RAMP_CALLS - 1)))
    assert chances == sorted(chances, reverse=True)
    assert chances[-1] == 0.0
    # Nothing is held against the service any more.
    for _ in range(19):
        throttle.done(Mark.FAILURE, now + RAMP_SECONDS)
    assert throttle.probability(now + RAMP_SECONDS) == 0.0


def test_it_is_a_circuit_and_its_own_permit() -> None:
    circuit: Circuit = Throttle(lock=threading.Lock())
    permit = circuit.admit(BEGUN, 0.0)
    assert permit is not None
    permit.done(Mark.SUCCESS, BEGUN)
    assert "1 of its last 1 calls" in circuit.refusal(BEGUN).reason


def test_a_burst_of_successes_does_not_let_everything_through_at_once() -> None:
    throttle = Throttle()
    for _ in range(500):
        throttle.done(Mark.FAILURE, BEGUN)
    for _ in range(100):
        throttle.done(Mark.SUCCESS, BEGUN)
    assert throttle.probability(BEGUN) > 0.5
    assert 0.0 < throttle.probability(BEGUN + 0.9 * RAMP_SECONDS) < 0.5


def test_a_failure_breaks_the_row() -> None:
    throttle = Throttle()
    for _ in range(500):
        throttle.done(Mark.FAILURE, BEGUN)
    for _ in range(RAMP_CALLS - 1):
        throttle.done(Mark.SUCCESS, BEGUN)
    before = throttle.probability(BEGUN + RAMP_SECONDS)
    throttle.done(Mark.FAILURE, BEGUN + RAMP_SECONDS)
    assert throttle.probability(BEGUN + RAMP_SECONDS) > before


@pytest.mark.parametrize(("rate", "within"), [(10, 5.0), (100, 2.0), (1000, 2.0)])
@settings(max_examples=12)
@given(outage=st.floats(0.5, 60.0), seed=st.integers(0, 1000), patience=st.sampled_from([0.001, 0.05, 1.0]))
def test_after_an_outage_of_any_length_nothing_is_refused_for_long(
    rate: int, within: float, outage: float, seed: int, patience: float
) -> None:
    end = BEGUN + 15 + (outage if rate < 1000 else min(outage, 20.0))
    caller = Caller(rate, lambda now, _: not BEGUN + 15 <= now < end, seed=seed, patience=patience)
    caller.run(end + within + 3)
    assert all(sent for at, sent, _ in caller.calls if at > end + within)


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), rate=st.sampled_from([10, 100]))
def test_in_an_outage_little_is_sent_and_never_nothing(seed: int, rate: int) -> None:
    caller = Caller(rate, lambda *_: False, seed=seed)
    caller.run(BEGUN + 60)
    # Ten calls a second are too few for 90 %: what is left is the evidence itself, 20 calls in 10 seconds.
    assert caller.share(BEGUN + 30, BEGUN + 60) < (0.3 if rate == 100 else 0.6)
    assert all(caller.share(second, second + 5) > 0.0 for second in range(int(BEGUN), int(BEGUN) + 60, 5))


@settings(max_examples=5)
@given(seed=st.integers(0, 1000), rate=st.sampled_from([10, 100, 500]))
def test_a_service_that_fails_half_of_its_calls_is_left_alone(seed: int, rate: int) -> None:
    caller = Caller(rate, lambda _, rng: rng.random() < 0.5, seed=seed)
    caller.run(BEGUN + 120)
    assert caller.share(BEGUN, BEGUN + 120) > 0.97


@settings(max_examples=5)
@given(seed=st.integers(0, 1000))
def test_a_service_that_fails_three_in_five_whatever_is_sent_keeps_most_of_its_calls(seed: int) -> None:
    caller = Caller(100, lambda _, rng: rng.random() < 0.4, seed=seed)
    caller.run(BEGUN + 120)
    assert 0.75 < caller.share(BEGUN + 20, BEGUN + 120) < 0.97


@settings(max_examples=5)
@given(seed=st.integers(0, 1000), rate=st.sampled_from([100, 300]))
def test_a_weak_recovery_settles(seed: int, rate: int) -> None:
    """30 % of the capacity is back: it is used in full, and the share of calls sent does not swing."""
    caller = Caller(rate, shedding(0.3 * rate), seed=seed)
    caller.run(BEGUN + 110)
    shares = [caller.share(second, second + 1) for second in range(int(BEGUN) + 60, int(BEGUN) + 109)]
    assert 0.5 < statistics.mean(shares) < 0.9
    assert statistics.pstdev(shares) < 0.1
    served = sum(ok for at, _, ok in caller.calls if BEGUN + 60 <= at < BEGUN + 110) / 50
    assert served > 0.27 * rate
