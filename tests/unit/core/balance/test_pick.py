"""A pick is handed back exactly once, also by those who forget it."""

import gc
from collections import deque
from collections.abc import Sequence
from random import Random
from threading import Lock

from meshclient.core.balance.balancer import Balancer
from meshclient.core.balance.ejections import Ejections
from meshclient.core.balance.node import Node
from meshclient.core.balance.p2c import P2C
from meshclient.core.balance.pick import Pick
from meshclient.core.limit.gate import Gate
from meshclient.core.limit.place import Place
from meshclient.core.outlier import Outlier
from meshclient.model.endpoint import Endpoint
from meshclient.model.outcome import CANCELLED
from unit.core.fleet import OK, REFUSED, balancer, endpoints


def pending(made: Balancer) -> list[int]:
    """In flight, endpoint by endpoint."""
    return [status.pending for status in made.status(1000)]


def test_only_the_first_done_counts() -> None:
    made = balancer(endpoints(1))
    pick = made.pick(1000)
    assert pick is not None
    pick.done(CANCELLED, 1000)
    pick.done(REFUSED, 1000)
    assert pending(made) == [0]
    assert made.status(1000)[0].failures == 0


def test_a_dropped_pick_gives_its_place_back_with_the_next_pick() -> None:
    made = balancer(endpoints(1))
    first = made.pick(1000)
    assert pending(made) == [1]
    del first
    gc.collect()
    second = made.pick(1000)
    assert second is not None
    assert pending(made) == [1]
    second.done(OK, 1000)
    assert pending(made) == [0]
    assert made.status(1000)[0].failures == 0


def test_a_pick_forgotten_in_a_cycle_comes_back_through_the_garbage_collector() -> None:
    made = balancer(endpoints(1))
    knot: list[object] = [made.pick(1000)]
    knot.append(knot)
    del knot
    gc.collect()
    made.pick(1000).done(OK, 1000)  # type: ignore[union-attr]
    gc.collect()
    assert pending(made) == [0]


def test_a_dropped_probe_is_due_again() -> None:
    made = balancer(endpoints(2), outlier=Outlier(consecutive=1, base=5))
    pick = made.pick(1000)
    assert pick is not None
    pick.done(REFUSED, 1000)
    out = pick.endpoint
    probe = made.pick(1006)
    assert probe is not None
    assert (probe.probe, probe.endpoint) == (True, out)
    others = [made.pick(1006) for _ in range(3)]
    assert not any(other is None or other.probe for other in others)
    del probe
    again = made.pick(1006)
    assert again is not None
    assert (again.probe, again.endpoint) == (True, out)


def test_a_finished_pick_is_no_business_of_the_garbage_collector() -> None:
    made = Balancer("s", balancer([])._picker, None, panic=0.5, uniform=Random(1).random)
    made.update(endpoints(1), 0)
    for _ in range(10):
        pick = made.pick(0)
        assert pick is not None
        pick.done(OK, 0)
        del pick
    assert not made._dropped


def test_a_call_that_the_garbage_collector_ends_while_the_lock_is_held_is_noted() -> None:
    """An allocation under the lock may start the collector, which ends a forgotten call on this very thread."""
    forgotten: list[Pick] = []

    class Collecting(P2C):
        def rebuild(self, nodes: Sequence[Node]) -> None:
            for pick in forgotten:
                pick.done(OK, 0)
            super().rebuild(nodes)

    made = Balancer("s", Collecting(Random(1).random), None, panic=0.5, uniform=Random(1).random, lock=Lock())
    made.update(endpoints(2), 0)
    pick = made.pick(0)
    assert pick is not None
    forgotten.append(pick)
    made.update(endpoints(3), 0)
    assert [status.pending for status in made.status(0)] == [0, 0, 0]


def test_a_forgotten_pick_frees_its_turn_though_no_other_call_can_get_in() -> None:
    made = Balancer("s", balancer([])._picker, None, panic=0.5, uniform=Random(1).random)
    made.update(endpoints(1), 0)
    gate = Gate(1)
    pick = made.pick(0)
    assert pick is not None
    turn = gate.enter(0, 0.0)
    assert isinstance(turn, Place)
    pick.turn = turn
    del pick, turn
    assert isinstance(gate.enter(0, 0.0), Place)


def test_where_every_endpoint_has_as_many_as_it_may_there_is_no_room() -> None:
    made = Balancer("s", balancer([])._picker, None, panic=0.5, uniform=Random(1).random, most=2)
    made.update(endpoints(3), 0)
    held = [made.pick(0) for _ in range(6)]
    assert all(held)
    assert [status.pending for status in made.status(0)] == [2, 2, 2]
    assert (made.room, made.pick(0)) == (False, None)
    assert held[0] is not None
    held[0].done(OK, 0)
    assert made.pick(0) is not None


def test_a_session_finds_no_more_room_at_its_endpoint_than_others_do() -> None:
    listed = endpoints(2)
    made = Balancer("s", balancer([])._picker, None, panic=0.5, uniform=Random(1).random, most=1)
    made.update(listed, 0)
    held = [made.pick(0, stuck=listed[0].key) for _ in range(2)]
    assert [pick.endpoint for pick in held if pick] == listed
    assert made.pick(0, stuck=listed[0].key) is None


def test_two_threads_may_find_the_same_dropped_pick() -> None:
    """The one that comes second finds nothing."""

    class Taken(deque[Pick]):
        def popleft(self) -> Pick:
            self.clear()
            return super().popleft()

    made = balancer(endpoints(1))
    made._dropped = Taken()
    taken = made.pick(1000)
    del taken
    gc.collect()
    assert made.pick(1000) is not None


def test_what_ends_while_events_are_gathered_is_not_left_for_later() -> None:
    made = balancer(endpoints(1))
    pick = made.pick(1000)
    assert pick is not None

    class Collecting(Ejections):
        """The garbage collector ends a call while the lock is held."""

        @property
        def unsaid(self) -> list[tuple[str, Endpoint]]:
            if made._held and pick is not None:
                pick.done(OK, 1000)
            return []

        @unsaid.setter
        def unsaid(self, said: list[tuple[str, Endpoint]]) -> None:
            """Nothing is kept."""

    made._ejections = Collecting(None, Random(1).random)
    made.update(endpoints(1), 1000)
    assert not made._notes
