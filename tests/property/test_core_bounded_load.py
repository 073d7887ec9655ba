"""The bound on an endpoint's load: kept whenever it can be, and out of the way where nothing is overloaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from math import ceil
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meshclient.core.balance.bounded_load import LEAST, BoundedLoad, Load
from meshclient.core.balance.keyed import LOOKS, Keyed, Table
from meshclient.core.balance.maglev import MaglevTable
from meshclient.core.balance.node import Node
from meshclient.core.balance.ring_hash import Ring
from unit.core.fleet import nodes

MAKES: dict[str, Callable[[Sequence[str], Sequence[float]], Table]] = {"ring": Ring, "maglev": MaglevTable}


class Service:
    """A picker with the calls in flight, counted as a balancer counts them."""

    def __init__(
        self, name: str, given_ones: list[float], *, factor: float | None = 1.25, least: int = LEAST, seed: int = 1
    ) -> None:
        self.nodes = nodes(given_ones)
        self.picker = Keyed(Random(seed).random, MAKES[name], factor=factor, least=least)
        self.picker.rebuild(self.nodes)

    def call(self, key: str | None, avoid: Callable[[Node], bool] | None = None) -> Node:
        node = self.picker.pick(0, avoid, key)
        node.pending += 1
        self.picker.load.pending += 1
        return node

    def end(self, node: Node) -> None:
        node.pending -= 1
        self.picker.load.pending -= 1


class BoundMachine(RuleBasedStateMachine):
    """Its model: who had room before each call, by the formula written out a second time."""

    @initialize(
        name=st.sampled_from(sorted(MAKES)),
        given_ones=st.lists(st.sampled_from([1.0, 1.0, 2.0, 5.0]), min_size=1, max_size=LOOKS),
        factor=st.sampled_from([1.0, 1.25, 2.0]),
        least=st.sampled_from([0, 1, LEAST]),
    )
    def begin(self, name: str, given_ones: list[float], factor: float, least: int) -> None:
        self.service = Service(name, given_ones, factor=factor, least=least)
        self.factor, self.least = factor, least
        self.live: list[Node] = []

    def room(self, node: Node) -> bool:
        slots = ceil((len(self.live) + 1) * self.factor)
        share = ceil(slots * node.weight / sum(each.weight for each in self.service.nodes))
        return node.pending < max(self.least, share)

    @rule(key=st.sampled_from(["hot", "hot", "hot", "a", "b", "c"]), times=st.integers(1, 9))
    def call(self, key: str, times: int) -> None:
        for _ in range(times):
            with_room = {id(node) for node in self.service.nodes if self.room(node)}
            # The bound is one that can be kept.
            assert with_room
            node = self.service.call(key)
            assert id(node) in with_room
            self.live.append(node)

    @rule(key=st.sampled_from(["hot", "a"]), out=st.integers(0, LOOKS - 1))
    def call_past(self, key: str, out: int) -> None:
        listed = self.service.nodes
        avoided = listed[out % len(listed)]
        with_room = {id(node) for node in listed if node is not avoided and self.room(node)}
        node = self.service.call(key, lambda each: each is avoided)
        assert len(listed) == 1 or node is not avoided
        assert not with_room or id(node) in with_room
        self.live.append(node)

    @precondition(lambda self: self.live)
    @rule(at=st.integers(0, 999))
    def end(self, at: int) -> None:
        self.service.end(self.live.pop(at % len(self.live)))

    @invariant()
    def the_sum_is_the_sum(self) -> None:
        if hasattr(self, "service"):
            assert self.service.picker.load.pending == sum(node.pending for node in self.service.nodes)


BoundMachine.TestCase.settings = settings(max_examples=50, stateful_step_count=30)
TestBound = BoundMachine.TestCase


@pytest.mark.parametrize("name", MAKES)
@settings(max_examples=30)
@given(count=st.integers(2, 12), calls=st.lists(st.text(max_size=3), max_size=LEAST))
def test_with_little_in_flight_every_key_stays_at_home(name: str, count: int, calls: list[str]) -> None:
    service, quiet = Service(name, [1.0] * count), Service(name, [1.0] * count)
    for key in calls:
        assert service.call(key).endpoint.key == quiet.picker.pick(0, None, key).endpoint.key


@pytest.mark.parametrize("name", MAKES)
def test_the_same_key_overflows_in_the_same_order_in_every_process(name: str) -> None:
    """Whatever chance has in store."""
    for number in range(50):
        orders = []
        for seed in (1, 2):
            service = Service(name, [1.0] * 20, seed=seed)
            service.picker.load.pending = 100
            order = []
            for _ in range(4):
                node = service.picker.pick(0, None, f"k{number}")
                node.pending = 100
                order.append(node.endpoint.key)
            assert len(set(order)) == 4
            orders.append(order)
        assert orders[0] == orders[1]


@pytest.mark.parametrize("name", MAKES)
@pytest.mark.parametrize("count", [3, 20, 100])
def test_a_hot_key_is_spread_no_further_than_the_bound_asks(name: str, count: int) -> None:
    service = Service(name, [1.0] * count)
    total = 20 * count
    for _ in range(total):
        service.call("hot")
    assert max(node.pending for node in service.nodes) == ceil(ceil(total * 1.25) / count)


@pytest.mark.parametrize("name", MAKES)
def test_what_one_endpoint_cannot_take_is_spread_over_all_others(name: str) -> None:
    service = Service(name, [1.0] * 10)
    full = service.nodes[0]
    full.pending = 100
    service.picker.load.pending = 100
    keys = [f"k{number}" for number in range(10_000)]
    heirs: Counter[int] = Counter()
    quiet = Service(name, [1.0] * 10)
    for key in keys:
        if quiet.picker.pick(0, None, key).endpoint.key == full.endpoint.key:
            heirs[id(service.picker.pick(0, None, key))] += 1
    assert set(heirs) == {id(node) for node in service.nodes[1:]}
    assert max(heirs.values()) < 2 * min(heirs.values())


@pytest.mark.parametrize("name", MAKES)
def test_when_all_looked_at_are_over_the_least_loaded_takes_it(name: str) -> None:
    service = Service(name, [1.0, 2.0, 1.0])
    # The sum says less than there is, as when much is in flight at endpoints that have left.
    for node, pending in zip(service.nodes, [50, 80, 60], strict=True):
        node.pending = pending
    for number in range(20):
        assert service.picker.pick(0, None, f"k{number}") is service.nodes[1]
        avoided = service.nodes[1]
        assert service.picker.pick(0, lambda node: node is avoided, f"k{number}") is service.nodes[0]  # noqa: B023


@given(st.integers(0, 10**6), st.floats(1, 3), st.lists(st.integers(1, 100), min_size=1, max_size=9))
def test_the_capacities_hold_all_calls(pending: int, factor: float, given_ones: list[int]) -> None:
    load, listed = Load(), nodes(given_ones)
    load.pending = pending
    bound = BoundedLoad(load, factor, least=0)
    bound.rebuild(listed)
    capacities = [bound.capacity(node) for node in listed]
    assert sum(capacities) > pending
    for node, capacity in zip(listed, capacities, strict=True):
        share = node.weight / sum(given_ones)
        assert capacity == pytest.approx(ceil((pending + 1) * factor) * share, abs=1 + 1e-6)


def test_without_a_factor_there_is_no_bound() -> None:
    service = Service("ring", [1.0] * 3, factor=None)
    assert len({id(service.call("hot")) for _ in range(1000)}) == 1


@pytest.mark.parametrize("factor", [0.0, 0.99, float("nan"), -1.0])
def test_a_factor_below_one_is_refused(factor: float) -> None:
    with pytest.raises(ValueError, match="use 1 or more"):
        BoundedLoad(Load(), factor)
