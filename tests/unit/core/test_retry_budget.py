"""The retry budget at its edges."""

import pytest

from meshclient.core.retry_budget import WINDOW, RetryBudget


def spend_all(budget: RetryBudget, now: float) -> int:
    """How many retries there were."""
    spent = 0
    while budget.withdraw(now):
        spent += 1
        assert spent < 10_000
    return spent


def test_an_idle_service_has_its_floor() -> None:
    assert spend_all(RetryBudget(ratio=0.2, floor=3), now=1e6) == 3 * WINDOW


def test_calls_earn_their_share_exactly() -> None:
    budget = RetryBudget(ratio=0.2, floor=0)
    for _ in range(1000):
        budget.deposit(50.0)
    assert budget.balance(50.0) == 200
    assert spend_all(budget, 50.0) == 200


@pytest.mark.parametrize("ratio", [0.1, 0.3, 1 / 3, 0.7])
def test_many_small_deposits_add_up(ratio: float) -> None:
    budget = RetryBudget(ratio=ratio, floor=0)
    for _ in range(3000):
        budget.deposit(1.0)
    assert spend_all(budget, 1.0) == pytest.approx(3000 * ratio, abs=1)


def test_what_was_earned_and_spent_is_forgotten_after_ten_seconds() -> None:
    budget = RetryBudget(ratio=1.0, floor=1)
    for _ in range(5):
        budget.deposit(100.5)
    assert budget.balance(109.9) == 15
    assert budget.balance(110.0) == 10
    assert spend_all(budget, 110.0) == 10
    assert not budget.withdraw(119.9)
    assert budget.balance(120.0) == 10


@pytest.mark.parametrize("jump", [WINDOW, 1e3, 1e9])
def test_a_clock_that_jumps_ahead_starts_afresh(jump: float) -> None:
    budget = RetryBudget(ratio=1.0, floor=1)
    budget.deposit(5.0)
    spend_all(budget, 5.0)
    assert budget.balance(5.0 + jump) == 10


def test_a_clock_that_goes_back_neither_earns_nor_forgets() -> None:
    budget = RetryBudget(ratio=1.0, floor=1)
    spend_all(budget, 100.0)
    assert not budget.withdraw(50.0)
    budget.deposit(50.0)
    assert spend_all(budget, 50.0) == 1
    assert budget.balance(109.0) == 0


def test_nothing_is_free_without_floor_and_traffic() -> None:
    assert not RetryBudget(ratio=0.2, floor=0).withdraw(1.0)


def test_a_total_outage_costs_a_fifth_more_and_the_floor() -> None:
    budget, calls, retries = RetryBudget(), 0, 0
    for second in range(1000, 1060):
        for call in range(100):
            now = second + call / 100
            budget.deposit(now)
            calls += 1
            retries += budget.withdraw(now)
            retries += budget.withdraw(now)
    assert retries <= 0.2 * calls + 3 * (60 + WINDOW)
    # And it is used: the budget is no ban.
    assert retries >= 0.2 * calls


class Lock:
    """Counts how often it was taken."""

    taken = 0

    def __enter__(self) -> None:
        self.taken += 1

    def __exit__(self, *_: object) -> None:
        pass


def test_every_access_takes_the_lock() -> None:
    lock = Lock()
    budget = RetryBudget(lock=lock)
    budget.deposit(1.0)
    budget.withdraw(1.0)
    budget.balance(1.0)
    assert lock.taken == 3
