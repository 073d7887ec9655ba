"""The retry budget against a list of everything that happened."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from meshclient.core.retry_budget import WINDOW, RetryBudget


class BudgetMachine(RuleBasedStateMachine):
    """Its model: (second, change) for ever, summed up over the last ten whole seconds."""

    @initialize(
        ratio=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
        floor=st.sampled_from([0.0, 0.1, 0.5]),
        start=st.integers(0, 10**6),
    )
    def begin(self, ratio: float, floor: float, start: int) -> None:
        self.ratio, self.reserve = Fraction(ratio), round(Fraction(floor) * WINDOW, 6)
        self.budget = RetryBudget(ratio, floor)
        self.now = float(start)
        self.changes: list[tuple[int, Fraction]] = []
        # The budget's own second never goes back.
        self.second = start

    def left(self) -> Fraction:
        self.second = max(self.second, int(self.now))
        return self.reserve + sum(change for second, change in self.changes if second > self.second - WINDOW)

    @rule(count=st.integers(1, 9))
    def deposit(self, count: int) -> None:
        self.left()
        for _ in range(count):
            self.budget.deposit(self.now)
            self.changes.append((self.second, self.ratio))

    @rule()
    def withdraw(self) -> None:
        allowed = self.left() >= 1
        assert self.budget.withdraw(self.now) is allowed
        if allowed:
            self.changes.append((self.second, Fraction(-1)))

    @rule(seconds=st.sampled_from([0.1, 0.9, 1.0, 3.0, 9.0, 9.99, 10.0, 11.0, 1e6, -0.5, -3.0]))
    def pass_time(self, seconds: float) -> None:
        self.now = max(0.0, self.now + seconds)

    @invariant()
    def the_balance_is_the_models(self) -> None:
        assert self.budget.balance(self.now) == float(max(Fraction(0), self.left()))


BudgetMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=40)
TestRetryBudget = BudgetMachine.TestCase
