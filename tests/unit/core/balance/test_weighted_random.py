"""Chance by weight."""

from random import Random

import pytest

from meshclient.core.balance.weighted_random import WeightedRandom
from unit.core.fleet import nodes


@pytest.mark.parametrize("weights", [[1.0], [1.0, 1.0], [1.0, 2.0, 7.0], [10.0, 60.0, 30.0]])
def test_shares_follow_the_weights(weights: list[float]) -> None:
    picker, listed = WeightedRandom(Random(4).random), nodes(weights)
    picker.rebuild(listed)
    counts = dict.fromkeys(map(id, listed), 0)
    draws = 40_000
    for _ in range(draws):
        counts[id(picker.pick(0))] += 1
    shares = [counts[id(node)] / draws for node in listed]
    assert shares == pytest.approx([w / sum(weights) for w in weights], abs=0.0125)


def test_load_plays_no_part() -> None:
    listed = nodes([1.0, 1.0])
    listed[0].pending = 10_000
    picker = WeightedRandom(iter([0.1, 0.9]).__next__)
    picker.rebuild(listed)
    assert [picker.pick(0), picker.pick(0)] == listed


def test_a_rebuild_replaces_the_list() -> None:
    picker = WeightedRandom(lambda: 0.999)
    picker.rebuild(nodes([1.0, 1.0, 1.0]))
    listed = nodes([1.0])
    picker.rebuild(listed)
    assert picker.pick(0) is listed[0]
