"""The changes to a zone, decided without one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.registration.registrar import Registration
from meshclient_aws.route53.listing import Found, Listing, label
from meshclient_aws.route53.options import Routing
from meshclient_aws.route53.records import RecordSet, absolute

if TYPE_CHECKING:
    from collections.abc import Iterable

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def instance(number: int, host: str = "", port: int = 80, service: str = "orders", **more: float) -> Listing:
    endpoint = Endpoint(host or f"10.0.0.{number}", port, id=f"i-{number}", weight=more.get("weight", 1.0))
    return Listing.of(Registration(ServiceName(service), endpoint), "prod.internal", "tcp")


class Zone:
    """A zone that takes changes as Route 53 does."""

    def __init__(self) -> None:
        self.sets: dict[tuple[str, str, str], RecordSet] = {}

    def find(self, listing: Listing, routing: Routing) -> Found:
        identifier = "" if routing is Routing.SIMPLE else listing.label
        kinds = ("A", "AAAA") if listing.address else ()
        found = (self.sets.get((listing.target, kind, "")) for kind in kinds)
        return Found(self.sets.get((listing.owner, "SRV", identifier)), tuple(each for each in found if each))

    def apply(self, changes: Iterable[Mapping[str, object]]) -> None:
        for change in changes:
            encoded = cast("Mapping[str, object]", change["ResourceRecordSet"])
            record = RecordSet.decode(encoded)
            key = (record.name, record.kind, record.identifier)
            if change["Action"] == "DELETE":
                assert self.sets.pop(key).encode() == encoded
            else:
                assert key not in self.sets
                self.sets[key] = record

    def values(self, kind: str) -> list[str]:
        return sorted(value for record in self.sets.values() if record.kind == kind for value in record.values)


steps = st.lists(st.tuples(st.booleans(), st.integers(1, 4), st.booleans(), st.integers(80, 81)), max_size=20)


@given(steps=steps, routing=st.sampled_from(Routing))
def test_the_zone_holds_just_those_who_entered_and_did_not_leave(
    steps: list[tuple[bool, int, bool, int]], routing: Routing
) -> None:
    zone, inside = Zone(), dict[int, tuple[str, int]]()
    for enters, number, moved, port in steps:
        host = f"fd00::{number}" if moved else f"10.0.0.{number}"
        one = instance(number, host, port)
        found = zone.find(one, routing)
        assert one.listed(found) == (inside.get(number) == (host, port))
        if enters:
            zone.apply(one.enter(found, routing, 10))
            inside[number] = (host, port)
            assert one.enter(zone.find(one, routing), routing, 10) == []
        else:
            zone.apply(one.leave(found, routing))
            inside.pop(number, None)
            assert one.leave(zone.find(one, routing), routing) == []
        expected = sorted(f"0 1 {port} i-{each}.orders.prod.internal." for each, (_, port) in inside.items())
        assert zone.values("SRV") == expected
        assert zone.values("A") + zone.values("AAAA") == sorted(
            (host for host, _ in inside.values()), key=lambda host: (":" in host, host)
        )


@given(st.text(min_size=1, max_size=100))
def test_a_label_is_one_and_its_own(text: str) -> None:
    assert LABEL.fullmatch(label(text))
    assert label(text) != label(text + "!")


@pytest.mark.parametrize("text", ["i-7", "a" * 63, "0"])
def test_a_usable_label_stays_as_it_is(text: str) -> None:
    assert label(text) == text


@pytest.mark.parametrize(
    ("weight", "number", "share"), [(0.2, 1, 1), (2.6, 3, 3), (300.0, 300, 255), (1e6, 65535, 255)]
)
def test_weights_are_cut_to_what_a_record_holds(weight: float, number: int, share: int) -> None:
    one = instance(1, weight=weight)
    assert one.srv.split()[1] == str(number)
    assert one.share == share


def test_an_alias_and_odd_values_are_left_alone() -> None:
    """A set of somebody else's making is replaced as a whole or not touched; what it holds is kept."""
    raw = {"Name": "_ORDERS._tcp.prod.internal", "Type": "SRV", "TTL": 5, "ResourceRecords": [{"Value": "odd"}]}
    found = Found(RecordSet.decode(raw))
    assert instance(1).leave(found, Routing.SIMPLE) == []
    delete, create = instance(1).enter(found, Routing.SIMPLE, 10)[:2]
    assert delete == {"Action": "DELETE", "ResourceRecordSet": raw}
    assert "{'Value': 'odd'}" in str(create)
    alias = RecordSet.decode({"Name": "a.b", "Type": "A", "AliasTarget": {"DNSName": "c.d"}})
    assert (alias.ttl, alias.values, absolute("A.b")) == (0, (), alias.name)
