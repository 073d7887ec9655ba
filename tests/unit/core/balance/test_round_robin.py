"""Round robin: an exact cycle, begun anywhere."""

from collections import Counter
from random import Random

import pytest

from meshclient.core.balance.round_robin import HEAVIEST, LIGHTEST, RoundRobin
from unit.core.fleet import nodes


@pytest.mark.parametrize("count", [1, 2, 5, 7])
def test_equal_weights_take_exact_turns(count: int) -> None:
    picker, listed = RoundRobin(Random(2).random), nodes([2.5] * count)
    picker.rebuild(listed)
    turns = [listed.index(picker.pick(0)) for _ in range(3 * count)]
    first = turns[0]
    assert turns == [(first + step) % count for step in range(3 * count)]


def test_clients_begin_at_different_endpoints() -> None:
    firsts = set()
    for seed in range(200):
        picker, listed = RoundRobin(Random(seed).random), nodes([1.0] * 5)
        picker.rebuild(listed)
        firsts.add(listed.index(picker.pick(0)))
    assert firsts == set(range(5))


def test_a_new_list_goes_on_where_the_old_one_stopped() -> None:
    picker, listed = RoundRobin(lambda: 0.0), nodes([1.0] * 4)
    picker.rebuild(listed)
    taken = [listed.index(picker.pick(0))]
    picker.rebuild(listed)
    taken += [listed.index(picker.pick(0)) for _ in range(3)]
    assert taken == [0, 1, 2, 3]


def test_over_all_rounds_each_weight_gets_its_exact_turns() -> None:
    picker, listed = RoundRobin(lambda: 0.0), nodes([4.0, 2.0, 1.0, 1e-6])
    picker.rebuild(listed)
    strides = [HEAVIEST, HEAVIEST // 2, HEAVIEST // 4, LIGHTEST]
    counts = Counter(listed.index(picker.pick(0)) for _ in range(sum(strides)))
    assert [counts[number] for number in range(4)] == strides
