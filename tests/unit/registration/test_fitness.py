"""When health checks let an instance in, and when they put it out."""

from __future__ import annotations

import pytest

from meshclient.registration.fitness import FAILURES, PAUSE_FIRST, PAUSE_LIMIT, Fitness


def after(begun: Fitness, checks: str) -> Fitness:
    for check in checks:
        begun = begun.passed() if check == "+" else begun.failed()
    return begun


@pytest.mark.parametrize(
    ("begun", "checks", "fit"),
    [
        (False, "", False),
        (False, "-", False),
        (False, "-+", True),
        (True, "--", True),
        (True, "---", False),
        (True, "--+--", True),
        (True, "--+---", False),
        (True, "----+", True),
        (True, "---+--", True),
    ],
)
def test_the_first_success_lets_in_and_three_failures_in_a_row_put_out(begun: bool, checks: str, fit: bool) -> None:
    assert FAILURES == 3
    assert after(Fitness(begun), checks).fit is fit


def test_an_instance_that_is_not_fit_is_looked_at_ever_less_often() -> None:
    pauses = [after(Fitness(fit=False), "-" * count).pause for count in range(1, 8)]
    assert pauses == [PAUSE_FIRST, 0.2, 0.4, 0.8, PAUSE_LIMIT, PAUSE_LIMIT, PAUSE_LIMIT]
    assert after(Fitness(fit=False), "-" * 5000).pause == PAUSE_LIMIT
