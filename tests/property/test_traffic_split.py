"""The split: shares as the weights say, keys that stay, and no key that moves without need."""

from __future__ import annotations

from math import sqrt
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshclient.core.traffic.split import Split

NAMES = ["v1", "v2", "v3", "v4", "v5"]
KEYS = [f"user-{number}" for number in range(800)]
weights = st.dictionaries(st.sampled_from(NAMES), st.floats(0.01, 100.0), min_size=1)
chances = st.floats(0.0, 1.0, exclude_max=True)


def places(given_weights: dict[str, float], without: tuple[str, ...] = ()) -> dict[str, str | None]:
    split = Split("orders", given_weights)
    return {key: split.pick(key, 0.0, without) for key in KEYS}


def near(count: int, share: float) -> bool:
    """Whether a share of the keys is what chance makes of it, to five standard deviations."""
    return abs(count - share * len(KEYS)) <= 5 * sqrt(share * (1 - share) * len(KEYS)) + 1


@given(weights, st.text(), chances)
def test_the_same_key_has_the_same_variant_whatever_chance_says(
    given_weights: dict[str, float], key: str, chance: float
) -> None:
    split = Split("orders", given_weights)
    assert split.pick(key, chance) == split.pick(key, 0.0)
    # Another process reads the same configuration, perhaps in another order.
    assert Split("orders", dict(reversed(given_weights.items()))).pick(key, chance) == split.pick(key, chance)


@given(weights)
def test_keys_are_divided_in_proportion(given_weights: dict[str, float]) -> None:
    found = list(places(given_weights).values())
    split = Split("orders", given_weights)
    assert all(near(found.count(name), split.share(name)) for name in given_weights)
    assert sum(split.share(name) for name in given_weights) == pytest.approx(1.0)


@settings(max_examples=50)
@given(weights, st.sampled_from(NAMES), st.floats(1.01, 50.0))
def test_raising_a_weight_moves_keys_to_that_variant_only_and_no_more_than_needed(
    given_weights: dict[str, float], name: str, factor: float
) -> None:
    raised = {**given_weights, name: given_weights.get(name, 0.1) * factor}
    before, after = places(given_weights), places(raised)
    moved = [key for key in KEYS if before[key] != after[key]]
    assert {after[key] for key in moved} <= {name}
    needed = Split("orders", raised).share(name) - Split("orders", given_weights).share(name)
    assert near(len(moved), needed)


@settings(max_examples=40)
@given(weights.filter(lambda w: len(w) > 1), st.data())
def test_a_variant_without_endpoints_loses_its_keys_and_nobody_elses_move(
    given_weights: dict[str, float], data: st.DataObject
) -> None:
    gone = data.draw(st.sampled_from(sorted(given_weights)))
    before, after = places(given_weights), places(given_weights, (gone,))
    assert gone not in after.values()
    assert all(after[key] == place for key, place in before.items() if place != gone)
    # Left out is as good as not there, and as good as a weight of nothing.
    assert after == places({name: weight for name, weight in given_weights.items() if name != gone})
    assert after == places({**given_weights, gone: 0.0})


@given(weights, st.sets(st.sampled_from(NAMES)))
def test_calls_without_a_key_are_divided_by_chance(given_weights: dict[str, float], without: set[str]) -> None:
    split, rng = Split("orders", given_weights), Random(1)
    found = [split.pick(None, rng.random(), without) for _ in KEYS]
    if set(given_weights) <= without:
        assert set(found) == {None}
        return
    assert all(near(found.count(name), split.share(name, without)) for name in given_weights)
    assert split.pick(None, 1.0 - 2**-53, without) not in without


def test_a_key_falls_otherwise_at_another_service() -> None:
    orders, stock = Split("orders", {"v1": 95, "v2": 5}), Split("stock", {"v1": 95, "v2": 5})
    both = [key for key in KEYS if orders.pick(key, 0.0) == stock.pick(key, 0.0) == "v2"]
    assert len(both) < 0.01 * len(KEYS)


def test_keys_stay_where_they_are_from_release_to_release() -> None:
    split = Split("orders", {"v1": 50, "v2": 50})
    assert "".join(split.pick(f"user-{n}", 0.0) or "" for n in range(8)) == "v2v2v1v2v1v1v1v2"


@pytest.mark.parametrize("nothing", [{}, {"v1": 0}])
def test_a_split_of_nothing_is_refused(nothing: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="gives every variant nothing"):
        Split("orders", nothing)
