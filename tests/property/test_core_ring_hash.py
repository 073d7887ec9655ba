"""The ring: its size, its shares, and which keys move when endpoints come and go."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.core.balance.hashing import WORDS
from meshclient.core.balance.ring_hash import LARGEST, POINTS, SMALLEST, Ring, ring_hash
from unit.core.fleet import nodes

CHANCE = Random(3)
KEYS = [CHANCE.getrandbits(64) for _ in range(4000)]
weights = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=30)


def names(count: int) -> list[str]:
    return [f"10.0.0.{number}" for number in range(count)]


def points(ring: Ring) -> Counter[int]:
    return Counter(ring._owners[:-1])


@given(st.integers(1, LARGEST // WORDS))
def test_equal_endpoints_have_equally_many_points_within_the_bounds(count: int) -> None:
    ring = Ring(names(count), [1.0] * count)
    assert len(set(points(ring).values())) == 1
    assert len(points(ring)) == count
    assert SMALLEST <= len(ring) <= LARGEST or WORDS * count < SMALLEST + count


def test_in_the_largest_fleets_everybody_has_what_one_digest_gives() -> None:
    assert set(points(Ring(names(600), [1.0] * 600)).values()) == {WORDS}


@given(weights)
def test_points_are_in_proportion_and_everybody_has_one(given_ones: list[float]) -> None:
    ring = Ring(names(len(given_ones)), given_ones)
    assert len(ring) <= LARGEST + len(given_ones)
    counts, heaviest = points(ring), max(given_ones)
    most = counts[given_ones.index(heaviest)]
    for at, weight in enumerate(given_ones):
        assert counts[at] >= 1
        assert counts[at] == pytest.approx(most * weight / heaviest, abs=1 + weight / heaviest)


@given(st.lists(st.sampled_from([0.1, 0.5, 1.0, 4.0]), min_size=1, max_size=12), st.integers(0, 2**64 - 1))
def test_a_key_belongs_to_the_next_point(given_ones: list[float], value: int) -> None:
    ring = Ring(names(len(given_ones)), given_ones)
    assert ring._points == sorted(ring._points)
    position = (value >> 11) / 2**53
    behind = [at for at, point in enumerate(ring._points) if point >= position]
    at = behind[0] if behind else 0
    assert ring.find(value) == ring._owners[at]
    for step in range(1, 5):
        assert ring.beside(value, step) == ring._owners[:-1][(at + step) % len(ring)]


def test_the_ends_of_the_circle_belong_to_somebody() -> None:
    ring = Ring(names(3), [1.0] * 3)
    assert ring.find(0) == ring._owners[0]
    assert ring.find(2**64 - 1) == ring._owners[0]


@pytest.mark.parametrize("count", range(2, 9))
def test_up_to_eight_endpoints_no_key_moves_but_those_of_the_one_that_goes(count: int) -> None:
    every = names(count)
    before = Ring(every, [1.0] * count)
    for gone in range(count):
        left = [name for name in every if name != every[gone]]
        after = Ring(left, [1.0] * len(left))
        moved = [value for value in KEYS if every[before.find(value)] != left[after.find(value)]]
        assert all(before.find(value) == gone for value in moved)
        assert len(moved) / len(KEYS) == pytest.approx(1 / count, rel=0.25)


@pytest.mark.parametrize("count", [9, 20, 100, 512])
def test_in_larger_fleets_a_change_moves_a_few_more(count: int) -> None:
    every = names(count)
    before, after = Ring(every, [1.0] * count), Ring(every[:-1], [1.0] * (count - 1))
    needless = sum(before.find(value) != after.find(value) for value in KEYS if before.find(value) != count - 1)
    # With fewer endpoints each has more points; a tenth more of them takes at most a tenth of the keys.
    assert needless / len(KEYS) <= max(1.2 / count, 0.05)


@pytest.mark.parametrize("weight", [0.1, 0.4, 0.9])
def test_an_endpoint_that_warms_up_only_takes_keys_over(weight: float) -> None:
    every = names(4)
    young, older = Ring(every, [1, 1, 1, weight]), Ring(every, [1, 1, 1, weight + 0.1])
    moved = {(young.find(value), older.find(value)) for value in KEYS if young.find(value) != older.find(value)}
    assert moved
    assert all(now == 3 for _, now in moved)


@pytest.mark.parametrize("count", [2, 3, 8])
def test_shares_are_those_of_so_many_points(count: int) -> None:
    ring = Ring(names(count), [1.0] * count)
    owned = Counter(ring.find(value) for value in KEYS)
    for at in range(count):
        # Four standard deviations of the arcs, and of the keys drawn.
        assert owned[at] * count / len(KEYS) == pytest.approx(1, abs=4 * (1 / POINTS + count / len(KEYS)) ** 0.5)


@given(st.integers(3, 8), st.text(max_size=9), st.data())
def test_a_key_whose_endpoint_is_avoided_goes_where_it_would_go_without_it(
    count: int, key: str, data: st.DataObject
) -> None:
    listed = nodes([1.0] * count)
    picker, without = ring_hash(Random(1).random), ring_hash(Random(1).random)
    picker.rebuild(listed)
    home = picker.pick(0, None, key)
    without.rebuild([node for node in listed if node is not home])
    assert picker.pick(0, lambda node: node is home, key) is without.pick(0, None, key)
