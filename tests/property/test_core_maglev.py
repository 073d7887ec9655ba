"""Maglev's table: full, fair to the place, the same whatever the order of the list, and little disturbed by changes."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshclient.core.balance.maglev import PLACES_EACH, SIZES, MaglevTable

weights = st.lists(st.one_of(st.sampled_from([0.1, 1.0, 2.0, 10.0]), st.floats(0.01, 100)), min_size=1, max_size=40)


def names(count: int) -> list[str]:
    return [f"10.0.0.{number}" for number in range(count)]


def owners(count: int, given_ones: list[float] | None = None) -> list[str]:
    """Who has each place."""
    every = names(count)
    return [every[at] for at in MaglevTable(every, given_ones or [1.0] * count)._places]


def test_the_sizes_are_prime() -> None:
    assert all(size % divisor for size in SIZES for divisor in range(2, int(size**0.5) + 1))
    assert list(SIZES) == sorted(SIZES)


@pytest.mark.parametrize("count", [1, 2, 81, 1000, 1023])
def test_equal_endpoints_differ_by_one_place_in_one_size_of_table(count: int) -> None:
    counts = Counter(owners(count))
    assert len(counts) == count
    assert max(counts.values()) - min(counts.values()) <= 1
    assert sum(counts.values()) == SIZES[0]


def test_a_larger_fleet_has_a_larger_table() -> None:
    table = MaglevTable(names(1024), [1.0] * 1024)
    assert len(table) == SIZES[1]
    assert set(table._places) == set(range(1024))
    assert len(table) >= PLACES_EACH * 1024


@settings(max_examples=40)
@given(weights)
def test_places_are_in_proportion_and_everybody_has_one(given_ones: list[float]) -> None:
    counts = Counter(MaglevTable(names(len(given_ones)), given_ones)._places)
    assert set(counts) == set(range(len(given_ones)))
    heaviest = max(given_ones)
    rounds = counts[given_ones.index(heaviest)]
    for at, weight in enumerate(given_ones):
        # It begins in the first round, and plays on whenever it has earned another place.
        assert counts[at] == pytest.approx(rounds * weight / heaviest, abs=1 + weight / heaviest + 1e-6)


@settings(max_examples=40)
@given(st.data(), weights)
def test_the_order_of_the_list_does_not_matter(data: st.DataObject, given_ones: list[float]) -> None:
    every = list(zip(names(len(given_ones)), given_ones, strict=True))
    shuffled = data.draw(st.permutations(every))
    one = MaglevTable([name for name, _ in every], [weight for _, weight in every])
    other = MaglevTable([name for name, _ in shuffled], [weight for _, weight in shuffled])
    assert [every[at][0] for at in one._places] == [shuffled[at][0] for at in other._places]


@settings(max_examples=40)
@given(st.integers(0, 2**64 - 1), st.integers(1, 40))
def test_every_hash_has_an_owner_and_a_row_of_others(value: int, count: int) -> None:
    table = MaglevTable(names(count), [1.0] * count)
    assert table.find(value) == table._places[value % SIZES[0]]
    row = [table.beside(value, step) for step in range(1, 60)]
    assert row == [table.beside(value, step) for step in range(1, 60)]
    assert count == 1 or len(set(row)) > 1


@pytest.mark.parametrize("count", [2, 3, 5, 10, 40, 100])
def test_an_endpoint_that_goes_moves_its_keys_and_few_others(count: int) -> None:
    before, after = owners(count), owners(count - 1)
    gone = names(count)[-1]
    needless = sum(old != new for old, new in zip(before, after, strict=True) if old != gone)
    assert needless / SIZES[0] <= 0.03
    # What it had is spread over all that are left.
    heirs = Counter(new for old, new in zip(before, after, strict=True) if old == gone)
    assert len(heirs) >= min(count - 1, 40)


@pytest.mark.parametrize("count", [3, 10])
def test_an_endpoint_that_warms_up_moves_few_keys_at_a_time(count: int) -> None:
    for step in range(1, 10):
        before = owners(count, [*([1.0] * (count - 1)), step / 10])
        after = owners(count, [*([1.0] * (count - 1)), (step + 1) / 10])
        moved = sum(old != new for old, new in zip(before, after, strict=True))
        gained = after.count(names(count)[-1]) - before.count(names(count)[-1])
        assert gained > 0
        assert moved - gained <= 0.05 * SIZES[0]
