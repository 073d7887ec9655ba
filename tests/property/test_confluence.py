"""Several registries, each with a course of its own: what calls go by, whatever they say and in whatever order."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from meshclient.discovery.composition import FirstAnswering, Union, joined, leaves
from meshclient.discovery.confluence import Confluence, remarks
from meshclient.discovery.course import Basis, Course
from meshclient.model.endpoint import Endpoint
from meshclient.model.events import MassRemovalHeld, MassRemovalReleased, StoredListServed
from meshclient.model.snapshot import Empty, Failed, Pending, Ready, listing
from meshclient.testing import FakeResolver

if TYPE_CHECKING:
    from meshclient.discovery.resolver import Resolver

Answer = Ready | Empty | Failed

PERIOD = 60.0
# Registry n lists addresses of 10.0.n.0/24, so that one sees whose an endpoint is.
FLEETS = [[Endpoint(f"10.0.{registry}.{number}", 80) for number in range(1, 7)] for registry in range(3)]
SOURCES = ["a://", "b://", "c://"]


def resolver(form: str) -> Resolver:
    a, b, c = (FakeResolver(source=source) for source in SOURCES)
    forms: dict[str, Resolver] = {
        "a": a,
        "a + b": Union((a, b)),
        "a | b": FirstAnswering((a, b)),
        "(a + b) | c": FirstAnswering((Union((a, b)), c)),
        "a | b + c": FirstAnswering((a, Union((b, c)))),
    }
    return forms[form]


def begun(form: str) -> Confluence:
    made = resolver(form)
    sources = [leaf.source for leaf in leaves(made)]
    return Confluence.begun(Pending(source=made.source), sources, partial(joined, made))


def said(registry: int, numbers: list[int]) -> Ready | Empty:
    return listing([FLEETS[registry][number] for number in numbers], source=SOURCES[registry])


words = st.none() | st.sampled_from(["unknown", "down"]) | st.lists(st.integers(0, 5), unique=True, max_size=6)
forms = st.sampled_from(["a + b", "a | b", "(a + b) | c", "a | b + c"])
runs = st.lists(st.tuples(st.integers(0, 2), words, st.floats(0.0, 90.0)), max_size=25)


def played(form: str, run: list[tuple[int, list[int] | str | None, float]]) -> list[tuple[Confluence, float]]:
    """The steps; None lets time pass only."""
    whole, now = begun(form), 0.0
    steps = [(whole, now)]
    for registry, word, pause in run:
        now += pause
        whole = whole.expire(now, PERIOD)
        steps.append((whole, now))
        number = registry % len(whole.courses)
        if word is not None:
            answer: Answer
            if word == "down":
                answer = Failed("down", source=SOURCES[number], at=now)
            elif isinstance(word, str):
                answer = Empty(exists=False, source=SOURCES[number], at=now)
            else:
                answer = replace(said(number, word), at=now)
            whole = whole.step(number, answer, now, PERIOD)
            steps.append((whole, now))
    return steps


@given(runs)
def test_one_registry_alone_is_its_course(run: list[tuple[int, list[int] | str | None, float]]) -> None:
    for whole, _ in played("a", run):
        assert whole.snapshot is whole.courses[0].snapshot or isinstance(whole.snapshot, Pending)
        assert whole.hold == whole.courses[0].hold


@given(forms, runs)
def test_nothing_is_used_that_no_course_has_now_or_had_before(
    form: str, run: list[tuple[int, list[int] | str | None, float]]
) -> None:
    before: set[Endpoint] = set()
    for whole, _ in played(form, run):
        used = set(whole.snapshot.endpoints)
        known = {endpoint for course in whole.courses for endpoint in course.snapshot.endpoints}
        assert used <= known | before
        before = used


@given(runs)
def test_a_union_uses_all_that_its_registries_list(run: list[tuple[int, list[int] | str | None, float]]) -> None:
    for whole, _ in played("a + b", run):
        if not isinstance(whole.snapshot, Pending | Empty):
            lists = [course.snapshot for course in whole.courses if isinstance(course.snapshot, Ready)]
            assert {each for ready in lists for each in ready.endpoints} <= set(whole.snapshot.endpoints)


@given(forms, runs)
def test_versions_count_changes_and_times_are_those_of_answers(
    form: str, run: list[tuple[int, list[int] | str | None, float]]
) -> None:
    before = None
    for whole, now in played(form, run):
        snapshot = whole.snapshot
        assert 0.0 <= snapshot.at <= now
        if before is not None and snapshot.endpoints != before.endpoints:
            assert snapshot.version > before.version
        before = snapshot


@given(runs)
def test_a_hold_ends_though_another_registry_is_down_for_ever(
    run: list[tuple[int, list[int] | str | None, float]],
) -> None:
    """And nothing but what the registry listed last is left of it."""
    whole, now = played("a + b", [(1, "down", 0.0)] + [(0, word, pause) for _, word, pause in run])[-1]
    whole = whole.step(0, replace(said(0, list(range(6))), at=now), now, PERIOD)
    whole = whole.expire(now + 2 * PERIOD, PERIOD)
    now += 2 * PERIOD
    whole = whole.step(0, replace(said(0, [0]), at=now), now, PERIOD)
    assert set(whole.snapshot.endpoints) == set(FLEETS[0])
    assert whole.due == now + PERIOD
    whole = whole.expire(now + PERIOD, PERIOD)
    assert isinstance(whole.snapshot, Failed)
    assert whole.snapshot.endpoints == (FLEETS[0][0],)
    assert whole.due is None


@given(forms, runs)
def test_observers_hear_of_each_hold_once_and_of_its_end(
    form: str, run: list[tuple[int, list[int] | str | None, float]]
) -> None:
    steps = played(form, run)
    held: set[str] = set()
    for (before, _), (after, now) in pairwise(steps):
        for event in remarks("orders", before, after, now):
            assert not isinstance(event, StoredListServed)
            if isinstance(event, MassRemovalHeld):
                assert 0 < event.removed <= event.kept
                held.add(event.source)
            elif isinstance(event, MassRemovalReleased):
                held.discard(event.source)
        if isinstance(after.snapshot, Ready):
            kept = {hold.said.source for hold in after.holds if set(hold.missing) & set(after.snapshot.endpoints)}
            assert kept <= held


def test_a_list_from_disk_counts_in_a_union_and_is_the_last_resort_of_a_choice() -> None:
    stored = Failed("down", source="a://", last=Ready((FLEETS[0][0],), source="a://", at=-100.0))
    for form, endpoints in (("a + b", (FLEETS[0][0], FLEETS[1][0])), ("a | b", (FLEETS[1][0],))):
        whole = begun(form)
        whole = whole.changed(0, whole.courses[0].restored(stored))
        assert isinstance(whole.snapshot, Pending), "the other has not spoken yet"
        both = whole.step(1, said(1, [0]), 1.0, PERIOD)
        assert both.snapshot.endpoints == endpoints
        assert (both.basis is Basis.DISK) == (form == "a + b")
        alone = whole.step(1, Failed("down", source="b://"), 1.0, PERIOD)
        assert alone.snapshot.endpoints == (FLEETS[0][0],)
        assert alone.basis is Basis.DISK
        told = remarks("orders", whole, alone, 1.0)
        assert told == [StoredListServed("orders", "a://", 1, 101.0)]
        assert bool(remarks("orders", whole, both, 1.0)) == (form == "a + b")
        # Once only.
        assert remarks("orders", alone, alone.step(1, Failed("still", source="b://"), 2.0, PERIOD), 2.0) == []


def test_a_registry_that_forgets_its_list_is_not_believed_at_once_whatever_the_other_says() -> None:
    for form in ("a + b", "a | b"):
        whole = begun(form).step(0, said(0, list(range(6))), 0.0, PERIOD).step(1, said(1, [0]), 0.0, PERIOD)
        gone = whole.step(0, Empty(exists=False, source="a://", at=10.0), 10.0, PERIOD)
        assert set(gone.snapshot.endpoints) == {*FLEETS[0], FLEETS[1][0]}
        told = remarks("orders", whole, gone, 10.0)
        assert told == [MassRemovalHeld("orders", "a://", kept=6, removed=6, until=70.0)]
        believed = gone.expire(70.0, PERIOD)
        assert believed.snapshot.endpoints == (FLEETS[1][0],)
        assert remarks("orders", gone, believed, 70.0) == [MassRemovalReleased("orders", "a://", removed=6, returned=0)]


def test_where_nobody_lists_anything_the_whole_is_empty_and_keeps_its_list() -> None:
    whole = begun("a + b").step(0, said(0, [0, 1]), 0.0, PERIOD).step(1, said(1, [0]), 0.0, PERIOD)
    whole = whole.step(0, said(0, []), 1.0, PERIOD).step(1, said(1, []), 2.0, PERIOD)
    assert isinstance(whole.snapshot, Empty)
    assert len(whole.snapshot.endpoints) == 3


def test_the_whole_is_as_old_as_the_oldest_list_in_it() -> None:
    whole = begun("a + b").step(0, replace(said(0, [0]), at=5.0), 5.0, PERIOD)
    whole = whole.step(1, replace(said(1, [0]), at=9.0), 9.0, PERIOD)
    assert whole.snapshot.at == 5.0
    assert whole.step(0, replace(said(0, [0]), at=11.0), 11.0, PERIOD).snapshot.at == 9.0


def test_a_list_from_before_a_release_goes_on_until_there_is_another() -> None:
    resumed = Ready((FLEETS[0][0], FLEETS[1][0]), source="a:// + b://")
    made = resolver("a + b")
    whole = Confluence.begun(Pending(), SOURCES[:2], partial(joined, made), resumed)
    assert whole.snapshot is resumed
    assert whole.step(0, said(0, [1]), 1.0, PERIOD).snapshot is resumed
    alone = Confluence.begun(Pending(), SOURCES[:1], partial(joined, resolver("a")), resumed)
    assert alone.courses == (Course(resumed, Basis.MEMORY),)
