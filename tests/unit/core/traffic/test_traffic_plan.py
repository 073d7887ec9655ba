"""Where calls go when rules, split, guard and missing endpoints meet."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshclient.core.traffic.canary import Guard
from meshclient.core.traffic.head import Head
from meshclient.core.traffic.match import Rule
from meshclient.core.traffic.plan import Choice, Plan
from meshclient.core.traffic.split import Split
from meshclient.core.traffic.sticky import Sticky

chances = st.floats(0.0, 1.0, exclude_max=True)
WEIGHTS = {"v1": 80.0, "v2": 20.0}


def plain(path: str = "/", **headers: str) -> Head:
    return Head("GET", path, headers.get)


def guarded() -> Plan:
    return Plan([Rule("v2", path="/beta")], Split("orders", WEIGHTS), guard=Guard("orders", "v2", alpha=0.01))


def trip(plan: Plan) -> None:
    while plan.guard is not None and plan.guard.tripped is None:
        plan.ended(Choice("v2", 0.2), failed=True, latency=0.0)


def test_a_service_without_a_split_is_left_whole_but_for_its_rules() -> None:
    plan = Plan([Rule("v2", path="/beta")])
    assert plan.choose(plain(), None, 0.5) == Choice("")
    assert plan.choose(plain("/beta"), None, 0.5) == Choice("v2")


@given(chances, st.text(min_size=1))
def test_rules_come_before_the_split_and_are_no_evidence(chance: float, key: str) -> None:
    plan = guarded()
    assert plan.choose(plain("/beta"), key, chance) == Choice("v2", None)
    by_split = plan.choose(plain(), key, chance)
    assert by_split == Choice(Split("orders", WEIGHTS).pick(key, 0.0) or "", 0.2, key)
    for _ in range(50):
        assert plan.ended(Choice("v2", None), failed=True, latency=0.0) is None


@given(chances)
def test_the_key_comes_from_where_the_policy_says(chance: float) -> None:
    plan = Plan(split=Split("orders", WEIGHTS), sticky=Sticky("header", "user"))
    keys = [f"user-{number}" for number in range(40)]
    found = {key: plan.choose(plain(user=key), "own", chance).variant for key in keys}
    assert found == {key: Split("orders", WEIGHTS).pick(key, 0.0) for key in keys}
    assert set(found.values()) == {"v1", "v2"}
    # Without a key it is chance that decides, not the call's own key.
    assert plan.choose(plain(), "own", chance).variant == ("v1" if chance < 0.8 else "v2")


@given(chances, st.text(min_size=1))
def test_a_tripped_variant_gets_nothing_but_what_rules_send(chance: float, key: str) -> None:
    plan = guarded()
    trip(plan)
    assert plan.choose(plain(), key, chance) == Choice("v1", 0.0, key)
    assert plan.choose(plain(), None, chance) == Choice("v1", 0.0)
    assert plan.choose(plain("/beta"), key, chance).variant == "v2"
    assert plan.guard is not None
    plan.guard.reset()
    assert plan.choose(plain(), None, 0.9) == Choice("v2", 0.2)


@given(chances, st.one_of(st.none(), st.text(min_size=1)))
def test_a_variant_without_endpoints_is_passed_over_and_no_evidence_is_made_of_it(
    chance: float, key: str | None
) -> None:
    plan = guarded()
    assert plan.choose(plain(), key, chance, ("v2",)) == Choice("v1", 0.0, key)
    assert plan.choose(plain(), key, chance, ("v1",)) == Choice("v2", 1.0, key)
    # Where nobody is left the call goes somewhere all the same, to fail there.
    assert plan.choose(plain(), key, chance, ("v1", "v2")).variant in WEIGHTS
    trip(plan)
    # A bad version is better than nobody.
    assert plan.choose(plain(), key, chance, ("v1",)) == Choice("v2", None)


@given(chances)
def test_a_guard_that_only_watches_trips_and_changes_nothing(chance: float) -> None:
    guard = Guard("orders", "v2", alpha=0.01)
    plan = Plan(split=Split("orders", WEIGHTS), guard=guard, enforced=False)
    trip(plan)
    assert guard.tripped is not None
    assert plan.choose(plain(), None, chance) == Choice("v1" if chance < 0.8 else "v2", 0.2)
