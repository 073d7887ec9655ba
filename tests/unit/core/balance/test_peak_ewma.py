"""Expected latency: fixed points of the moving average."""

from math import exp

import pytest

from meshclient.core.balance.peak_ewma import FAILURE_COST, LONGEST_COST, TAU, PeakEwma


def test_it_begins_with_what_it_is_given() -> None:
    assert PeakEwma(0.03, 10).read(10) == 0.03


def test_a_slower_answer_counts_in_full_at_once() -> None:
    ewma = PeakEwma(0.01, 10)
    ewma.observe(0.5, 10)
    assert ewma.read(10) == 0.5


def test_a_faster_answer_counts_by_the_time_passed() -> None:
    ewma = PeakEwma(1.0, 0)
    ewma.observe(0.0, TAU)
    assert ewma.read(TAU) == pytest.approx(exp(-1))
    ewma.observe(0.2, 2 * TAU)
    assert ewma.read(2 * TAU) == pytest.approx(exp(-2) + 0.2 * (1 - exp(-1)))


def test_two_answers_within_one_tick_both_count() -> None:
    ewma = PeakEwma(1.0, 0)
    ewma.observe(0.1, 0)
    assert ewma.read(0) < 1.0


def test_left_alone_it_decays_with_its_mean_lifetime() -> None:
    ewma = PeakEwma(1.0, 0)
    assert ewma.read(TAU) == pytest.approx(exp(-1))
    assert ewma.read(1e9) == 0


@pytest.mark.parametrize(
    ("retry_after", "cost"), [(None, FAILURE_COST), (1, FAILURE_COST), (60, 60), (1e9, LONGEST_COST)]
)
def test_a_failure_is_read_as_a_slow_answer(retry_after: float | None, cost: float) -> None:
    ewma = PeakEwma(0.01, 0)
    ewma.penalise(retry_after, 3)
    assert ewma.read(3) == cost


def test_a_failure_never_makes_a_slow_endpoint_look_better() -> None:
    ewma = PeakEwma(40.0, 0)
    ewma.penalise(None, 0)
    assert ewma.read(0) == 40


def test_a_clock_that_goes_back_changes_nothing_by_itself() -> None:
    ewma = PeakEwma(1.0, 100)
    assert ewma.read(50) == 1.0
    ewma.observe(2.0, 50)
    assert ewma.read(100) == 2.0
    assert ewma.read(100 + TAU) == pytest.approx(2 * exp(-1))
