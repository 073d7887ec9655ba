"""What others do while a call waits for the balancer's lock, or while it holds it: both ways tell the same story."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import pytest

from meshclient.core.balance.balancer import Balancer
from meshclient.core.balance.bounded_load import Load
from meshclient.core.balance.node import Node
from meshclient.core.balance.p2c import P2C
from meshclient.core.balance.pick import Pick
from meshclient.core.outlier import Outlier
from meshclient.model.endpoint import Endpoint, Health
from meshclient.model.events import EndpointEjected, EndpointRestored, Event
from unit.core.fleet import OK, UNAVAILABLE, endpoint, endpoints, taken, use
from unit.core.twins import Interruptible

NOW = 1000.0


class Turnstile:
    """A lock at which somebody else was first: what they do is done before whoever waits gets it."""

    def __init__(self) -> None:
        self.first: Callable[[], object] | None = None
        self.taken = False

    def __enter__(self) -> None:
        first, self.first = self.first, None
        if first is not None:
            first()
        assert not self.taken, "who holds it would wait for himself"
        self.taken = True

    def __exit__(self, *_: object) -> None:
        self.taken = False


class Interrupting(float):
    """A number of seconds that is compared under the lock only: something else happens then."""

    first: Callable[[], object] | None = None

    def __gt__(self, other: float) -> bool:
        first, self.first = self.first, None
        if first is not None:
            first()
        return float(self) > other


class Shop:
    """A balancer of three endpoints, of which one failure ejects; and what it says."""

    def __init__(self) -> None:
        self.lock, self.load, self.events = Turnstile(), Load(), list[Event]()
        self.picker = Interruptible(P2C(lambda: 0.0))
        self.balancer = Balancer(
            "orders",
            self.picker,
            Outlier(consecutive=1, base=1.0),
            panic=0.0,
            uniform=lambda: 0.0,
            emit=self.events.append,
            lock=self.lock,
            load=self.load,
        )
        self.balancer.update(endpoints(3), NOW)

    def pending(self) -> int:
        return sum(status.pending for status in self.balancer.status(NOW))

    def told(self) -> list[type[Event]]:
        return [type(event) for event in self.events]

    def probe(self) -> Pick:
        """The trial of one that was ejected, and whose answer to an earlier call cleared it of failing."""
        earlier = taken(self.balancer, NOW, endpoints(3)[1:])
        use(self.balancer, endpoint(1), OK, NOW)
        use(self.balancer, endpoint(0), UNAVAILABLE, NOW)
        earlier.answer(0.01)
        earlier.done(OK, NOW)
        probe = taken(self.balancer, NOW + 1)
        assert probe.probe
        assert self.told() == [EndpointEjected]
        return probe


class Use(Protocol):
    """A call under way."""

    def succeed(self, latency: float, now: float) -> None: ...


@dataclass
class Long:
    """With a pick."""

    pick: Pick

    @classmethod
    def begin(cls, balancer: Balancer, now: float) -> Use | None:
        pick = balancer.pick(now)
        return None if pick is None else cls(pick)

    def succeed(self, latency: float, now: float) -> None:
        self.pick.answer(latency)
        self.pick.done(OK, now)


@dataclass
class Short:
    """Without."""

    balancer: Balancer
    node: Node
    started: float

    @classmethod
    def begin(cls, balancer: Balancer, now: float) -> Use | None:
        node = balancer.take(now)
        return None if node is None else cls(balancer, node, now)

    def succeed(self, latency: float, now: float) -> None:
        self.balancer.give_back(self.node, self.started, latency, OK, now)


Way = Callable[[Balancer, float], Use | None]
both_ways = pytest.mark.parametrize("begin", [Long.begin, Short.begin], ids=["long", "short"])


def begun(begin: Way, shop: Shop, now: float = NOW) -> Use:
    call = begin(shop.balancer, now)
    assert call is not None
    return call


@both_ways
def test_who_is_taken_off_the_list_while_its_ending_waits_is_not_counted_twice(begin: Way) -> None:
    shop = Shop()
    one, other = begun(begin, shop), begun(begin, shop)
    left = endpoints(3)[1:]
    shop.lock.first = lambda: shop.balancer.update(left, NOW)
    one.succeed(0.01, NOW)
    other.succeed(0.01, NOW)
    assert shop.load.pending == shop.pending() == 0


@both_ways
@pytest.mark.parametrize("listed", [[], [replace(one, health=Health.DRAINING) for one in endpoints(3)]])
def test_a_list_that_is_gone_while_a_choice_waits_is_not_chosen_from(begin: Way, listed: list[Endpoint]) -> None:
    shop = Shop()
    shop.lock.first = lambda: shop.balancer.update(listed, NOW)
    assert begin(shop.balancer, NOW) is None
    assert shop.load.pending == shop.pending() == 0


@both_ways
def test_who_is_ejected_while_its_ending_waits_stays_as_it_was_ejected(begin: Way) -> None:
    shop = Shop()
    one = begun(begin, shop)
    # Chance always draws the first of them.
    shop.lock.first = lambda: use(shop.balancer, endpoint(0), UNAVAILABLE, NOW)
    one.succeed(0.01, NOW)
    status = shop.balancer.status(NOW)[0]
    assert shop.told() == [EndpointEjected]
    assert (status.state, status.failures, status.pending) == ("ejected", 1, 0)


@both_ways
def test_an_ending_that_was_left_for_whoever_chooses_is_counted_and_told(begin: Way) -> None:
    shop = Shop()
    probe = shop.probe()
    shop.picker.meanwhile = lambda: probe.done(OK, NOW + 1)
    begun(begin, shop, NOW + 1).succeed(0.01, NOW + 1)
    assert shop.load.pending == shop.pending() == 0
    assert shop.told() == [EndpointEjected, EndpointRestored]


@both_ways
def test_an_ending_that_was_left_for_whoever_counts_is_counted_and_told(begin: Way) -> None:
    shop = Shop()
    probe = shop.probe()
    call = begun(begin, shop, NOW + 1)
    latency = Interrupting(0.01)
    latency.first = lambda: probe.done(OK, NOW + 1)
    call.succeed(latency, NOW + 1)
    begun(begin, shop, NOW + 2).succeed(0.01, NOW + 2)
    assert not vars(latency)["first"]
    assert shop.load.pending == shop.pending() == 0
    assert shop.told() == [EndpointEjected, EndpointRestored]


@both_ways
def test_what_another_choice_left_untold_is_told_by_whoever_hands_back(begin: Way) -> None:
    shop = Shop()
    probe = shop.probe()
    call = begun(begin, shop, NOW + 1)
    shop.picker.meanwhile = lambda: probe.done(OK, NOW + 1)
    # A repeat, which takes the long way.
    other = taken(shop.balancer, NOW + 1, [endpoint(9)])
    call.succeed(0.01, NOW + 1)
    assert shop.told() == [EndpointEjected, EndpointRestored]
    other.done(OK, NOW + 1)
    assert shop.load.pending == shop.pending() == 0


def test_what_was_left_and_not_counted_yet_is_for_a_pick_to_count() -> None:
    shop = Shop()
    pick = taken(shop.balancer)
    # As between the choice of another thread and its look at what was left meanwhile.
    shop.balancer._held = True
    pick.done(OK, NOW)
    shop.balancer._held = False
    assert shop.balancer.take(NOW) is None
    assert shop.pending() == 1
    other = taken(shop.balancer)
    assert shop.pending() == 1
    other.done(OK, NOW)
    assert shop.load.pending == shop.pending() == 0
