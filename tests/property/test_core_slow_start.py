"""Warming up: it rises to the full weight and never beyond, is skipped where it would hurt, and leaves turns alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshclient.core.balance.least_request import least_request
from meshclient.core.balance.p2c import P2C
from meshclient.core.balance.round_robin import RoundRobin
from meshclient.core.balance.slow_start import SlowStart
from meshclient.core.balance.weighted_random import WeightedRandom
from unit.core.fleet import nodes

rules = st.builds(SlowStart, st.sampled_from([0.0, 0.5, 1.0, 30.0, 600.0]), st.floats(1e-3, 1), st.floats(0.1, 10))
ages = st.one_of(st.floats(-1e6, 1e6), st.floats(0, 60))


@given(rules, ages, ages)
def test_it_never_falls_and_ends_at_one(rule: SlowStart, one: float, other: float) -> None:
    early, late = rule.factor(min(one, other)), rule.factor(max(one, other))
    assert rule.least <= early <= late <= 1
    assert rule.factor(rule.window) == 1


@given(st.floats(1, 30))
def test_by_default_it_rises_evenly_from_a_tenth(age: float) -> None:
    assert SlowStart().factor(age) == pytest.approx(max(0.1, age / 30))


@given(st.floats(0, 30), st.floats(1, 5))
def test_more_aggression_is_never_slower(age: float, aggression: float) -> None:
    assert SlowStart(aggression=aggression).factor(age) >= SlowStart().factor(age)


@given(rules, st.lists(ages, max_size=12))
def test_a_set_of_which_half_is_new_is_not_warmed_up(rule: SlowStart, listed: list[float]) -> None:
    factors = rule.factors(listed)
    alone = [rule.factor(age) for age in listed]
    young = sum(max(age, 1.0) < rule.window for age in listed)
    assert factors == ([1.0] * len(listed) if 2 * young >= len(listed) else alone)
    # So the others never take on more than twice what they had.
    if listed:
        assert len(listed) / sum(factors) < 2


@pytest.mark.parametrize("listed", [[], [0.0], [0.0, 99.0], [0.0] * 5, [1.0, 2.0, 99.0, 99.0]])
def test_sets_that_are_not_warmed_up(listed: list[float]) -> None:
    assert SlowStart().factors(listed) == [1.0] * len(listed)


def test_one_of_three_is_warmed_up() -> None:
    assert SlowStart().factors([15.0, 99.0, 31.0]) == [0.5, 1.0, 1.0]


def warm_up(picker: P2C | RoundRobin | WeightedRandom, count: int, rate: int) -> tuple[list[int], float]:
    """Picks of each endpoint while the first one warms up, with new weights every second; and what it is due."""
    listed, rule = nodes([1.0] * count), SlowStart()
    counts: Counter[int] = Counter()
    due = 0.0
    for second in range(30):
        factors = rule.factors([float(second), *[99.0] * (count - 1)])
        for node, factor in zip(listed, factors, strict=True):
            node.weight = factor
        picker.rebuild(listed)
        due += rate * factors[0] / sum(factors)
        counts.update(id(picker.pick(second)) for _ in range(rate))
    return [counts[id(node)] for node in listed], due


@given(st.integers(3, 10), st.sampled_from([1, 2, 3, 7, 50]), st.integers(0, 99))
@settings(max_examples=60)
def test_turns_go_on_while_weights_change_every_second(count: int, rate: int, seed: int) -> None:
    picks, due = warm_up(RoundRobin(Random(seed).random), count, rate)
    # Those of full weight play once in every round, whatever happens to the weights of others.
    assert max(picks[1:]) - min(picks[1:]) <= 1
    assert abs(picks[0] - due) <= max(2.0, 0.35 * due)


@pytest.mark.parametrize("make", [P2C, least_request, WeightedRandom])
def test_draws_follow_weights_that_change_every_second(make: type[P2C | WeightedRandom]) -> None:
    picks, due = warm_up(make(Random(5).random), 3, 500)
    assert picks[0] == pytest.approx(due, rel=0.05)
    assert picks[1] == pytest.approx(picks[2], rel=0.05)


@given(st.sampled_from([1, 3, 5, 20]), st.integers(0, 50))
@settings(max_examples=30)
def test_turns_stay_fair_while_every_weight_drifts(rate: int, seed: int) -> None:
    """As under load reports."""
    chance = Random(seed)
    picker, listed, base = RoundRobin(chance.random), nodes([1.0] * 4), [1.0, 2.0, 1.0, 4.0]
    counts: Counter[int] = Counter()
    due: defaultdict[int, float] = defaultdict(float)
    for second in range(400):
        for node, weight in zip(listed, base, strict=True):
            node.weight = weight * (0.9 + 0.2 * chance.random())
        picker.rebuild(listed)
        total = sum(node.weight for node in listed)
        for node in listed:
            due[id(node)] += rate * node.weight / total
        counts.update(id(picker.pick(second)) for _ in range(rate))
    for node in listed:
        assert counts[id(node)] == pytest.approx(due[id(node)], rel=0.25)
