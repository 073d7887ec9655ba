"""What becomes of a record's fields, and what is said of one that cannot be an endpoint."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from meshclient.model.endpoint import Endpoint, Health
from meshclient.model.service import ServiceName
from meshclient.registration.registrar import Registration
from meshclient_etcd.record import decode_record, encode_record, instance_id

if TYPE_CHECKING:
    from collections.abc import Mapping


def decode(fields: Mapping[str, object], scheme: str = "") -> Endpoint | None:
    record = {"host": "10.0.0.1", "port": 80, **fields}
    return decode_record(json.dumps(record).encode(), "a", scheme)


def test_the_scheme() -> None:
    cases: list[tuple[str, dict[str, object], str]] = [
        ("", {}, "http"),
        ("", {"scheme": "HTTPS"}, "https"),
        ("https", {"scheme": "http"}, "https"),
    ]
    for scheme, fields, expected in cases:
        endpoint = decode(fields, scheme)
        assert endpoint is not None
        assert endpoint.scheme == expected


@pytest.mark.parametrize(
    ("fields", "health"),
    [
        ({}, Health.UNKNOWN),
        ({"health": None, "draining": None}, Health.UNKNOWN),
        ({"health": "Passing", "draining": False}, Health.PASSING),
        ({"health": "warning"}, Health.WARNING),
        ({"health": "critical"}, None),
        ({"health": "passing", "draining": True}, None),
        ({"weight": 0}, None),
    ],
)
def test_what_is_used(fields: dict[str, object], health: Health | None) -> None:
    endpoint = decode(fields)
    assert (endpoint and endpoint.health) == health


def test_an_excessive_weight_is_cut() -> None:
    for weight in (10**400, float("inf"), 1e7):
        endpoint = decode({"weight": weight})
        assert endpoint is not None
        assert endpoint.weight == 1e6


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"host": None}, "no host"),
        ({"host": 5}, "its host is a number, not text"),
        ({"host": "a b"}, "not a host name"),
        ({"port": None}, "its port is missing"),
        ({"port": "80"}, "its port is text"),
        ({"port": True}, "its port is a truth value"),
        ({"port": 0}, "out of range"),
        ({"scheme": "grpc"}, "use http or https"),
        ({"weight": "3"}, "its weight is text"),
        ({"weight": -1}, "its weight is not 0 or above"),
        ({"weight": float("nan")}, "its weight is not 0 or above"),
        ({"priority": 1.5}, "its priority is a number, not a whole number"),
        ({"priority": -1}, "must not be negative"),
        ({"zone": []}, "its zone is a list"),
        ({"tags": "a"}, "its tags is text, not a list"),
        ({"tags": [1]}, "a tag is a number"),
        ({"metadata": []}, "its metadata is a list"),
        ({"metadata": {"k": 1}}, "its metadata 'k' is a number"),
        ({"health": "fine"}, "its health is 'fine': write one of passing"),
        ({"draining": "yes"}, "its draining is text"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        decode(fields)


def test_an_instance_without_an_id_goes_by_its_address() -> None:
    registration = Registration(ServiceName("web"), Endpoint("fd00::1", 80))
    assert instance_id(registration) == "[fd00::1]:80"
    assert json.loads(encode_record(registration)) == {"host": "fd00::1", "port": 80, "scheme": "http"}
