"""How a record reads: address, scheme, zone, weight, health, and what is wrong with it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meshclient.discovery.http_registry.fields import PayloadError
from meshclient.model.endpoint import Endpoint, Health
from meshclient_consul.decode import decode_health


def record(node: dict[str, Any] | None = None, checks: list[Any] | None = None, **service: Any) -> dict[str, Any]:
    return {
        "Node": {"Address": "10.0.0.9"} | (node or {}),
        "Service": {"ID": "a", "Address": "10.0.0.1", "Port": 8080} | service,
        "Checks": checks,
    }


def check(status: str, check_id: str = "service:a") -> dict[str, str]:
    return {"CheckID": check_id, "Status": status}


def one(document: dict[str, Any], scheme: str = "") -> Endpoint:
    (endpoint,) = decode_health(json.dumps([document]).encode(), scheme=scheme).endpoints
    return endpoint


@pytest.mark.parametrize(
    ("service", "option", "scheme"),
    [
        ({}, "", "http"),
        ({"Tags": ["https"]}, "", "https"),
        ({"Meta": {"scheme": "HTTPS"}}, "", "https"),
        ({"Meta": {"protocol": "https"}}, "", "https"),
        ({"Meta": {"protocol": "grpc"}}, "", "http"),
        ({"Meta": {"scheme": "http"}, "Tags": ["https"]}, "", "http"),
        ({"Tags": ["https"]}, "http", "http"),
        ({}, "https", "https"),
    ],
)
def test_scheme(service: dict[str, Any], option: str, scheme: str) -> None:
    assert one(record(**service), option).scheme == scheme


@pytest.mark.parametrize(
    ("service", "node", "zone"),
    [
        ({}, {}, ""),
        ({"Meta": {"zone": "a", "availability_zone": "b"}}, {"Meta": {"zone": "c"}}, "a"),
        ({"Meta": {"availability_zone": "b"}}, {}, "b"),
        ({"Locality": {"Region": "eu", "Zone": "l"}}, {"Meta": {"zone": "c"}}, "l"),
        ({"Meta": None}, {"Meta": {"zone": "c"}}, "c"),
        ({}, {"Meta": {"availability_zone": "d"}}, "d"),
        ({}, {"Locality": {"Zone": "e"}}, "e"),
        ({"Locality": None}, {"Locality": None}, ""),
    ],
)
def test_zone(service: dict[str, Any], node: dict[str, Any], zone: str) -> None:
    assert one(record(node, **service)).zone == zone


def test_the_address_falls_back_to_the_node() -> None:
    assert one(record(Address="")).host == "10.0.0.9"
    assert one(record(Address="fd00::1")).url == "http://[fd00::1]:8080"


@pytest.mark.parametrize(
    ("checks", "health"),
    [
        (None, Health.PASSING),
        ([], Health.PASSING),
        ([check("passing"), check("passing")], Health.PASSING),
        ([check("passing"), check("warning"), check("passing")], Health.WARNING),
        ([check("warning"), check("critical")], None),
        ([check("critical", "_node_maintenance")], None),
        ([check("passing", "_service_maintenance:a")], None),
    ],
)
def test_health_is_the_worst_check(checks: list[Any] | None, health: Health | None) -> None:
    answer = decode_health(json.dumps([record(checks=checks)]).encode())
    assert answer.listed == 1
    assert [endpoint.health for endpoint in answer.endpoints] == ([health] if health else [])


@pytest.mark.parametrize(
    ("weights", "status", "weight"),
    [
        (None, "passing", 1),
        ({}, "warning", 1),
        ({"Passing": 7, "Warning": 2}, "passing", 7),
        ({"Passing": 7, "Warning": 2}, "warning", 2),
        ({"Passing": 7, "Warning": 0}, "warning", None),
        ({"Passing": 0, "Warning": 1}, "passing", None),
        ({"Passing": 10**400}, "passing", 1e6),
    ],
)
def test_weight_is_that_of_the_state(weights: object, status: str, weight: float | None) -> None:
    answer = decode_health(json.dumps([record(checks=[check(status)], Weights=weights)]).encode())
    assert [endpoint.weight for endpoint in answer.endpoints] == ([weight] if weight else [])
    assert answer.malformed == ()


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (record(Port=0), "port 0"),
        (record(Port=99999), "port 99999"),
        (record(Port="80"), "its port is text"),
        (record(Port=None), "its port is missing"),
        (record(Port=True), "its port is a truth value"),
        (record(Address="not a host"), "'not a host'"),
        (record({"Address": None}, Address=""), "host ''"),
        (record(Address=7), "Service.Address is a number"),
        (record(Tags="v1"), "Tags is text, not a list"),
        (record(Meta={"n": 1}), "Service.Meta 'n' is a number"),
        (record(Weights={"Passing": "7"}), "its weight is text"),
        (record(Weights={"Passing": -1}), "its weight is not 0 or above"),
        (record(Weights={"Passing": float("nan")}), "its weight is not 0 or above"),
        (record(checks=[check("sideways")]), "unknown status 'sideways'"),
        ({"Node": {}, "Checks": []}, "Service is missing"),
    ],
)
def test_a_malformed_record_is_reported_beside_the_others(broken: dict[str, Any], problem: str) -> None:
    answer = decode_health(json.dumps([record(ID="good"), broken]).encode())
    assert [endpoint.id for endpoint in answer.endpoints] == ["good"]
    assert answer.listed == 2
    assert len(answer.malformed) == 1
    assert problem in answer.malformed[0]
    assert answer.malformed[0].startswith("'a'" if "Service" in broken else "record 1")
    with pytest.raises(PayloadError, match="none of its 1 records"):
        decode_health(json.dumps([broken]).encode())


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "not JSON"),
        (b"<html>", "begins b'<html>'"),
        (b"{}", "an object, not a list"),
        (b"null", "missing, not a list"),
        (b'"x"', "text, not a list"),
    ],
)
def test_a_malformed_answer_says_in_what_way(body: bytes, problem: str) -> None:
    with pytest.raises(PayloadError, match=problem):
        decode_health(body)


def test_what_is_left_out_is_told_with_the_reason() -> None:
    records = [
        record(ID="good"),
        record(ID="bad", checks=[check("passing"), check("critical", "web")]),
        record(ID="out", checks=[check("critical", "_service_maintenance:out")]),
        record(ID="idle", Weights={"Passing": 0, "Warning": 1}),
        record(ID="none", Port=0),
    ]
    answer = decode_health(json.dumps(records).encode())
    assert [endpoint.id for endpoint in answer.endpoints] == ["good"]
    assert [(each.label, each.reason, each.detail) for each in answer.left_out[:3]] == [
        ("'bad'", "critical", "its check 'web' is critical"),
        ("'out'", "draining", "it is in maintenance (_service_maintenance:out)"),
        ("'idle'", "no_weight", "Consul gives it the weight 0 while it is passing"),
    ]
    assert [each.endpoint and each.endpoint.id for each in answer.left_out] == ["bad", "out", "idle", None]
    assert answer.left_out[3].reason == "malformed"
    assert len(answer.malformed) == 1
