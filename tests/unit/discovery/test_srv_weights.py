"""From SRV records and addresses to endpoints: the shares that RFC 2782 asks for."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.discovery.srv import ZERO_SHARE, Target, weigh
from meshclient.model.endpoint import Endpoint


def shares(endpoints: list[Endpoint]) -> dict[str, float]:
    total = sum(e.weight for e in endpoints)
    found: dict[str, float] = defaultdict(float)
    for endpoint in endpoints:
        found[endpoint.id] += endpoint.weight / total
    return dict(found)


def test_weights_are_shares() -> None:
    found = weigh([Target(1, 60, 80, "a"), Target(1, 40, 80, "b")], {"a": ["10.0.0.1"], "b": ["10.0.0.2"]})
    assert shares(found) == pytest.approx({"a": 0.6, "b": 0.4})


def test_the_addresses_of_a_target_share_its_weight() -> None:
    hosts = {"a": ["10.0.0.1", "10.0.0.2", "::1"], "b": ["10.0.0.3"]}
    found = weigh([Target(1, 60, 80, "a"), Target(1, 40, 80, "b")], hosts)
    assert [e.weight for e in found] == [20.0, 20.0, 20.0, 40.0]
    assert [e.host for e in found] == ["10.0.0.1", "10.0.0.2", "::1", "10.0.0.3"]


def test_all_zero_is_all_equal() -> None:
    found = weigh([Target(1, 0, 80, "a"), Target(1, 0, 80, "b")], {"a": ["10.0.0.1"], "b": ["10.0.0.2"]})
    assert shares(found) == pytest.approx({"a": 0.5, "b": 0.5})


def test_zero_beside_others_is_a_very_small_share_in_its_priority() -> None:
    targets = [Target(1, 1, 80, "a"), Target(1, 0, 80, "b"), Target(1, 0, 80, "c"), Target(2, 0, 80, "d")]
    found = weigh(targets, {t.name: [f"10.0.0.{i + 1}"] for i, t in enumerate(targets)})
    weights = {e.id: e.weight for e in found}
    assert weights["a"] == 1.0
    assert weights["b"] == weights["c"] == pytest.approx(ZERO_SHARE / 2)
    assert weights["d"] == 1.0
    assert {e.id: e.priority for e in found} == {"a": 1, "b": 1, "c": 1, "d": 2}


@pytest.mark.parametrize(
    ("port", "option", "scheme"),
    [(443, "", "https"), (8443, "", "http"), (443, "http", "http"), (80, "https", "https")],
)
def test_the_scheme_is_the_ports_or_the_options(port: int, option: str, scheme: str) -> None:
    (found,) = weigh([Target(0, 0, port, "a")], {"a": ["10.0.0.1"]}, option)
    assert found.scheme == scheme


def test_targets_without_address_or_port_take_no_part() -> None:
    targets = [Target(1, 9, 80, "a"), Target(1, 90, 80, "gone"), Target(1, 90, 0, "b"), Target(1, 0, 80, "c")]
    found = weigh(targets, {"a": ["10.0.0.1"], "b": ["10.0.0.2"], "c": ["10.0.0.3"], "gone": []})
    assert {e.id for e in found} == {"a", "c"}
    assert shares(found)["c"] == pytest.approx(ZERO_SHARE / (1 + ZERO_SHARE))


targets = st.builds(
    Target,
    st.integers(0, 65535),
    st.integers(0, 65535),
    st.integers(1, 65535),
    st.sampled_from(["a", "b", "c", "d"]),
)


@given(st.lists(targets, max_size=8), st.lists(st.integers(1, 3), min_size=4, max_size=4))
def test_every_record_makes_valid_endpoints_and_heavier_ones_never_get_less(
    records: list[Target], counts: list[int]
) -> None:
    hosts = {
        name: [f"10.{i}.0.{n}" for n in range(count)]
        for i, (name, count) in enumerate(zip("abcd", counts, strict=True))
    }
    found = weigh(records, hosts)
    assert len(found) == sum(len(hosts[t.name]) for t in set(records))
    by_record = {t: sum(e.weight for e in weigh(records, hosts) if (e.id, e.port) == (t.name, t.port)) for t in records}
    unique = len({(t.name, t.port) for t in records}) == len(set(records))
    for one in records:
        for other in records:
            if unique and one.priority == other.priority and one.weight > other.weight:
                assert by_record[one] > by_record[other]
