"""Shares of priority levels against Envoy's arithmetic written out a second time, and what any such rule must keep."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.core.balance.priority import Level, LevelShare, level_shares

level = st.tuples(st.integers(0, 20), st.integers(0, 20)).map(lambda both: Level(max(both), min(both)))
levels = st.lists(level, min_size=1, max_size=5)
panics = st.sampled_from([0.0, 0.25, 0.5, 1.0])


def by_hand(given_ones: list[Level], panic: float) -> list[tuple[Fraction, bool]]:
    """In fractions, level by level."""
    health = [
        min(Fraction(1), Fraction(14, 10) * Fraction(e.usable, e.total)) if e.total else Fraction(0) for e in given_ones
    ]
    together = min(Fraction(1), sum(health, Fraction(0)))
    everybody = sum(e.total for e in given_ones)
    out = [together < 1 and bool(e.total) and Fraction(e.usable, e.total) < Fraction(panic) for e in given_ones]
    if together == 0 or all(flag for flag, e in zip(out, given_ones, strict=True) if e.total):
        return [(Fraction(e.total, everybody or 1), e.total > 0) for e in given_ones]
    answer, remaining = [], Fraction(1)
    for part, flag in zip(health, out, strict=True):
        takes = min(remaining, part / together)
        remaining -= takes
        answer.append((takes, flag))
    return answer


@given(levels, panics)
def test_it_is_the_rule(given_ones: list[Level], panic: float) -> None:
    answer = level_shares(given_ones, panic=panic)
    for got, (share, flag) in zip(answer, by_hand(given_ones, panic), strict=True):
        assert got.share == pytest.approx(float(share), abs=1e-9)
        assert got.panic is flag


@given(levels, panics)
def test_the_shares_are_all_there_is(given_ones: list[Level], panic: float) -> None:
    answer = level_shares(given_ones, panic=panic)
    assert all(0 <= each.share <= 1 for each in answer)
    assert sum(each.share for each in answer) == pytest.approx(float(any(each.total for each in given_ones)))
    for each, at in zip(given_ones, answer, strict=True):
        # Calls only go where there is somebody, and where somebody is usable or it fails open.
        assert not at.share or each.usable or at.panic


@given(levels, panics)
def test_nobody_panics_while_the_levels_carry_everything(given_ones: list[Level], panic: float) -> None:
    carried = sum(min(Fraction(1), Fraction(7 * e.usable, 5 * e.total)) for e in given_ones if e.total)
    if carried > 1:
        assert not any(each.panic for each in level_shares(given_ones, panic=panic))


@given(levels)
def test_a_later_level_gets_only_what_an_earlier_one_cannot_carry(given_ones: list[Level]) -> None:
    answer = level_shares(given_ones, panic=0.0)
    for at, each in enumerate(given_ones):
        if any(later.share > 1e-9 for later in answer[at + 1 :]) and any(e.usable for e in given_ones):
            most = min(1.0, 1.4 * each.usable / each.total) if each.total else 0.0
            assert answer[at].share >= most - 1e-9


@given(levels, st.integers(0, 4))
def test_one_more_usable_endpoint_never_takes_from_its_level(given_ones: list[Level], at: int) -> None:
    at %= len(given_ones)
    each = given_ones[at]
    if each.usable == each.total or not any(e.usable for e in given_ones):
        return
    better = [*given_ones[:at], Level(each.total, each.usable + 1), *given_ones[at + 1 :]]
    assert level_shares(better, panic=0.0)[at].share >= level_shares(given_ones, panic=0.0)[at].share - 1e-9


@pytest.mark.parametrize(
    ("given_ones", "shares"),
    [
        # The table in Envoy's documentation.
        ([(100, 100), (100, 100)], [1.0, 0.0]),
        ([(100, 72), (100, 72)], [1.0, 0.0]),
        ([(100, 71), (100, 71)], [0.994, 0.006]),
        ([(100, 50), (100, 60)], [0.7, 0.3]),
        ([(100, 25), (100, 100)], [0.35, 0.65]),
        ([(100, 0), (100, 100)], [0.0, 1.0]),
        ([(100, 25), (100, 25)], [0.5, 0.5]),
        # Three endpoints of which one is out hand a fifteenth on.
        ([(3, 2), (3, 3)], [14 / 15, 1 / 15]),
        ([(2, 1), (2, 2)], [0.7, 0.3]),
        ([(3, 2)], [1.0]),
    ],
)
def test_examples(given_ones: list[tuple[int, int]], shares: list[float]) -> None:
    answer = level_shares([Level(*each) for each in given_ones])
    assert [each.share for each in answer] == pytest.approx(shares)


def test_without_endpoints_there_is_nothing_to_share() -> None:
    assert level_shares([Level(0, 0)]) == [LevelShare(0.0, panic=False)]
    assert level_shares([]) == []


def test_total_panic_goes_by_the_number_of_endpoints() -> None:
    assert level_shares([Level(3, 1), Level(1, 0)]) == [LevelShare(0.75, panic=True), LevelShare(0.25, panic=True)]
