"""The schedule and the thresholds of health checks under any sequence of lists, checks, late endings and forks."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meshclient.core.health import Checkup, Condition, HealthRule
from unit.core.fleet import endpoint

if TYPE_CHECKING:
    from meshclient.core.balance.node import Key

FLEET = 6
SLACK = 1e-6

listed = st.lists(st.integers(0, FLEET - 1), max_size=FLEET, unique=True)


class CheckupMachine(RuleBasedStateMachine):
    """Its model: what each listed endpoint's results were since its last change, and which checks are under way."""

    @initialize(
        interval=st.sampled_from([0.5, 1.0, 10.0]),
        healthy=st.integers(1, 3),
        unhealthy=st.integers(1, 3),
        jitter=st.sampled_from([0.0, 0.1, 1.0]),
        seed=st.integers(0, 99),
    )
    def begin(self, *, interval: float, healthy: int, unhealthy: int, jitter: float, seed: int) -> None:
        self.rule = HealthRule(interval, healthy, unhealthy, jitter)
        self.subject = Checkup(self.rule, Random(seed).random)
        self.now = 1000.0
        self.passing: dict[Key, bool] = {}
        self.results: dict[Key, list[bool]] = {}
        self.under_way: list[Condition] = []
        self.lost: list[Condition] = []

    # What happens.

    @rule(numbers=listed)
    def follow(self, numbers: list[int]) -> None:
        endpoints = [endpoint(number) for number in numbers]
        self.subject.follow(endpoints, self.now)
        keys = {each.key for each in endpoints}
        for key in self.passing.keys() - keys:
            del self.passing[key], self.results[key]
        for key in keys - self.passing.keys():
            self.passing[key], self.results[key] = True, []
        gone = [each for each in self.under_way if not self.subject.holds(each)]
        self.under_way = [each for each in self.under_way if self.subject.holds(each)]
        self.lost += gone

    @rule()
    def take(self) -> None:
        due = self.subject.next
        condition = self.subject.take(self.now)
        assert (condition is None) is (due is None or due > self.now)
        if condition is None:
            return
        key = condition.endpoint.key
        assert key in self.passing
        assert condition not in self.under_way
        assert condition.passing is self.passing[key]
        self.under_way.append(condition)

    @precondition(lambda self: self.under_way)
    @rule(at=st.integers(0, 99), passed=st.sampled_from([True, False, False, None]))
    def end(self, at: int, passed: bool | None) -> None:
        condition = self.under_way.pop(at % len(self.under_way))
        key = condition.endpoint.key
        before, rounds = self.passing[key], self.results[key]
        changed = self.subject.ended(condition, self.now, passed=passed)
        if passed is not None:
            rounds.append(passed)
        wanted = self.rule.unhealthy if before else self.rule.healthy
        row = rounds[-wanted:]
        expected = passed is not None and len(row) == wanted and all(each is not before for each in row)
        assert changed is expected
        if changed:
            self.passing[key], self.results[key] = not before, []
        assert condition.passing is self.passing[key]

    @precondition(lambda self: self.lost)
    @rule(passed=st.sampled_from([True, False, None]))
    def end_of_one_that_left(self, passed: bool | None) -> None:
        assert not self.subject.ended(self.lost.pop(), self.now, passed=passed)

    @rule(share=st.sampled_from([0.01, 0.3, 1.0, 7.3]))
    def wait(self, share: float) -> None:
        self.now += share * self.rule.interval

    @rule()
    def wait_for_the_next(self) -> None:
        if (due := self.subject.next) is not None:
            self.now = max(self.now, due)

    @rule()
    def fork(self) -> None:
        self.subject.resume(self.now)
        self.under_way.clear()

    # What always holds.

    @invariant()
    def everybody_is_due_within_two_rounds_or_being_checked(self) -> None:
        if not hasattr(self, "subject"):
            return
        checked = {condition.endpoint.key for condition in self.under_way}
        due = self.subject.next
        assert (due is None) is (not self.passing.keys() - checked)
        if due is not None:
            assert due <= self.now + (1 + self.rule.jitter) * self.rule.interval + SLACK


TestCheckup = CheckupMachine.TestCase
TestCheckup.settings = settings(max_examples=60, stateful_step_count=40)
