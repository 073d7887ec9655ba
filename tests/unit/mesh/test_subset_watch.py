"""The narrowed list of a subset: what it shows of each of its service's answers, and when its balancer knows."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import meshclient
from meshclient.core.traffic.subset import Subset
from meshclient.errors import ResolverUnavailable
from meshclient.mesh.subset import SubsetWatch, narrowed
from meshclient.model.endpoint import Endpoint
from meshclient.model.snapshot import Empty, Failed, Pending, Ready, Snapshot, listing
from meshclient.testing import FakeResolver

if TYPE_CHECKING:
    from collections.abc import Callable

V2 = Subset(tags=("v2",))
OLD = [Endpoint("10.0.0.1", 80), Endpoint("10.0.0.2", 80)]
NEW = [Endpoint("10.0.1.1", 80, tags=("v2",)), Endpoint("10.0.1.2", 80, tags=("a", "v2"))]

endpoints = st.lists(st.sampled_from(OLD + NEW), unique=True)
answers = endpoints.map(lambda each: listing(each, source="x://", ttl=3.0))
known = st.one_of(answers, st.builds(Empty, exists=st.booleans(), last=answers.filter(lambda a: isinstance(a, Ready))))
snapshots = st.one_of(known, st.builds(Failed, st.just("down"), last=st.one_of(st.none(), known), at=st.just(5.0)))


def hosts(snapshot: Snapshot) -> list[str]:
    return [endpoint.host for endpoint in snapshot.endpoints]


class Whole:
    """A service's watch that shows what it is given."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.waited: list[Snapshot] = []

    def wait(self, stale: Snapshot, timeout: float | None) -> bool:
        self.waited.append(stale)
        return stale is not self.snapshot

    async def wait_async(self, stale: Snapshot, timeout: float | None) -> bool:
        return self.wait(stale, timeout)


def watching(whole: Whole, changed: Callable[..., object] = lambda *_: None) -> SubsetWatch:
    return SubsetWatch(whole, V2, changed)  # type: ignore[arg-type]


@given(snapshots)
def test_a_list_keeps_its_kind_and_age_and_loses_what_does_not_belong(whole: Ready | Empty | Failed) -> None:
    part = narrowed(whole, V2)
    assert part.endpoints == tuple(each for each in whole.endpoints if V2.holds(each))
    assert (part.source, part.at, part.version) == (whole.source, whole.at, whole.version)
    if isinstance(whole, Ready):
        assert isinstance(part, Ready if part.endpoints else Empty)
        assert part.ttl == whole.ttl
        assert getattr(part, "exists", True)
    else:
        assert type(part) is type(whole)
    # What is known to be empty is not taken for an outage, and an outage not for an empty list.
    if isinstance(whole, Failed) and whole.last is not None:
        assert isinstance(part, Failed)
        assert part.last is not None
        assert part.cause == whole.cause


@given(st.lists(snapshots, max_size=8))
def test_each_list_is_narrowed_once_and_told_before_it_is_seen(course: list[Ready | Empty | Failed]) -> None:
    seen: list[tuple[Snapshot, Snapshot]] = []
    whole = Whole(Pending())

    def changed(before: Snapshot, after: Snapshot) -> None:
        assert part.snapshot is after  # asked by an observer, on the same thread
        seen.append((before, after))

    part = watching(whole, changed)
    shown: list[Snapshot] = [part.snapshot]
    for number, answer in enumerate(course):
        whole.snapshot = replace(answer, version=number)
        shown.append(part.snapshot)
        assert part.snapshot is shown[-1]
    assert [after for _, after in seen] == shown[1:]
    assert [before.endpoints for before, _ in seen] == [before.endpoints for before in shown[:-1]]


def test_another_thread_sees_the_list_before_while_one_is_being_taken_over() -> None:
    whole, told = Whole(Ready(tuple(NEW), version=1)), list[list[str]]()
    reading, done = threading.Event(), threading.Event()

    def changed(_: Snapshot, after: Snapshot) -> None:
        if len(after.endpoints) == 1:
            reading.set()
            done.wait(5)
            told.append(hosts(after))

    part = watching(whole, changed)
    before = part.snapshot
    whole.snapshot = Ready((NEW[0],), version=2)
    other = threading.Thread(target=lambda: part.snapshot)
    other.start()
    assert reading.wait(5)
    assert part.snapshot is before
    done.set()
    other.join(5)
    assert told == [hosts(part.snapshot)] == [["10.0.1.1"]]


def test_an_observer_that_fails_does_not_stop_the_next_list() -> None:
    def changed(_: Snapshot, after: Snapshot) -> None:
        if len(after.endpoints) == 1:
            raise ZeroDivisionError

    whole = Whole(Ready((NEW[0],), version=1))
    part = watching(whole, changed)
    with pytest.raises(ZeroDivisionError):
        _ = part.snapshot
    whole.snapshot = Ready(tuple(NEW), version=2)
    assert len(part.snapshot.endpoints) == 2


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_waiting_is_for_the_list_behind(colour: str) -> None:
    def wait(stale: Snapshot) -> bool:
        return part.wait(stale, 1.0) if colour == "sync" else asyncio.run(part.wait_async(stale, 1.0))

    pending = Pending(source="x://")
    whole = Whole(pending)
    part = watching(whole)
    assert part.snapshot is pending
    assert not wait(pending)
    whole.snapshot = first = Failed("down", at=1.0)
    stale = part.snapshot
    assert not wait(stale)
    assert whole.waited == [pending, first]
    whole.snapshot = Ready(tuple(NEW))
    # Nobody has looked yet; then somebody has.
    assert wait(stale)
    _ = part.snapshot
    assert wait(stale)
    assert whole.waited == [pending, first, first]


def test_an_answer_too_old_to_be_used_unasked_leaves_histories_alone() -> None:
    calls: list[Snapshot] = []
    whole = Whole(Ready(tuple(NEW)))
    part = watching(whole, lambda _, after: calls.append(after))
    fresh = part.snapshot
    whole.snapshot = Pending(version=1)
    assert part.snapshot is whole.snapshot
    assert calls == [fresh]


def test_over_a_real_watch_calls_wait_for_the_first_list_and_learn_of_each_change() -> None:
    registry = FakeResolver({"orders": [*OLD, NEW[0]]})
    with meshclient.Mesh(registry) as mesh:
        told: list[list[str]] = []
        part = SubsetWatch(mesh.service("orders").watch, V2, lambda _, after: told.append(hosts(after)))
        stale = part.snapshot
        if stale.state == "pending":
            assert part.wait(stale, 5.0)
        assert hosts(part.snapshot) == ["10.0.1.1"]
        registry.set("orders", OLD)
        assert isinstance(part.snapshot, Empty)
        registry.fail("orders", "down")
        assert (part.snapshot.state, hosts(part.snapshot)) == ("failed", [])
        registry.set("orders", NEW)
        assert hosts(part.snapshot) == ["10.0.1.1", "10.0.1.2"]
        assert told == [["10.0.1.1"], [], [], ["10.0.1.1", "10.0.1.2"]]
        assert part.course is mesh.service("orders").watch.course
        # The end of a part is not the end of the whole.
        part.stop()
        part.close()
        asyncio.run(part.aclose())
        part.refresh()
        registry.set("orders", OLD)
        assert hosts(mesh.service("orders").snapshot) == ["10.0.0.1", "10.0.0.2"]
        last = part.snapshot
    assert "closed" in getattr(part.snapshot, "cause", "")
    assert part.wait(last, 1.0)
    with pytest.raises(ResolverUnavailable):
        part.wait(part.snapshot, 1.0)


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_without_a_thread_a_part_asks_through_its_service(colour: str) -> None:
    registry = FakeResolver({"orders": [*OLD, NEW[0]]})
    with meshclient.Mesh(registry, mode="on-demand") as mesh:
        part = SubsetWatch(mesh.service("orders").watch, V2, lambda *_: None)
        assert part.snapshot.state == "pending"
        stale = part.snapshot
        assert part.wait(stale, 5.0) if colour == "sync" else asyncio.run(part.wait_async(stale, 5.0))
        assert hosts(part.snapshot) == ["10.0.1.1"]


def test_many_threads_take_over_one_list_after_another() -> None:
    taken: list[tuple[Snapshot, Snapshot]] = []
    whole = Whole(Ready(tuple(NEW), version=0))
    part = watching(whole, lambda before, after: taken.append((before, after)))
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            assert V2.holds(part.snapshot.endpoints[0]) or part.snapshot.state == "pending"

    _ = part.snapshot
    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for version in range(1, 300):
        whole.snapshot = Ready(tuple(NEW), version=version)
        _ = part.snapshot
    over.set()
    for thread in threads:
        thread.join(5)
    assert part.snapshot.version == 299
    # One at a time, each after the one before, and none twice.
    assert all(later[0] is earlier[1] for earlier, later in pairwise(taken))
    versions = [after.version for _, after in taken]
    assert versions == sorted(set(versions))
