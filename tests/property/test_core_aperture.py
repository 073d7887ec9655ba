"""The deterministic aperture: equal load for all, few endpoints for each; and the random subset."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshclient.core.balance.aperture import LEAST, SMALLEST_FLEET, aperture, random_subset

sizes = st.one_of(st.integers(13, 60), st.sampled_from([99, 100, 101, 1000]))
names = st.lists(st.integers(0, 10**6), min_size=1, max_size=60, unique=True).map(
    lambda numbers: [f"10.0.0.{number}" for number in numbers]
)


@given(st.integers(1, 150), sizes)
@settings(max_examples=60)
def test_all_callers_together_load_every_endpoint_the_same(peers: int, servers: int) -> None:
    load: defaultdict[int, float] = defaultdict(float)
    for position in range(peers):
        view = aperture(position, peers, servers, smallest_fleet=1)
        # A caller spreads its calls by weight.
        total = sum(weight for _, weight in view)
        for index, weight in view:
            load[index] += weight / total
    assert [load[index] for index in range(servers)] == pytest.approx([peers / servers] * servers)


@pytest.mark.parametrize("servers", range(13, 18))
def test_a_view_is_a_stretch_of_a_small_circle(servers: int) -> None:
    for peers in range(1, 9):
        for position in range(peers):
            assert_a_stretch(position, peers, servers)


@given(st.integers(1, 500), sizes, st.integers(0, 499))
def test_a_view_is_a_stretch_of_the_circle(peers: int, servers: int, position: int) -> None:
    assert_a_stretch(position % peers, peers, servers)


def assert_a_stretch(position: int, peers: int, servers: int) -> None:
    view = aperture(position, peers, servers, smallest_fleet=1)
    indices = [index for index, _ in view]
    assert len(set(indices)) == len(indices)
    assert all(following == (index + 1) % servers for index, following in pairwise(indices))
    assert all(0 < weight <= 1 for _, weight in view)
    assert len(view) == servers or all(weight == 1 for _, weight in view[1:-1])
    # At least as much as twelve endpoints, and no more than a caller's part beyond.
    width = sum(weight for _, weight in view)
    assert min(LEAST, servers) - 1e-9 <= width <= min(servers, LEAST + servers / peers) + 1e-9
    assert len(view) <= width + 2


@given(st.integers(1, 99))
def test_all_callers_weights_add_up_to_the_same(peers: int) -> None:
    widths = [sum(weight for _, weight in aperture(position, peers, 250)) for position in range(peers)]
    assert widths == pytest.approx([widths[0]] * peers)


@given(st.integers(0, SMALLEST_FLEET - 1), st.integers(1, 50))
def test_a_small_fleet_is_used_whole(servers: int, peers: int) -> None:
    assert aperture(peers - 1, peers, servers) == [(index, 1.0) for index in range(servers)]


def test_the_threshold_is_a_hundred() -> None:
    assert len(aperture(3, 50, 99)) == 99
    assert len(aperture(3, 50, 100)) < 20


def test_a_caller_without_peers_uses_every_endpoint() -> None:
    assert sorted(aperture(0, 1, 400)) == [(index, 1.0) for index in range(400)]


def test_a_view_costs_what_is_in_it_and_not_what_is_in_the_fleet() -> None:
    # Anything that went through a billion endpoints or callers would not come to an end here.
    assert len(aperture(10**8, 10**9, 10**9 - 1)) <= LEAST + 2


@pytest.mark.parametrize(("position", "peers"), [(-1, 3), (3, 3), (0, 0)])
def test_a_position_that_is_none_is_refused(position: int, peers: int) -> None:
    with pytest.raises(ValueError, match="position"):
        aperture(position, peers, 500)


@given(names, st.integers(1, 20), st.text(max_size=5), st.data())
def test_a_subset_is_the_seeds_own_whatever_the_order(
    listed: list[str], size: int, seed: str, data: st.DataObject
) -> None:
    chosen = random_subset(listed, size, seed)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(size, len(listed))
    shuffled = data.draw(st.permutations(listed))
    assert {listed[at] for at in chosen} == {shuffled[at] for at in random_subset(shuffled, size, seed)}


@given(names, st.integers(1, 20), st.data())
def test_one_endpoint_more_or_less_changes_at_most_one_member(
    listed: list[str], size: int, data: st.DataObject
) -> None:
    gone = data.draw(st.sampled_from(listed))
    left = [name for name in listed if name != gone]
    before = {listed[at] for at in random_subset(listed, size, "caller-1")}
    after = {left[at] for at in random_subset(left, size, "caller-1")}
    assert len(after - before) <= (gone in before)
    assert before - after <= {gone}


def test_different_callers_have_different_subsets_of_about_equal_load() -> None:
    listed = [f"10.0.0.{number}" for number in range(100)]
    subsets = [random_subset(listed, 20, f"caller-{number}") for number in range(500)]
    assert len(set(map(tuple, subsets))) == 500
    load = Counter(index for subset in subsets for index in subset)
    # A hundred each, give or take four standard deviations of a binomial draw.
    assert all(abs(load[index] - 100) < 4 * (500 * 0.2 * 0.8) ** 0.5 for index in range(100))
