"""A run of answers, against a model that remembers only what the registry last said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from meshclient.discovery.transition import advance, events
from meshclient.model.endpoint import Endpoint
from meshclient.model.events import EmptyListHeld, RegistryLost, RegistryRecovered, SnapshotUpdated
from meshclient.model.snapshot import Empty, Failed, Pending, Ready, listing

if TYPE_CHECKING:
    from meshclient.model.snapshot import Snapshot

Answer = Ready | Empty | Failed

endpoints = st.lists(
    st.builds(
        Endpoint,
        st.sampled_from(["10.0.0.1", "10.0.0.2"]),
        st.just(80),
        weight=st.sampled_from([1.0, 2.0]),
    ),
    min_size=1,
    max_size=2,
)
lists = endpoints.map(lambda those: listing(those, source="x://"))
failures = st.builds(Failed, st.just("down"), last=st.none() | st.none() | lists)
answers = lists | st.builds(Empty, st.booleans()) | failures
runs = st.lists(answers, max_size=20)


def steps(run: list[Answer]) -> list[tuple[Snapshot, Answer, Answer]]:
    """(before, answer, after) of each step; answers come one second apart, from 1."""
    before: Snapshot = Pending(source="x://")
    taken = []
    for at, answer in enumerate(run, 1):
        stamped = replace(answer, at=float(at))
        after = advance(before, stamped)
        taken.append((before, stamped, after))
        before = after
    return taken


def said(answer: Answer) -> object:
    """What an answer says of the service, in a form that can be compared; None when it says nothing."""
    if isinstance(answer, Failed):
        return said(answer.last) if isinstance(answer.last, Ready) else None
    return answer.endpoints if isinstance(answer, Ready) else answer.exists


@given(runs)
def test_the_version_counts_the_changes(run: list[Answer]) -> None:
    known: object = None
    version = 0
    for _, answer, after in steps(run):
        now = said(answer)
        if now is not None and now != known:
            known, version = now, version + 1
        assert after.version == version


@given(runs)
def test_endpoints_are_those_of_the_last_list(run: list[Answer]) -> None:
    """Neither an outage nor an empty answer takes a list away; only another list replaces it."""
    last: tuple[Endpoint, ...] = ()
    for _, answer, after in steps(run):
        if isinstance(answer, Ready):
            last = answer.endpoints
        elif isinstance(answer, Failed) and isinstance(answer.last, Ready):
            last = answer.last.endpoints
        assert after.endpoints == last


@given(runs)
def test_the_state_is_that_of_the_answer(run: list[Answer]) -> None:
    for before, answer, after in steps(run):
        assert type(after) is type(answer)
        if isinstance(after, Failed):
            assert after.cause == "down"
            # The last good answer keeps whether there was a list or an empty one, and its version is the snapshot's.
            assert after.last is None or after.last.version == after.version
            if after.last is None:
                assert isinstance(before, Pending) or (isinstance(before, Failed) and before.last is None)
        elif isinstance(after, Empty):
            assert after.last is None or isinstance(after.last, Ready)
            assert isinstance(answer, Empty)
            assert after.exists == answer.exists


@given(runs)
def test_time_is_that_of_the_answer_and_of_the_beginning_of_an_outage(run: list[Answer]) -> None:
    outage: float | None = None
    for _, answer, after in steps(run):
        if isinstance(answer, Failed):
            outage = answer.at if outage is None else outage
            assert after.at == outage
        else:
            outage = None
            assert after.at == answer.at


@given(runs)
def test_observers_can_follow_along(run: list[Answer]) -> None:
    """From the events alone, one knows at any time whether the registry is lost, and the version of the list."""
    lost = False
    version = 0
    for before, _, after in steps(run):
        for event in events("orders", before, after):
            if isinstance(event, RegistryLost):
                assert not lost
                lost = True
            elif isinstance(event, RegistryRecovered):
                assert lost
                assert event.outage > 0
                lost = False
            elif isinstance(event, SnapshotUpdated):
                assert event.snapshot.version == version + 1
                version += 1
            else:
                assert isinstance(event, EmptyListHeld)
                assert event.endpoints == len(after.endpoints) > 0
        assert lost == isinstance(after, Failed)
        assert version == after.version
