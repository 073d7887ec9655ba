"""Picks by key: the same everywhere, past what is to be avoided, at a bounded cost, from a table built when needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshclient.core.balance.hashing import hash64, identity, rehash, words
from meshclient.core.balance.keyed import LOOKS, PLACES, Keyed, Table
from meshclient.core.balance.maglev import MaglevTable, maglev
from meshclient.core.balance.node import Node
from meshclient.core.balance.picker import DRAWS, Picker
from meshclient.core.balance.ring_hash import Ring, ring_hash
from meshclient.model.endpoint import Endpoint
from unit.core.fleet import endpoint, nodes

MAKES: list[Callable[[Sequence[str], Sequence[float]], Table]] = [Ring, MaglevTable]
makes = pytest.mark.parametrize("make", MAKES)
weights = st.lists(st.sampled_from([0.1, 1.0, 1.0, 1.0, 3.0]), min_size=1, max_size=LOOKS)
keys = st.text(max_size=20)


def keyed(make: Callable[[Sequence[str], Sequence[float]], Table], listed: Sequence[Node]) -> Keyed:
    picker = Keyed(Random(7).random, make)
    picker.rebuild(listed)
    return picker


class Seen(Sequence[Node]):
    """A list that counts how often it is looked at, and can be gone through only until it is closed."""

    def __init__(self, listed: list[Node]) -> None:
        self.listed = listed
        self.looks = 0
        self.closed = False

    def __len__(self) -> int:
        return len(self.listed)

    def __iter__(self) -> Iterator[Node]:
        assert not self.closed
        return iter(self.listed)

    def __getitem__(self, at: Any) -> Any:
        self.looks += 1
        return self.listed[at]


@given(keys)
def test_a_hash_is_a_number_of_64_bits(text: str) -> None:
    assert 0 <= hash64(text) < 2**64
    assert all(0 <= word < 2**64 for word in words(text, 3))
    assert len({rehash(hash64(text), step) for step in range(100)}) == 100


def test_hashes_stay_the_same_from_release_to_release() -> None:
    """Another number would move every key while a fleet of callers is upgraded one by one."""
    assert hash64("customer-42") == 3738263782846221354
    assert words("customer-42", 0)[:2] == (9975996210969300905, 14967775993699260901)
    # SplitMix64 as everybody has it.
    assert [rehash(0, step) for step in (1, 2)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]


def test_text_that_cannot_be_encoded_has_a_hash() -> None:
    assert hash64("\udcff") != hash64("?")


def test_where_keys_belong_stays_the_same_from_release_to_release() -> None:
    names = ["a", "b", "c", "d", "e"]
    asked = [hash64(f"customer-{number}") for number in range(20)]
    for make, expected in ((Ring, "cbceedaecdbcadceedbb"), (MaglevTable, "cccdbcbbadcdecccddba")):
        table = make(names, [1.0, 1.0, 2.0, 1.0, 0.5])
        assert "".join(names[table.find(value)] for value in asked) == expected


@given(st.integers(1, 300), st.sampled_from(["", "a", "b"]), st.integers(1, 300), st.sampled_from(["", "a", "b"]))
def test_only_the_same_endpoint_has_the_same_identity(one: int, own: str, other: int, foreign: str) -> None:
    first, second = Endpoint("h", one, id=own), Endpoint("h", other, id=foreign)
    assert (identity(first) == identity(second)) is (first.key == second.key)


@makes
@settings(max_examples=30)
@given(data=st.data(), given_ones=weights, key=keys)
def test_a_key_belongs_to_the_same_endpoint_in_every_process(
    make: Callable[[Sequence[str], Sequence[float]], Table], data: st.DataObject, given_ones: list[float], key: str
) -> None:
    listed = nodes(given_ones)
    shuffled = data.draw(st.permutations(nodes(given_ones)))
    one, other = keyed(make, listed).pick(0, None, key), keyed(make, shuffled).pick(5, None, key)
    assert one.endpoint.key == other.endpoint.key


@makes
@settings(max_examples=30)
@given(given_ones=weights, key=keys, out=st.sets(st.integers(0, LOOKS - 1)))
def test_the_second_choice_is_another_and_always_the_same(
    make: Callable[[Sequence[str], Sequence[float]], Table], given_ones: list[float], key: str, out: set[int]
) -> None:
    listed = nodes(given_ones)
    picker = keyed(make, listed)
    avoided = {id(node) for at, node in enumerate(listed) if at in out}
    home = picker.pick(0, None, key)
    chosen = {id(picker.pick(now, lambda node: id(node) in avoided, key)) for now in range(3)}
    assert len(chosen) == 1
    if id(home) not in avoided:
        assert chosen == {id(home)}
    # Up to eight endpoints are all looked at.
    assert chosen.isdisjoint(avoided) is (len(avoided) < len(listed))


@makes
@pytest.mark.parametrize("count", [2, 4])
def test_whoever_is_to_be_avoided_another_takes_the_call(
    make: Callable[[Sequence[str], Sequence[float]], Table], count: int
) -> None:
    listed = nodes([1.0] * count)
    picker = keyed(make, listed)
    for pattern in range(2**count - 1):
        avoided = [node for at, node in enumerate(listed) if pattern >> at & 1]
        for number in range(20):
            assert picker.pick(0, avoided.__contains__, f"k{number}") not in avoided


@makes
def test_the_lightest_of_eight_is_found_when_all_others_are_to_be_avoided(
    make: Callable[[Sequence[str], Sequence[float]], Table],
) -> None:
    listed = nodes([0.01, *[1.0] * (LOOKS - 1)])
    picker = keyed(make, listed)
    for number in range(50):
        assert picker.pick(0, lambda node: node is not listed[0], f"k{number}") is listed[0]


@makes
@pytest.mark.parametrize("count", [2, 9, 300])
def test_no_pick_goes_through_the_endpoints(
    make: Callable[[Sequence[str], Sequence[float]], Table], count: int
) -> None:
    listed = Seen(nodes([1.0] * count))
    picker = keyed(make, listed)
    picker.pick(0, None, "first")
    listed.closed = True
    # Everybody has far too many, so every look is taken.
    for node in listed.listed:
        node.pending = 10**6
    for number in range(50):
        listed.looks = 0
        picker.pick(0, None, f"k{number}")
        assert listed.looks <= 1 + 2 * LOOKS
        listed.looks = 0
        picker.pick(0, lambda node: True, f"k{number}")
        # By chance it looks a few times more, past those to be avoided.
        assert listed.looks <= 1 + PLACES + 2 * (LOOKS + LOOKS * DRAWS)


def test_a_pick_asks_once_for_each_list_whether_the_table_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Keyed] = []
    build = Keyed._build

    def noted(picker: Keyed) -> None:
        asked.append(picker)
        build(picker)

    monkeypatch.setattr(Keyed, "_build", noted)
    picker = keyed(Ring, nodes([1.0] * 4))
    for number in range(9):
        picker.pick(0, None, f"k{number}")
    assert len(asked) == 1


def test_the_table_is_built_by_the_first_key_after_a_change_and_not_again() -> None:
    built: list[int] = []

    def make(names: Sequence[str], given_ones: Sequence[float]) -> Table:
        built.append(len(names))
        return Ring(names, given_ones)

    listed = nodes([1.0] * 4)
    picker = keyed(make, listed)
    picker.rebuild(listed[:3])
    picker.pick(0)
    assert built == []
    picker.pick(0, None, "k")
    picker.pick(0, None, "other")
    picker.rebuild(list(listed[:3]))
    picker.pick(0, None, "k")
    assert built == [3]
    listed[0].weight = 0.5
    picker.rebuild(listed[:3])
    picker.pick(0, None, "k")
    assert built == [3, 3]
    picker.rebuild(listed)
    picker.pick(0, None, "k")
    assert built == [3, 3, 4]


@makes
def test_an_endpoint_that_left_and_came_back_is_picked_with_its_new_history(
    make: Callable[[Sequence[str], Sequence[float]], Table],
) -> None:
    before, after = nodes([1.0] * 3), nodes([1.0] * 3)
    picker = keyed(make, before)
    home = picker.pick(0, None, "k")
    picker.rebuild(after)
    again = picker.pick(0, None, "k")
    assert any(again is node for node in after)
    assert again.endpoint.key == home.endpoint.key


@pytest.mark.parametrize("factory", [ring_hash, maglev])
def test_calls_without_a_key_are_spread_by_weight(factory: Callable[[Callable[[], float]], Picker]) -> None:
    grid = iter(range(4000))
    picker = factory(lambda: next(grid) / 4000)
    listed = nodes([1.0, 2.0, 1.0])
    picker.rebuild(listed)
    counts = Counter(id(picker.pick(0)) for _ in range(4000))
    assert [counts[id(node)] for node in listed] == pytest.approx([1000, 2000, 1000], abs=2)


@makes
def test_a_single_endpoint_takes_every_key(make: Callable[[Sequence[str], Sequence[float]], Table]) -> None:
    only = Node(endpoint(0), 0.01, 0)
    picker = keyed(make, [only])
    assert picker.pick(0, None, "k") is only
    assert picker.pick(0, lambda node: True, "k") is only
