"""Expected latency: fixed points of the moving average."""

import pytest

from meshclient.core.balance.peak_ewma import LEAST, TAU, PeakEwma


def test_it_begins_with_what_it_is_given() -> None:
    assert PeakEwma(0.03, 10).read(10) == 0.03


def test_a_slower_answer_counts_in_full_at_once() -> None:
    ewma = PeakEwma(0.01, 10)
    ewma.observe(0.5, 10)
    assert ewma.read(10) == 0.5


def test_a_faster_answer_counts_by_the_time_passed() -> None:
    ewma = PeakEwma(1.0, 0)
    ewma.observe(0.0, TAU / 2)
    assert ewma.read(TAU / 2) == pytest.approx(1 / 2)
    ewma.observe(0.2, TAU)
    assert ewma.read(TAU) == pytest.approx(1 / 4 + 0.2 / 2)


def test_two_answers_within_one_tick_both_count() -> None:
    ewma = PeakEwma(1.0, 0)
    ewma.observe(0.1, 0)
    assert ewma.read(0) < 1.0


def test_left_alone_it_fades_whatever_it_was() -> None:
    ewma = PeakEwma(300.0, 0)
    assert ewma.read(TAU / 2) == pytest.approx(150)
    assert ewma.read(1e9) == pytest.approx(300 * LEAST)
    ewma.observe(0.01, TAU)
    assert ewma.read(TAU) == pytest.approx(0.01)


def test_a_clock_that_goes_back_changes_nothing_by_itself() -> None:
    ewma = PeakEwma(1.0, 100)
    assert ewma.read(50) == 1.0
    ewma.observe(2.0, 50)
    assert ewma.read(100) == 2.0
    assert ewma.read(100 + TAU / 2) == pytest.approx(1)
