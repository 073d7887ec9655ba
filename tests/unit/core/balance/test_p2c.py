"""Power of two choices: two distinct looks, constant work, shares by weight."""

from random import Random

import pytest

from meshclient.core.balance.node import Node
from meshclient.core.balance.p2c import P2C, peak_ewma_load
from unit.core.fleet import nodes


class CountedLoad:
    """A load that notes whom it is asked about."""

    def __init__(self, loads: dict[int, float] | None = None) -> None:
        self.asked: list[Node] = []
        self.loads = loads or {}

    def __call__(self, node: Node, now: float) -> float:
        self.asked.append(node)
        return self.loads.get(id(node), 1.0)


def made(weights: list[float], load: CountedLoad, seed: int = 1) -> tuple[P2C, list[Node]]:
    picker, listed = P2C(Random(seed).random, load), nodes(weights)
    picker.rebuild(listed)
    return picker, listed


@pytest.mark.parametrize("count", [2, 3, 10, 1000, 10_000])
@pytest.mark.parametrize("heaviest", [1.0, 5.0])
def test_a_pick_looks_at_two_loads_however_many_there_are(count: int, heaviest: float) -> None:
    load = CountedLoad()
    picker, _ = made([1.0] * (count - 1) + [heaviest], load)
    for _ in range(50):
        load.asked.clear()
        picker.pick(0)
        assert len(load.asked) == 2


@pytest.mark.parametrize("count", [2, 3, 7])
def test_with_equal_weights_the_two_are_never_the_same(count: int) -> None:
    load = CountedLoad()
    picker, listed = made([1.0] * count, load)
    pairs = set()
    for _ in range(2000):
        load.asked.clear()
        picker.pick(0)
        pairs.add((listed.index(load.asked[0]), listed.index(load.asked[1])))
    assert pairs == {(a, b) for a in range(count) for b in range(count) if a != b}


def test_a_single_endpoint_is_taken_without_a_look() -> None:
    load = CountedLoad()
    picker, listed = made([3.0], load)
    assert picker.pick(0) is listed[0]
    assert not load.asked


def test_the_less_loaded_of_the_two_takes_the_call() -> None:
    picker, listed = made([1.0] * 6, load := CountedLoad())
    load.loads = {id(node): float(number) for number, node in enumerate(listed)}
    counts = [0] * 6
    for _ in range(3000):
        load.asked.clear()
        node = picker.pick(0)
        assert load.loads[id(node)] == min(load.loads[id(asked)] for asked in load.asked)
        counts[listed.index(node)] += 1
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 0


def test_who_is_avoided_hands_its_share_to_all_and_not_to_the_slow_ones() -> None:
    """Drawn in pairs, the dead would be beaten by whoever stands beside them, however slow."""
    picker, listed = made([1.0] * 10, load := CountedLoad())
    dead, slow = {id(node) for node in listed[:8]}, listed[8]
    load.loads = {id(node): 5.0 for node in listed[:8]} | {id(slow): 1.0, id(listed[9]): 0.01}
    picks = [picker.pick(0, lambda node: id(node) in dead) for _ in range(3000)]
    assert sum(id(node) in dead for node in picks) / 3000 < 0.2
    # Half of each place is the slow one's, and it takes the call where both are.
    assert sum(node is slow for node in picks) / sum(id(node) not in dead for node in picks) < 0.42


@pytest.mark.parametrize("weights", [[1.0, 2.0, 7.0], [2e-5, 8e-5], [1e6, 1.0, 1e6], [1.0, 1.0, 1.0]])
def test_under_equal_loads_each_share_is_the_weights_share(weights: list[float]) -> None:
    picker, listed = made(weights, CountedLoad(), seed=3)
    counts = dict.fromkeys(map(id, listed), 0)
    draws = 40_000
    for _ in range(draws):
        counts[id(picker.pick(0))] += 1
    total = sum(weights)
    # 0.0125 is five standard deviations at worst.
    assert [counts[id(node)] / draws for node in listed] == pytest.approx([w / total for w in weights], abs=0.0125)


def test_a_tie_goes_to_the_first_drawn() -> None:
    load = CountedLoad()
    picker, _ = made([1.0] * 5, load)
    for _ in range(100):
        load.asked.clear()
        node = picker.pick(0)
        # `one` and `other` are asked in the order other, one.
        assert node is load.asked[1]


def test_the_expected_wait_grows_with_what_is_in_flight() -> None:
    node = nodes([1.0], cost=0.02)[0]
    assert peak_ewma_load(node, 0) == pytest.approx(0.02)
    node.pending = 3
    assert peak_ewma_load(node, 0) == pytest.approx(0.08)


def test_what_is_in_flight_is_compared_in_relation_to_the_weight() -> None:
    listed = nodes([1.0, 3.0])
    P2C(Random(1).random).rebuild(listed)
    listed[0].pending, listed[1].pending = 2, 6
    assert peak_ewma_load(listed[0], 0) == pytest.approx(peak_ewma_load(listed[1], 0))


def test_weights_that_became_equal_count_no_more() -> None:
    picker, listed = made([1.0, 4.0], CountedLoad())
    listed[1].weight = listed[0].weight
    picker.rebuild(listed)
    assert [node.capacity for node in listed] == [1.0, 1.0]
