"""A registry that drops most of a list at once: what calls go by, what is told, and when it is believed."""

from __future__ import annotations

import json
import random
import time
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from meshclient import Mesh
from meshclient.discovery.course import Basis, Course, remarks
from meshclient.discovery.runtime.background import BackgroundWatch
from meshclient.discovery.runtime.on_demand import MAX_AGE, OnDemandWatch
from meshclient.discovery.upkeep import Upkeep
from meshclient.model.endpoint import Endpoint, Health
from meshclient.model.events import (
    EmptyListHeld,
    MassRemovalHeld,
    MassRemovalReleased,
    SnapshotUpdated,
)
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Failed, Pending, Ready, listing
from meshclient.testing import FakeResolver
from meshclient.testing.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from meshclient.model.events import Event
    from meshclient.model.snapshot import Snapshot

BOUND = 60.0
PERIOD = 60.0
NAME = ServiceName("orders")
FLEET = [Endpoint(f"10.0.0.{number}", 80) for number in range(1, 9)]


def ready(*numbers: int, at: float = 0.0) -> Ready:
    answer = listing([FLEET[number - 1] for number in numbers], source="x://")
    assert isinstance(answer, Ready)
    return replace(answer, at=at)


def walk(*answers: Ready | Empty | Failed, period: float | None = PERIOD) -> Course:
    """The course after these answers, each at its own time."""
    course = Course(Pending(source="x://"))
    for answer in answers:
        course = course.step(answer, answer.at, period)
    return course


def hosts(course: Course) -> list[int]:
    return [int(endpoint.host.rpartition(".")[2]) for endpoint in course.snapshot.endpoints]


@pytest.mark.parametrize(
    ("before", "after", "used"),
    [
        ((1, 2, 3, 4), (1,), [1, 2, 3, 4]),
        ((1, 2, 3, 4), (1, 5), [1, 2, 3, 4, 5]),
        ((1, 2, 3, 4), (1, 2), [1, 2]),
        ((1, 2, 3), (1,), [1]),
        ((1, 2, 3, 4), (5, 6, 7, 8), [5, 6, 7, 8]),
        ((1, 2, 3, 4), (5, 6, 7), [1, 2, 3, 4, 5, 6, 7]),
        ((1, 2, 3, 4, 5), (1, 2), [1, 2, 3, 4, 5]),
    ],
    ids=["most", "most, and one new", "half", "of three", "all replaced", "most and replaced in part", "three of five"],
)
def test_what_is_held(before: tuple[int, ...], after: tuple[int, ...], used: list[int]) -> None:
    course = walk(ready(*before), ready(*after, at=1.0))
    assert hosts(course) == used
    assert (course.hold is not None) == (len(used) > len(after))
    assert hosts(walk(ready(*before), ready(*after, at=1.0), period=None)) == list(after)


def test_it_is_believed_when_it_is_still_said_after_the_time() -> None:
    course = walk(ready(1, 2, 3, 4), ready(1, at=10.0), ready(1, at=69.9))
    assert hosts(course) == [1, 2, 3, 4]
    assert course.settled is None
    course = course.step(ready(1, at=70.0), 70.0, PERIOD)
    assert hosts(course) == [1]
    assert course.hold is None
    assert course.settled == course.snapshot


def test_it_is_believed_by_time_alone_where_the_registry_tells_of_changes_only() -> None:
    course = walk(ready(1, 2, 3, 4), ready(1, at=10.0))
    assert course.expire(69.9, PERIOD) is course
    after = course.expire(70.0, PERIOD)
    assert hosts(after) == [1]
    assert after.snapshot.at == 10.0


def test_a_further_reduction_does_not_begin_anew() -> None:
    course = walk(ready(1, 2, 3, 4, 5), ready(1, 2, at=10.0), ready(1, at=60.0))
    assert hosts(course) == [1, 2, 3, 4, 5]
    assert hosts(course.expire(70.0, PERIOD)) == [1]


def test_endpoints_that_come_back_end_it() -> None:
    course = walk(ready(1, 2, 3, 4, 5), ready(1, at=10.0), ready(1, 2, 3, at=11.0))
    assert hosts(course) == [1, 2, 3]
    assert course.hold is None


def test_a_registry_that_fails_meanwhile_is_not_believed_before_it_answers() -> None:
    course = walk(ready(1, 2, 3, 4), ready(1, at=10.0), Failed("down", at=20.0, last=ready(1, at=10.0)))
    assert hosts(course.expire(500.0, PERIOD)) == [1, 2, 3, 4]
    course = course.step(Failed("down", at=600.0, last=ready(1, at=10.0)), 600.0, PERIOD)
    assert hosts(course) == [1, 2, 3, 4]
    assert hosts(course.step(ready(1, 2, 3, 4, at=700.0), 700.0, PERIOD)) == [1, 2, 3, 4]


def test_the_time_of_an_outage_does_not_count() -> None:
    """A registry whose checks failed, and that then restarts, may well begin with a part of its list."""
    course = walk(ready(1, 2, 3, 4), ready(1, at=10.0), Failed("down", at=20.0), ready(1, at=700.0))
    assert hosts(course) == [1, 2, 3, 4]
    assert hosts(course.expire(749.9, PERIOD)) == [1, 2, 3, 4]
    assert hosts(course.expire(750.0, PERIOD)) == [1]
    again = course.step(Failed("down", at=710.0), 710.0, PERIOD).step(ready(1, at=720.0), 720.0, PERIOD)
    assert hosts(again.expire(759.9, PERIOD)) == [1, 2, 3, 4]
    assert hosts(again.expire(760.0, PERIOD)) == [1]


def test_of_an_outage_that_began_before_the_hold_only_what_came_after_counts() -> None:
    half = walk(ready(1, 2, 3, 4), Failed("half of it", at=10.0), Failed("half", at=50.0, last=ready(1, at=50.0)))
    course = half.step(ready(1, at=100.0), 100.0, PERIOD)
    assert hosts(course.expire(159.9, PERIOD)) == [1, 2, 3, 4]
    assert hosts(course.expire(160.0, PERIOD)) == [1]


def test_a_removal_in_what_is_left_of_a_union_is_held_too() -> None:
    course = walk(ready(1, 2, 3, 4), Failed("half of it", at=10.0, last=ready(1, at=10.0)))
    assert isinstance(course.snapshot, Failed)
    assert hosts(course) == [1, 2, 3, 4]
    assert course.snapshot.version == 1


def test_a_registry_that_comes_back_bit_by_bit_after_losing_everything() -> None:
    """Its first words are measured by the list before, also where nothing but "none" came between."""
    course = walk(ready(1, 2, 3, 4, 5), Empty(at=10.0))
    assert hosts(course) == [1, 2, 3, 4, 5]
    course = course.step(ready(3, at=12.0), 12.0, PERIOD)
    assert hosts(course) == [1, 2, 3, 4, 5]
    assert hosts(course.step(ready(2, 3, 4, at=15.0), 15.0, PERIOD)) == [2, 3, 4]
    assert hosts(course.expire(70.0, PERIOD)) == [3]


def test_nothing_of_a_list_returns_after_none_was_said_for_the_time() -> None:
    course = walk(ready(1, 2, 3, 4), Empty(at=10.0)).expire(70.0, PERIOD)
    assert isinstance(course.snapshot, Empty)
    # Held on, as long as one of them answers, by ADR 6; but no measure for what is said now.
    assert hosts(course) == [1, 2, 3, 4]
    assert hosts(course.step(ready(5, at=100.0), 100.0, PERIOD)) == [5]


def test_endpoints_that_were_draining_go_at_once_unless_they_were_most() -> None:
    draining = [replace(endpoint, health=Health.DRAINING) for endpoint in FLEET[:4]]
    half = replace(ready(5, 6, 7, 8), endpoints=(*draining, *FLEET[4:]))
    assert hosts(walk(half, ready(5, 6, at=1.0))) == [5, 6]
    most = replace(half, endpoints=half.endpoints[:6])
    assert hosts(walk(most, ready(5, 6, at=1.0))) == [1, 2, 3, 4, 5, 6]


def test_a_word_about_a_listed_endpoint_is_no_removal() -> None:
    critical = tuple(replace(endpoint, health=Health.CRITICAL) for endpoint in FLEET[:4])
    course = walk(ready(1, 2, 3, 4), replace(ready(1), endpoints=critical, at=1.0))
    assert course.hold is None
    assert course.snapshot.endpoints == critical


@pytest.mark.parametrize("basis", [Basis.DISK, Basis.MEMORY])
def test_a_list_the_registry_did_not_tell_in_this_watch_is_no_measure(basis: Basis) -> None:
    course = Course(ready(1, 2, 3, 4), basis).step(ready(1, at=1.0), 1.0, PERIOD)
    assert hosts(course) == [1]
    assert (course.basis, course.hold) == (Basis.REGISTRY, None)


def told(*courses: Course) -> list[Event]:
    return [event for before, after in pairwise(courses) for event in remarks("s", before, after, 0)]


def test_what_observers_are_told() -> None:
    whole = walk(ready(1, 2, 3, 4, 5))
    held = whole.step(ready(1, 2, at=10.0), 10.0, PERIOD)
    same = held.step(ready(1, 2, at=11.0), 11.0, PERIOD)
    less = same.step(ready(1, at=12.0), 12.0, PERIOD)
    assert told(whole, held, same, less, less.expire(70.0, PERIOD)) == [
        MassRemovalHeld("s", "x://", kept=5, removed=3, until=70.0),
        MassRemovalHeld("s", "x://", kept=5, removed=4, until=70.0),
        MassRemovalReleased("s", "x://", removed=4, returned=0),
    ]
    back = less.step(ready(1, 2, 3, at=13.0), 13.0, PERIOD)
    assert told(less, back) == [MassRemovalReleased("s", "x://", removed=2, returned=2)]
    none = less.step(Empty(at=13.0), 13.0, PERIOD)
    assert told(less, none, none.expire(70.0, PERIOD)) == []


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + BOUND
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_in_a_mesh_it_is_held_for_a_minute_unless_told_otherwise() -> None:
    seen: list[Event] = []
    registry = FakeResolver({"orders": FLEET})
    with Mesh(registry, observers=[seen.append]) as mesh:
        mesh.warm("orders")
        registry.set("orders", [FLEET[0]])
        service = mesh.service("orders")
        assert len(service.snapshot.endpoints) == 8
        assert service.watch.course.hold is not None
        assert 50 < service.watch.course.hold.until - time.monotonic() <= 60
        assert len(service.balancer.status(time.monotonic())) == 8
        registry.empty("orders")
        assert len(service.snapshot.endpoints) == 8
    assert [type(event) for event in seen] == [SnapshotUpdated, MassRemovalHeld, SnapshotUpdated, EmptyListHeld]
    with Mesh(registry, discovery={"hold": False}) as mesh:
        registry.set("orders", FLEET)
        mesh.warm("orders")
        registry.set("orders", [FLEET[0]])
        assert len(mesh.service("orders").snapshot.endpoints) == 1


def test_in_a_mesh_the_time_ends_by_itself() -> None:
    seen: list[Event] = []
    registry = FakeResolver({"orders": FLEET})
    with Mesh(registry, observers=[seen.append], discovery={"hold": "50ms"}) as mesh:
        mesh.warm("orders")
        registry.set("orders", [FLEET[0]])
        until(lambda: mesh.service("orders").snapshot.endpoints == (FLEET[0],))
        assert len(mesh.service("orders").balancer.status(time.monotonic())) == 1
        until(lambda: isinstance(seen[-1], MassRemovalReleased))
    assert [type(event) for event in seen] == [SnapshotUpdated, MassRemovalHeld, SnapshotUpdated, MassRemovalReleased]


def test_a_file_that_loses_most_of_its_lines_is_believed_after_the_time(tmp_path: Path) -> None:
    seen: list[Event] = []
    path, new = tmp_path / "mesh.json", tmp_path / "new.json"
    hosts = [endpoint.host for endpoint in FLEET]
    path.write_text(json.dumps({"services": {"orders": {"endpoints": hosts}}}))
    with Mesh(f"file://{path}", observers=[seen.append], discovery={"hold": "500ms"}) as mesh:
        mesh.warm("orders")
        new.write_text(json.dumps({"services": {"orders": {"endpoints": hosts[:1]}}}))
        new.replace(path)
        until(lambda: mesh.service("orders").snapshot.endpoints == (FLEET[0],))
        until(lambda: len(seen) == 4)
    assert [type(event) for event in seen] == [SnapshotUpdated, MassRemovalHeld, SnapshotUpdated, MassRemovalReleased]


def test_a_watch_holds_through_an_outage_that_outlasts_the_time() -> None:
    clock = ManualClock()
    seen: list[Event] = []
    registry = FakeResolver({"orders": FLEET})
    upkeep = Upkeep(hold=PERIOD, tell=seen.append)
    watch = BackgroundWatch(registry, NAME, _ignore, clock, random.Random(1), announce=_ignore, upkeep=upkeep)

    def size() -> int:
        return len(watch.snapshot.endpoints)

    try:
        until(lambda: watch.snapshot.state == "ready")
        registry.set("orders", [FLEET[0]])
        registry.fail("orders")
        clock.advance(10 * PERIOD)
        registry.fail("orders", "still")
        assert size() == 8
        registry.set("orders", [FLEET[0]])
        assert size() == 8
        clock.advance(PERIOD)
        registry.set("orders", [FLEET[0]])
        assert size() == 1
    finally:
        watch.close()
    assert [type(event) for event in seen] == [MassRemovalHeld, MassRemovalReleased]


def test_on_demand_it_is_held_from_question_to_question() -> None:
    clock = ManualClock()
    registry = FakeResolver({"orders": FLEET})
    upkeep = Upkeep(hold=PERIOD)
    watch = OnDemandWatch(registry, NAME, _ignore, clock, random.Random(1), announce=_ignore, upkeep=upkeep)

    def size() -> int:
        clock.advance(MAX_AGE)
        assert watch.wait(watch.snapshot, BOUND)
        return len(watch.snapshot.endpoints)

    assert size() == 8
    registry.set("orders", [FLEET[0]])
    assert [size() for _ in range(8)] == [8] * 6 + [1, 1]


def _ignore(before: Snapshot, after: Ready | Empty | Failed) -> None:
    pass
