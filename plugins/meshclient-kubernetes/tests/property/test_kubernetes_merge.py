"""What holds for every set of slices and every sequence of events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.model.endpoint import Endpoint, Health
from meshclient_kubernetes.decode import Candidate, Slice, State
from meshclient_kubernetes.errors import KubernetesExpired
from meshclient_kubernetes.events import Event, View
from meshclient_kubernetes.merge import merge
from meshclient_kubernetes.pace import BURST, INTERVAL, Pace

if TYPE_CHECKING:
    from collections.abc import Iterable

HOSTS = {"ipv4": ["10.0.0.1", "10.0.0.2", "10.0.0.3"], "ipv6": ["fd00::1", "fd00::2"], "fqdn": ["a.example"]}
# Made once: drawing one of them costs next to nothing, and building them anew in each example did not.
CANDIDATE = st.sampled_from(
    [
        Candidate(Endpoint(host, port, id=pod), state, family)
        for family, hosts in HOSTS.items()
        for host in hosts
        for port in (80, 81)
        for pod in ("", "p", "q")
        for state in State
    ]
)
SLICES = st.lists(
    st.builds(Slice, st.sampled_from("abcdef"), st.lists(CANDIDATE, max_size=5).map(tuple)),
    max_size=5,
    unique_by=lambda each: each.name,
)


def all_of(slices: Iterable[Slice]) -> list[Candidate]:
    return [candidate for each in slices for candidate in each.candidates]


def places(endpoints: Iterable[Endpoint]) -> list[tuple[str, int]]:
    return [(endpoint.host, endpoint.port) for endpoint in endpoints]


@given(SLICES, st.randoms(use_true_random=False))
def test_the_order_of_slices_does_not_matter(slices: list[Slice], rng: object) -> None:
    shuffled = list(slices)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert merge(shuffled) == merge(slices)


@given(SLICES)
def test_no_place_twice_and_none_invented(slices: list[Slice]) -> None:
    found = places(merge(slices))
    assert len(found) == len(set(found))
    assert set(found) <= set(places(candidate.endpoint for candidate in all_of(slices)))


@given(SLICES)
def test_every_ready_ipv4_address_is_there_and_nothing_that_is_not_ready_beside_it(slices: list[Slice]) -> None:
    found = merge(slices)
    ready = {(c.endpoint.host, c.endpoint.port) for c in all_of(slices) if c.state is State.READY}
    if ready:
        assert set(places(found)) <= ready
        assert {place for place in ready if ":" not in place[0]} <= set(places(found))


@given(SLICES)
def test_without_a_ready_one_those_that_still_serve_carry_a_warning(slices: list[Slice]) -> None:
    best = max((candidate.state for candidate in all_of(slices)), default=State.UNUSABLE)
    found = merge(slices)
    assert bool(found) == (best > State.UNUSABLE)
    assert all((endpoint.health is Health.WARNING) == (best is State.TERMINATING) for endpoint in found)


@given(SLICES)
def test_each_pod_is_reached_by_one_family(slices: list[Slice]) -> None:
    found = merge(slices)
    by_ipv4 = {(e.id, e.port) for e in found if e.id and e.host in HOSTS["ipv4"]}
    assert not by_ipv4 & {(e.id, e.port) for e in found if e.host in HOSTS["ipv6"]}


@given(SLICES, st.sampled_from(["ipv4", "ipv6"]))
def test_a_family_is_kept_to(slices: list[Slice], family: str) -> None:
    assert {endpoint.host for endpoint in merge(slices, family)} <= set(HOSTS[family])


@given(SLICES, SLICES)
def test_slices_that_are_merged_twice_change_nothing(slices: list[Slice], others: list[Slice]) -> None:
    again = [Slice(f"{each.name}-again", each.candidates) for each in slices]
    assert places(merge([*slices, *again])) == places(merge(slices))


CHANGES = st.lists(st.tuples(st.sampled_from(["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]), st.sampled_from("abc")))


@given(CHANGES)
def test_a_view_holds_what_was_last_said_of_each_slice(changes: list[tuple[str, str]]) -> None:
    view, expected = View("10"), dict[str, str]()
    for version, (kind, name) in enumerate(changes, 11):
        said = Slice(name, malformed=(str(version),))
        view.apply(Event(kind, str(version), None if kind == "BOOKMARK" else said))
        if kind == "DELETED":
            expected.pop(name, None)
        elif kind != "BOOKMARK":
            expected[name] = str(version)
    assert {name: each.malformed[0] for name, each in view.slices.items()} == expected
    assert view.version == str(10 + len(changes))


@given(st.integers(0, 2**63), st.integers(0, 2**63))
def test_a_version_that_goes_back_is_another_history(before: int, after: int) -> None:
    view = View(str(before))
    if after < before:
        with pytest.raises(KubernetesExpired, match="went back"):
            view.apply(Event("BOOKMARK", str(after)))
        assert view.version == str(before)
    else:
        view.apply(Event("BOOKMARK", str(after)))


@given(st.text(min_size=1, max_size=5).filter(lambda text: not text.isdigit()))
def test_versions_that_are_no_numbers_are_taken_as_they_are(version: str) -> None:
    view = View("7")
    view.apply(Event("BOOKMARK", version))
    assert view.version == version


@given(st.lists(st.floats(0, 3), min_size=1, max_size=40))
def test_the_rate_of_questions_is_bounded(answers: list[float]) -> None:
    now, pace, times = 1000.0, Pace(), list[float]()
    for duration in answers:
        delay, pace = pace.take(now)
        assert 0 <= delay <= INTERVAL + 1e-6
        times.append(now + delay)
        now += delay + duration
    for first in range(len(times)):
        for last in range(first + BURST, len(times)):
            assert times[last] - times[first] >= (last - first - BURST + 1) * INTERVAL - 1e-6
