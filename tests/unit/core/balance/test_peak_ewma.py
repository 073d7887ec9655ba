"""Expected latency: fixed points of the moving average."""

from math import exp

import pytest

from meshclient.core.balance.peak_ewma import TAU, PeakEwma


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


def test_a_clock_that_goes_back_changes_nothing_by_itself() -> None:
    ewma = PeakEwma(1.0, 100)
    assert ewma.read(50) == 1.0
    ewma.observe(2.0, 50)
    assert ewma.read(100) == 2.0
    assert ewma.read(100 + TAU) == pytest.approx(2 * exp(-1))
