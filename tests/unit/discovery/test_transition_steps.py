"""Each step from one snapshot to the next, and what observers are told of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshclient.discovery.transition import advance, events
from meshclient.model.endpoint import Endpoint
from meshclient.model.events import EmptyListHeld, RegistryLost, RegistryRecovered, SnapshotUpdated
from meshclient.model.snapshot import Empty, Failed, Pending, Ready, Snapshot

A, B = Endpoint("10.0.0.1", 80), Endpoint("10.0.0.2", 80)
PENDING = Pending(source="x://", at=1.0)
READY = Ready((A,), source="x://", at=2.0, version=3)
EMPTY = Empty(source="x://", last=READY, at=3.0, version=4)
FAILED = Failed("down", source="x://", last=READY, at=4.0, version=3)
LOST = Failed("down", source="x://", at=4.0)

Answer = Ready | Empty | Failed


def told(before: Snapshot, answer: Answer) -> list[type]:
    return [type(event) for event in events("orders", before, advance(before, answer))]


def test_the_first_list() -> None:
    assert advance(PENDING, Ready((A,), at=5.0)) == Ready((A,), at=5.0, version=1)
    assert told(PENDING, Ready((A,))) == [SnapshotUpdated]


def test_a_confirmation_moves_the_time_alone() -> None:
    assert advance(READY, Ready((A,), at=5.0)) == Ready((A,), at=5.0, version=3)
    assert told(READY, Ready((A,))) == []


@pytest.mark.parametrize("endpoints", [(A, B), (B,), (replace(A, weight=2.0),), (replace(A, zone="z"),)])
def test_a_change_of_endpoints_or_their_attributes_is_a_version(endpoints: tuple[Endpoint, ...]) -> None:
    assert advance(READY, Ready(endpoints)).version == 4
    assert told(READY, Ready(endpoints)) == [SnapshotUpdated]


def test_an_empty_list_holds_the_one_before() -> None:
    after = advance(READY, Empty(at=5.0))
    assert after == Empty(last=READY, at=5.0, version=4)
    (updated, held) = events("orders", READY, after)
    assert updated == SnapshotUpdated("orders", after)
    assert held == EmptyListHeld("orders", "", 1)


def test_an_empty_list_confirmed_holds_it_still() -> None:
    assert advance(EMPTY, Empty(at=6.0)) == Empty(last=READY, at=6.0, version=4)
    assert told(EMPTY, Empty()) == []


def test_an_empty_list_with_nothing_before_holds_nothing() -> None:
    assert advance(PENDING, Empty(exists=False)) == Empty(exists=False, version=1)
    assert told(PENDING, Empty()) == [SnapshotUpdated]


def test_that_a_service_is_known_after_all_is_a_change() -> None:
    before = Empty(exists=False, version=1)
    assert advance(before, Empty(exists=True)).version == 2
    assert told(before, Empty(exists=True)) == [SnapshotUpdated]


def test_a_list_after_an_empty_one_is_a_change_even_if_it_is_the_same() -> None:
    assert advance(EMPTY, Ready((A,))).version == 5
    assert told(EMPTY, Ready((A,))) == [SnapshotUpdated]


@pytest.mark.parametrize("before", [READY, EMPTY])
def test_a_failure_keeps_the_last_good_answer_with_its_own_time(before: Ready | Empty) -> None:
    after = advance(before, Failed("down", at=9.0))
    assert after == Failed("down", last=before, at=9.0, version=before.version)
    assert events("orders", before, after) == [RegistryLost("orders", after)]


def test_a_failure_before_any_answer_has_nothing_to_keep() -> None:
    after = advance(PENDING, Failed("down", at=9.0))
    assert after == Failed("down", at=9.0)
    assert events("orders", PENDING, after) == [RegistryLost("orders", after)]


@pytest.mark.parametrize("before", [FAILED, LOST])
def test_an_outage_keeps_its_beginning(before: Failed) -> None:
    after = advance(before, Failed("still down", at=9.0))
    assert after == Failed("still down", last=before.last, at=4.0, version=before.version)
    assert events("orders", before, after) == []


def test_recovery_tells_how_long_it_took() -> None:
    after = advance(FAILED, Ready((A,), source="x://", at=10.5))
    assert after.version == 3
    assert events("orders", FAILED, after) == [RegistryRecovered("orders", "x://", 6.5)]


def test_recovery_with_another_list() -> None:
    assert told(FAILED, Ready((B,))) == [RegistryRecovered, SnapshotUpdated]
    assert told(FAILED, Empty()) == [RegistryRecovered, SnapshotUpdated, EmptyListHeld]
    assert told(LOST, Ready((A,))) == [RegistryRecovered, SnapshotUpdated]


def test_recovery_into_the_empty_list_that_was_held_is_no_change() -> None:
    before = advance(EMPTY, Failed("down"))
    assert told(before, Empty()) == [RegistryRecovered]
    assert advance(before, Empty()).endpoints == (A,)


def test_a_failure_that_brings_a_newer_list_is_a_version_and_is_told() -> None:
    after = advance(READY, Failed("part of it", last=Ready((A, B), at=8.0), at=9.0))
    assert after == Failed("part of it", last=Ready((A, B), at=8.0, version=4), at=9.0, version=4)
    assert after.last is not None
    told_of = events("orders", READY, after)
    assert told_of == [RegistryLost("orders", after), SnapshotUpdated("orders", after.last)]


def test_changes_during_an_outage_are_told() -> None:
    """One registry of a union is down for a day; the other one's changes are news all the same."""
    assert told(FAILED, Failed("part of it", last=Ready((A, B)))) == [SnapshotUpdated]
    assert told(FAILED, Failed("part of it", last=Ready((A,)))) == []
    assert told(LOST, Failed("part of it", last=Ready((A,)))) == [SnapshotUpdated]


def test_a_failure_that_brings_back_the_held_list_ends_the_holding() -> None:
    after = advance(EMPTY, Failed("part of it", last=Ready((A,))))
    assert after == Failed("part of it", last=Ready((A,), version=5), version=5)


def test_a_failure_that_brings_the_known_list_keeps_the_known_one() -> None:
    after = advance(READY, Failed("down", last=Ready((A,), at=0.0)))
    assert isinstance(after, Failed)
    assert after.last == READY
