"""Whatever changes, deltas lead where a full fetch leads, and the hash code tells when they do not."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from meshclient_eureka.applications import STATUSES, Applications, Instance
from meshclient_eureka.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterable

APP = st.sampled_from(["WEB", "ORDERS", "MAIL"])
ID = st.sampled_from(["a", "b", "c", "d"])
STATUS = st.sampled_from(sorted(STATUSES))
# A change puts an instance (in a status) or takes it out (None).
CHANGES = st.lists(st.tuples(APP, ID, STATUS | st.none()), max_size=25)
Change = tuple[str, str, str | None]
State = dict[tuple[str, str], str]


def carried_out(state: State, changes: Iterable[Change]) -> State:
    after = dict(state)
    for app, name, status in changes:
        after.pop((app, name), None)
        if status:
            after[app, name] = status
    return after


def instance(app: str, name: str, status: str, action: str) -> Instance:
    return Instance(app, name, status, action, {"instanceId": name, "status": status})


def hashed(state: State) -> str:
    return "".join(f"{status}_{count}_" for status, count in sorted(Counter(state.values()).items()))


def full(state: State) -> Applications:
    return Applications(tuple(instance(app, name, s, "ADDED") for (app, name), s in state.items()), hashed(state), ())


def delta(before: State, changes: list[Change]) -> Applications:
    """As a server lists them: each in turn, with what it did."""
    instances, state = [], dict(before)
    for app, name, status in changes:
        known = (app, name) in state
        action = "DELETED" if status is None else "MODIFIED" if known else "ADDED"
        if status is not None or known:
            instances.append(instance(app, name, status or state[app, name], action))
        state = carried_out(state, [(app, name, status)])
    return Applications(tuple(instances), hashed(state), ())


def contents(registry: Registry) -> State:
    return {(i.app, i.id): i.status for held in registry.apps.values() for i in held.values()}


@given(CHANGES, CHANGES)
def test_a_delta_leads_where_a_full_fetch_leads(first: list[Change], then: list[Change]) -> None:
    before = carried_out({}, first)
    after = carried_out(before, then)
    registry = Registry.of(full(before)).updated(delta(before, then))
    assert contents(registry) == after
    assert registry.hash_code == full(after).hash_code
    assert all(registry.apps.values())


@given(CHANGES, CHANGES)
def test_a_delta_may_repeat_what_has_been_applied(first: list[Change], then: list[Change]) -> None:
    before = carried_out({}, first)
    changes = delta(before, then)
    once = Registry.of(full(before)).updated(changes)
    again = once.updated(changes)
    assert contents(again) == contents(once)
    overlapping = Registry.of(full(carried_out(before, then))).updated(changes)
    assert contents(overlapping) == contents(once)


@given(CHANGES, CHANGES)
def test_a_swallowed_change_of_a_status_shows_in_the_hash_code(first: list[Change], then: list[Change]) -> None:
    before = carried_out({}, first)
    after = carried_out(before, then)
    held = Registry.of(full(before))
    swallowed = held.updated(Applications((), full(after).hash_code, ()))
    assert swallowed is held
    assert (swallowed.hash_code == full(after).hash_code) == (Counter(before.values()) == Counter(after.values()))


@given(CHANGES, CHANGES)
def test_applications_that_did_not_change_stay_the_same_object(first: list[Change], then: list[Change]) -> None:
    before = carried_out({}, first)
    held = Registry.of(full(before))
    registry = held.updated(delta(before, then))
    touched = {app for app, _, _ in then}
    for app in held.apps.keys() - touched:
        assert registry.apps[app] is held.apps[app]
