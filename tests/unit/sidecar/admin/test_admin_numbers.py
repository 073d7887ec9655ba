"""Rates out of counters, and quantiles out of answers that are remembered while somebody looks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.core.balance.peak_ewma import PeakEwma
from meshclient.sidecar.admin.answers import Remembering, forgetful, quantile, remembering
from meshclient.sidecar.admin.rates import SPAN, Rates


def test_a_rate_is_told_against_a_look_that_is_neither_fresh_nor_old() -> None:
    rates = Rates()
    assert rates.growth(0.0, {"a": 5}) is None
    rates.look(0.0, {"a": 5})
    assert rates.growth(0.0, {"a": 5}) is None
    assert rates.growth(1.0, {"a": 7}) == (1.0, {"a": 2})
    for second in range(1, 31):
        rates.look(float(second), {"a": 5 + second * 10})
        seconds, grown = rates.growth(second + 0.5, {"a": 5 + second * 10 + 5}) or (0.0, {})
        assert seconds <= 2 * SPAN + 0.5
        assert second <= SPAN or seconds > SPAN
        assert grown["a"] / seconds == pytest.approx(10)


def test_counters_that_are_new_or_begin_anew_have_grown_from_nothing() -> None:
    rates = Rates()
    rates.look(0.0, {"a": 100, "gone": 1})
    assert rates.growth(2.0, {"a": 3, "new": 4}) == (2.0, {"a": 3, "new": 4})


@given(st.lists(st.tuples(st.floats(0.0001, 5), st.floats(0, 3)), max_size=60))
def test_remembering_changes_nothing_of_the_average(answers: list[tuple[float, float]]) -> None:
    plain, remembered = PeakEwma(0.03, 0.0), remembering(PeakEwma(0.03, 0.0), 16)
    now = 0.0
    for seconds, gap in answers:
        now += gap
        plain.observe(seconds, now)
        remembered.observe(seconds, now)
    assert (remembered.cost, remembered.stamp) == (plain.cost, plain.stamp)
    back = forgetful(remembered)
    assert type(back) is PeakEwma
    assert (back.cost, back.stamp) == (plain.cost, plain.stamp)
    assert list(remembered.since(-1.0)) == [seconds for seconds, _ in answers][-16:]


def test_only_the_latest_are_of_interest() -> None:
    ewma = remembering(PeakEwma(0.03, 0.0), 3)
    assert remembering(ewma, 3) is ewma
    for at in range(5):
        ewma.observe(at / 10, float(at))
    assert list(ewma.since(2.0)) == [0.3, 0.4]
    assert list(ewma.since(0.0)) == [0.2, 0.3, 0.4]
    assert isinstance(ewma, Remembering)


@given(st.lists(st.floats(0, 10), min_size=1).map(sorted), st.floats(0, 1))
def test_a_quantile_is_a_value_that_enough_do_not_exceed(ordered: list[float], part: float) -> None:
    found = quantile(ordered, part)
    assert found in ordered
    assert found is not None
    assert sum(value <= found for value in ordered) >= part * len(ordered) - 1e-9
    assert sum(value < found for value in ordered) <= part * len(ordered) + 1e-9


def test_of_nothing_there_is_no_quantile() -> None:
    assert quantile([], 0.5) is None
