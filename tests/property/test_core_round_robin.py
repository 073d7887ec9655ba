"""What holds for weighted turns, whatever the weights."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from meshclient.core.balance.node import Node
from meshclient.core.balance.round_robin import HEAVIEST, LIGHTEST, RoundRobin
from unit.core.fleet import nodes

weights = st.lists(st.one_of(st.integers(1, 10), st.floats(1e-6, 1e6)), min_size=1, max_size=8)


def strides(given_ones: list[float]) -> list[int]:
    """A weight's turns in HEAVIEST rounds."""
    return [max(LIGHTEST, int(HEAVIEST * (weight / max(given_ones)))) for weight in given_ones]


@given(weights, st.integers(0, 600))
def test_after_whole_rounds_nobody_is_off_by_a_turn(given_ones: list[float], rounds: int) -> None:
    picker, listed = RoundRobin(lambda: 0.0), nodes(given_ones)
    picker.rebuild(listed)
    counts: Counter[int] = Counter()
    # The heaviest plays once in every round and comes where it stands, so picks are cut at the round's end by turn.
    while picker._turn < rounds * len(listed):
        node = picker.pick(0)
        if picker._turn <= rounds * len(listed):
            counts[id(node)] += 1
    for node, stride in zip(listed, strides(given_ones), strict=True):
        assert abs(counts[id(node)] - rounds * stride / HEAVIEST) < 1


@given(weights, st.integers(0, 200), st.floats(0, 1, exclude_max=True))
def test_a_turn_is_found_within_one_round(given_ones: list[float], skipped: int, start: float) -> None:
    picker, listed = RoundRobin(lambda: start), nodes(given_ones)
    picker.rebuild(listed)
    for _ in range(skipped):
        picker.pick(0)
    before = picker._turn
    picker.pick(0)
    assert picker._turn - before <= len(listed)


@given(weights)
def test_the_lightest_waits_no_longer_than_256_rounds(given_ones: list[float]) -> None:
    picker, listed = RoundRobin(lambda: 0.0), nodes(given_ones)
    picker.rebuild(listed)
    seen: set[int] = set()
    while len(seen) < len(listed) and picker._turn <= 257 * len(listed):
        seen.add(id(picker.pick(0)))
    assert seen == set(map(id, listed))


@given(st.lists(weights, min_size=1, max_size=6))
def test_a_pick_is_always_from_the_latest_list(lists: list[list[float]]) -> None:
    picker = RoundRobin(lambda: 0.5)
    for given_ones in lists:
        listed: list[Node] = nodes(given_ones)
        picker.rebuild(listed)
        assert {id(picker.pick(0)) for _ in range(5)} <= set(map(id, listed))
