"""Zone-aware shares: every endpoint gets the same load, few calls cross zones, and small services are left alone."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from meshclient.core.balance.locality import SMALLEST_SERVICE, Zone, zone_factors, zone_shares

zone = st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda both: Zone(max(both), min(both)))
fleets = st.dictionaries(st.sampled_from(["", "a", "b", "c", "d"]), zone, max_size=5)
owns = st.sampled_from(["", "a", "b", "e"])
ALWAYS = {"smallest_service": 1, "smallest_zone": 1}


def usable(zones: dict[str, Zone]) -> float:
    return sum(each.usable for each in zones.values())


def evenly(zones: dict[str, Zone]) -> dict[str, float]:
    return {name: each.usable / usable(zones) for name, each in zones.items()}


@given(fleets, owns, st.one_of(st.none(), st.dictionaries(st.sampled_from(["a", "b", "c", "e"]), st.integers(0, 9))))
def test_the_shares_are_all_there_is_and_only_for_the_usable(
    zones: dict[str, Zone], own: str, callers: dict[str, float] | None
) -> None:
    shares = zone_shares(zones, own, callers)
    if not usable(zones):
        assert shares == {}
        return
    assert sum(shares.values()) == pytest.approx(1)
    assert all(0 <= share <= 1 and (not share or zones[name].usable) for name, share in shares.items())


@given(fleets, st.data())
def test_when_every_caller_does_it_every_endpoint_has_the_same_load(
    zones: dict[str, Zone], data: st.DataObject
) -> None:
    homes = sorted(name for name, each in zones.items() if name and each.listed)
    assume(homes)
    assume(usable(zones))
    known = data.draw(st.booleans())
    callers = {name: data.draw(st.integers(1, 9)) if known else 1 for name in homes}
    load: defaultdict[str, float] = defaultdict(float)
    for name, count in callers.items():
        for target, share in zone_shares(zones, name, callers if known else None, **ALWAYS).items():
            load[target] += count * share / sum(callers.values())
    for name, each in zones.items():
        assert load[name] == pytest.approx(each.usable / usable(zones), abs=1e-9)


@given(fleets, st.sampled_from(["a", "b"]))
def test_as_many_stay_as_the_zone_can_carry(zones: dict[str, Zone], own: str) -> None:
    assume(own in zones)
    assume(zones[own].listed)
    assume(usable(zones))
    due = 1 / sum(1 for name, each in zones.items() if name and each.listed)
    kept = zone_shares(zones, own, **ALWAYS)[own]  # type: ignore[arg-type]
    assert kept == pytest.approx(min(1, zones[own].usable / usable(zones) / due))
    assert kept >= evenly(zones)[own] - 1e-9


@given(fleets, owns)
def test_small_services_and_unknown_zones_are_called_evenly(zones: dict[str, Zone], own: str) -> None:
    assume(usable(zones))
    listed = sum(each.listed for each in zones.values())
    home = zones.get(own, Zone(0, 0))
    if not own or listed < SMALLEST_SERVICE or home.listed < 2:
        assert zone_shares(zones, own) == pytest.approx(evenly(zones))


@given(fleets, st.sampled_from(["a", "b"]))
def test_the_loss_of_an_endpoint_never_switches_the_preference_off(zones: dict[str, Zone], own: str) -> None:
    """What stays in the zone follows what is left of it, without a jump back to all zones alike."""
    whole = {name: Zone(each.listed, each.listed) for name, each in zones.items()}
    assume(sum(each.listed for each in whole.values()) >= SMALLEST_SERVICE)
    assume(own in whole)
    assume(whole[own].listed >= 2)
    homes = sum(1 for name, each in whole.items() if name and each.listed)
    for left in range(whole[own].listed, -1, -1):
        now = {**whole, own: Zone(whole[own].listed, left)}
        if usable(now):
            kept = zone_shares(now, own)[own]
            assert kept == pytest.approx(min(1, left / usable(now) * homes))


@given(fleets, owns)
def test_weights_times_factors_give_the_shares(zones: dict[str, Zone], own: str) -> None:
    shares = zone_shares(zones, own)
    factors = zone_factors(zones, shares)
    assert set(factors) == {name for name, each in zones.items() if each.usable}
    total = sum(factors[name] * zones[name].usable for name in factors)
    for name, factor in factors.items():
        assert factor * zones[name].usable / total == pytest.approx(shares[name], abs=1e-9)
    if shares and shares == evenly(zones):
        assert list(factors.values()) == pytest.approx([1.0] * len(factors))


@pytest.mark.parametrize(
    ("zones", "shares"),
    [
        # One endpoint in each of three zones: it does not get everything.
        ({"a": (1, 1), "b": (1, 1), "c": (1, 1)}, {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}),
        ({"a": (2, 2), "b": (2, 2), "c": (2, 2)}, {"a": 1, "b": 0, "c": 0}),
        ({"a": (2, 1), "b": (2, 2), "c": (2, 2)}, {"a": 0.6, "b": 0.2, "c": 0.2}),
        ({"a": (2, 0), "b": (2, 2), "c": (2, 2)}, {"a": 0, "b": 0.5, "c": 0.5}),
        # Room only where there is more than is needed.
        ({"a": (2, 2), "b": (8, 8)}, {"a": 0.4, "b": 0.6}),
        ({"a": (8, 8), "b": (2, 2)}, {"a": 1, "b": 0}),
        # A single one in the own zone.
        ({"a": (1, 1), "b": (5, 5)}, {"a": 1 / 6, "b": 5 / 6}),
        ({"a": (6, 6)}, {"a": 1}),
    ],
)
def test_examples(zones: dict[str, tuple[int, int]], shares: dict[str, float]) -> None:
    assert zone_shares({name: Zone(*each) for name, each in zones.items()}, "a") == pytest.approx(shares)


def test_three_endpoints_in_three_zones_stay_at_home_when_told_to() -> None:
    zones = {name: Zone(1, 1) for name in "abc"}
    assert zone_shares(zones, "b", **ALWAYS)["b"] == 1  # type: ignore[arg-type]


def test_rounding_leaves_nothing_to_share() -> None:
    """The same numbers added up in another order come to a little less: each zone seems to need more than it has."""
    zones = {"a": Zone(2, 0.1), "b": Zone(2, 0.2), "c": Zone(2, 0.3)}
    callers = {"c": 0.3, "b": 0.2, "a": 0.1}
    assert sum(callers.values()) < sum(each.usable for each in zones.values())
    assert zone_shares(zones, "a", callers) == {"a": 1.0, "b": 0.0, "c": 0.0}


def test_callers_that_are_all_in_one_zone_use_every_endpoint() -> None:
    zones = {name: Zone(2, 2) for name in "abc"}
    assert zone_shares(zones, "a", {"a": 7}) == pytest.approx({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3})
