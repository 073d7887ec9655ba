"""Who gets a place, who waits, and who is told what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.core.circuit import Refusal
from meshclient.core.limit.gate import Gate
from meshclient.core.limit.place import Decision, Place
from meshclient.model.outcome import Mark

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.core.limit.turn import Limiter, Turn


class Lock:
    """Fails where it would wait for ever."""

    held = False

    def __enter__(self) -> None:
        assert not self.held
        self.held = True

    def __exit__(self, *_: object) -> None:
        self.held = False


def entered(gate: Limiter, now: float = 0.0, priority: int = 0) -> Place:
    place = gate.enter(priority, now)
    assert isinstance(place, Place)
    return place


def left(place: Turn, now: float = 0.0) -> None:
    place.leave(Mark.SUCCESS, 0.01, now)


def names(order: list[str], name: str) -> Callable[[], None]:
    return lambda: order.append(name)


def test_no_more_than_its_places_are_at_work_and_a_refusal_says_why() -> None:
    gate = Gate(2, patience=0.5)
    first, _ = entered(gate), entered(gate)
    refusal = gate.enter(0, 0.0)
    assert refusal == Refusal("all 2 places are taken", 0.5)
    left(first)
    assert entered(gate).came
    status = gate.status()
    assert (status.working, status.entered, status.refused) == (2, 3, 1)


def test_a_place_goes_to_whoever_waits_and_not_to_a_newcomer() -> None:
    gate, woken = Gate(1, 1), list[str]()
    first, second = entered(gate), entered(gate)
    second.watch(names(woken, "second"))
    assert (second.came, woken) == (False, [])
    left(first)
    assert (second.came, woken) == (True, ["second"])
    newcomer = entered(gate)
    assert not newcomer.came
    left(second)
    assert newcomer.came


def test_a_burst_is_served_in_the_order_of_arrival_the_most_important_first() -> None:
    gate, woken = Gate(1, 9, patience=1.0), list[str]()
    current = entered(gate)
    waiting = {}
    for number, priority in enumerate([1, 0, 2, 1, 0]):
        waiting[number] = entered(gate, 0.01 * number, priority)
        waiting[number].watch(names(woken, f"{number}:{priority}"))
    for _ in range(5):
        left(current, 0.1)
        current = next(place for place in waiting.values() if place.came and not place.gone)
    assert woken == ["1:0", "4:0", "0:1", "3:1", "2:2"]


def test_a_queue_that_does_not_get_empty_is_served_newest_first_until_it_does() -> None:
    gate = Gate(1, 3, patience=1.0)
    current = entered(gate)
    old = entered(gate, 0.0)
    new = entered(gate, 0.9)
    left(current, 1.1)
    assert (new.came, old.came) == (True, False)
    left(new, 1.1)
    assert old.came
    # It has been empty: a burst again.
    older, _ = entered(gate, 5.0), entered(gate, 5.5)
    left(old, 5.9)
    assert older.came


def test_only_a_level_that_is_overloaded_itself_is_served_newest_first() -> None:
    gate = Gate(1, 9, patience=1.0)
    current = entered(gate)
    entered(gate, 0.0, 5)
    important, _ = entered(gate, 1.5, 0), entered(gate, 1.6, 0)
    left(current, 1.7)
    assert important.came


def test_a_more_important_call_takes_the_place_of_the_least_important_that_waits() -> None:
    gate, told = Gate(1, 2), list[str]()
    entered(gate)
    kept, newest = entered(gate, 0.0, 1), entered(gate, 0.1, 1)
    newest.watch(names(told, "newest"))
    refusal = gate.enter(1, 0.2)
    assert refusal == Refusal("all 1 places are taken, and all 2 in the queue", 1.0)
    important = entered(gate, 0.3, 0)
    assert told == ["newest"]
    assert newest.refusal is not None
    assert "more important" in newest.refusal.reason
    assert (newest.came, kept.came, important.came) == (False, False, False)
    # Who looks late is told at once.
    newest.watch(names(told, "again"))
    assert told == ["newest", "again"]
    left(newest)
    status = gate.status()
    assert (status.waiting, status.displaced, status.abandoned) == (2, 1, 0)


def test_in_an_overload_the_oldest_is_displaced_since_its_turn_would_come_last() -> None:
    gate = Gate(1, 2, patience=1.0)
    entered(gate)
    old, new = entered(gate, 0.0, 1), entered(gate, 0.9, 1)
    entered(gate, 1.5, 0)
    assert old.refusal is not None
    assert new.refusal is None


def test_whoever_gives_up_is_out_of_the_queue() -> None:
    gate = Gate(1, 2)
    first, second, third = entered(gate), entered(gate), entered(gate)
    second.leave(Mark.NEUTRAL, None, 0.0)
    left(first)
    assert (second.came, third.came) == (False, True)
    assert gate.status().abandoned == 1


def test_a_turn_that_comes_while_its_call_gives_up_is_passed_on() -> None:
    gate, woken = Gate(1, 2), list[str]()
    first, second, third = entered(gate), entered(gate), entered(gate)
    # The second has decided to leave, and does so only after its turn has come.
    second.watch(lambda: second.leave(Mark.NEUTRAL, None, 0.0))
    third.watch(names(woken, "third"))
    left(first)
    assert woken == ["third"]
    assert gate.working == 1


def test_leaving_twice_is_harmless() -> None:
    gate = Gate(2, 2)
    first, second, waiting = entered(gate), entered(gate), entered(gate)
    for _ in range(3):
        left(first)
    assert (gate.working, waiting.came) == (2, True)
    waiting.leave(Mark.NEUTRAL, None, 0.0)
    waiting.leave(Mark.NEUTRAL, None, 0.0)
    left(second)
    assert gate.working == 0


def test_watching_a_turn_that_has_come_calls_at_once_and_one_that_has_left_never() -> None:
    gate, told = Gate(1, 1), list[str]()
    first, second = entered(gate), entered(gate)
    first.watch(names(told, "first"))
    assert told == ["first"]
    second.watch(names(told, "second"))
    second.leave(Mark.NEUTRAL, None, 0.0)
    second.watch(names(told, "second"))
    left(first)
    assert told == ["first"]


def test_a_call_whose_loop_is_closed_does_not_disturb_who_leaves_nor_those_behind_it() -> None:
    gate, woken = Gate(2, 2), list[str]()
    first, second, dead, alive = (entered(gate) for _ in range(4))

    def wake() -> None:
        woken.append("dead")
        raise RuntimeError("Event loop is closed")

    dead.watch(wake)
    alive.watch(names(woken, "alive"))
    left(first)
    left(second)
    assert woken == ["dead", "alive"]
    dead.leave(Mark.NEUTRAL, None, 0.0)
    assert gate.working == 1


def test_a_place_that_was_forgotten_is_found_by_whoever_comes_or_goes() -> None:
    gate = Gate(1, 2)
    entered(gate).drop()
    forgotten, first, second = entered(gate), entered(gate), entered(gate)
    assert forgotten.came
    forgotten.drop()
    assert gate.working == 1
    first.leave(Mark.NEUTRAL, None, 1.0)
    assert second.came


def test_a_call_that_the_garbage_collector_closes_under_the_lock_leaves_all_the_same() -> None:
    class Collected(Lock):
        """A call in a cycle dies between any two lines of whoever holds the lock."""

        dying: Place | None = None

        def __enter__(self) -> None:
            super().__enter__()
            gate._held = True
            if (place := self.dying) is not None:
                self.dying = None
                left(place)

    lock = Collected()
    gate = Gate(1, 2, lock=lock)
    first, second = entered(gate), entered(gate)
    lock.dying = first
    third = entered(gate)
    assert (second.came, third.came) == (True, False)
    lock.dying = second
    assert gate.status().working == 1
    left(third)
    assert not gate._notes


def test_in_shadow_mode_everybody_goes_on_and_the_decision_is_told() -> None:
    gate = Gate(1, 2, shadow=True)
    places = [entered(gate) for _ in range(5)]
    assert all(place.came for place in places)
    assert [place.decision for place in places] == [
        Decision.ENTER,
        Decision.QUEUE,
        Decision.QUEUE,
        Decision.REFUSE,
        Decision.REFUSE,
    ]
    status = gate.status()
    assert (status.working, status.entered, status.queued, status.refused) == (5, 1, 2, 2)
    for place in places:
        left(place)
    assert gate.working == 0
    assert entered(gate).decision is Decision.ENTER


def test_callbacks_run_without_the_lock() -> None:
    lock, told = Lock(), list[bool]()
    gate = Gate(1, 1, lock=lock)
    first = entered(gate)
    first.watch(lambda: told.append(lock.held))
    second = entered(gate, 0.0, 1)
    second.watch(lambda: told.append(lock.held))
    third = entered(gate, 0.0, 0)
    third.watch(lambda: told.append(lock.held))
    left(first)
    assert told == [False, False, False]
