"""How a record reads: status, address, port, scheme, zone, weight, and what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest

from meshclient.discovery.http_registry.fields import PayloadError
from meshclient.model.endpoint import Endpoint, Health
from meshclient_eureka.applications import Instance
from meshclient_eureka.endpoints import decode_endpoints


def instance(status: str = "UP", id: str = "a", **record: Any) -> Instance:  # noqa: A002 - as the field is called
    base = {"hostName": "h", "ipAddr": "10.0.0.1", "port": port(8080), "securePort": port(8443, enabled="false")}
    return Instance("WEB", id, status, "ADDED", base | record)


def port(number: object, enabled: object = "true") -> dict[str, object]:
    return {"$": number, "@enabled": enabled}


def one(record: Instance, **options: str) -> Endpoint:
    (endpoint,) = decode_endpoints([record], **options).endpoints
    return endpoint


def test_a_record_becomes_an_endpoint() -> None:
    found = one(instance(metadata={"zone": "eu-1a", "tags": "a, b", "weight": "2.5", "n": 7, "on": True}))
    assert (found.url, found.id, found.zone, found.tags) == ("http://h:8080", "a", "eu-1a", ("a", "b"))
    assert (found.weight, found.health) == (2.5, Health.PASSING)
    assert found.metadata == {"zone": "eu-1a", "tags": "a, b", "weight": "2.5", "n": "7", "on": "true"}


@pytest.mark.parametrize("status", ["DOWN", "STARTING", "OUT_OF_SERVICE", "UNKNOWN"])
def test_only_up_is_usable(status: str) -> None:
    assert decode_endpoints([instance(status, port=port("rubbish"))]).endpoints == ()


@pytest.mark.parametrize(
    ("override", "usable"),
    [
        ({}, True),
        ({"overriddenStatus": "UNKNOWN"}, True),
        ({"overriddenStatus": "UP"}, True),
        ({"overriddenStatus": "OUT_OF_SERVICE"}, False),
        ({"overriddenstatus": "out_of_service"}, False),
    ],
)
def test_an_override_goes_before_the_status(override: dict[str, str], usable: bool) -> None:
    assert bool(decode_endpoints([instance(**override)]).endpoints) == usable


@pytest.mark.parametrize(
    ("record", "address", "host"),
    [
        ({}, "host", "h"),
        ({}, "ip", "10.0.0.1"),
        ({"hostName": None}, "host", "10.0.0.1"),
        ({"ipAddr": ""}, "ip", "h"),
        ({"hostName": "fd00::1"}, "host", "fd00::1"),
    ],
)
def test_address(record: dict[str, Any], address: str, host: str) -> None:
    assert one(instance(**record), address=address).host == host


@pytest.mark.parametrize(
    ("record", "asked", "url"),
    [
        ({}, "", "http://h:8080"),
        ({"securePort": port(8443)}, "", "http://h:8080"),
        ({"securePort": port(8443)}, "https", "https://h:8443"),
        ({"securePort": port(8443), "metadata": {"scheme": "HTTPS"}}, "", "https://h:8443"),
        ({"securePort": port(8443), "metadata": {"protocol": "https"}}, "http", "http://h:8080"),
        ({"metadata": {"scheme": "grpc"}}, "", "http://h:8080"),
        ({}, "https", "https://h:8080"),
        ({"port": port(80, enabled="false"), "securePort": port(8443)}, "", "https://h:8443"),
        ({"port": port("8081", enabled=True)}, "", "http://h:8081"),
        ({"port": 8082, "securePort": 8443}, "", "http://h:8082"),
        ({"port": "8083", "securePort": None}, "", "http://h:8083"),
        ({"port": {"$": 8084}}, "", "http://h:8084"),
        ({"securePort": {"$": 8443}}, "https", "https://h:8080"),
    ],
)
def test_port_and_scheme(record: dict[str, Any], asked: str, url: str) -> None:
    assert one(instance(**record), scheme=asked).url == url


@pytest.mark.parametrize(
    ("record", "zone"),
    [
        ({}, ""),
        ({"metadata": {"zone": "a", "availability_zone": "b"}}, "a"),
        ({"metadata": {"availability_zone": "b"}}, "b"),
        ({"dataCenterInfo": {"name": "Amazon", "metadata": {"availability-zone": "us-east-1c"}}}, "us-east-1c"),
        ({"metadata": {"zone": "a"}, "dataCenterInfo": {"metadata": {"availability-zone": "c"}}}, "a"),
        ({"metadata": {"@class": "java.util.Collections$EmptyMap"}, "dataCenterInfo": {"name": "MyOwn"}}, ""),
        ({"metadata": None}, ""),
        ({"metadata": ""}, ""),
    ],
)
def test_zone(record: dict[str, Any], zone: str) -> None:
    found = one(instance(**record))
    assert found.zone == zone
    assert "@class" not in found.metadata


@pytest.mark.parametrize(
    ("given", "weight"),
    [("3", 3), ("0.5", 0.5), ("1e9", 1e6), ("0", None), ("-1", 1), ("nan", 1), ("inf", 1), ("heavy", 1), ("", 1)],
)
def test_weight(given: str, weight: float | None) -> None:
    found = decode_endpoints([instance(metadata={"weight": given})])
    assert [endpoint.weight for endpoint in found.endpoints] == ([weight] if weight else [])
    assert found.malformed == ()


@pytest.mark.parametrize(
    ("record", "asked", "problem"),
    [
        ({"port": port(0)}, "", "port 0"),
        ({"port": port(99999)}, "", "port 99999"),
        ({"port": port("http")}, "", "its port is text 'http'"),
        ({"port": port(None)}, "", "its port is missing"),
        ({"port": port(80, enabled="perhaps")}, "", "@enabled is text"),
        ({"port": port(80, enabled="false")}, "", "none of its ports is enabled"),
        ({"port": port(80, enabled="false"), "securePort": port(8443)}, "http", "its plain port is not enabled"),
        ({"hostName": "not a host"}, "", "'not a host'"),
        ({"hostName": "", "ipAddr": None}, "", "host ''"),
        ({"hostName": ["h"]}, "", "its hostName is a list"),
        ({"metadata": "odd"}, "", "its metadata is text"),
        ({"metadata": {"zone": {}}}, "", "its metadata 'zone' is an object"),
    ],
)
def test_a_malformed_record_is_reported_beside_the_others(record: dict[str, Any], asked: str, problem: str) -> None:
    broken = instance(id="broken", **record)
    found = decode_endpoints([instance(id="good"), broken, instance("DOWN")], scheme=asked)
    assert [endpoint.id for endpoint in found.endpoints] == ["good"]
    assert len(found.malformed) == 1
    assert found.malformed[0].startswith("'broken'")
    assert problem in found.malformed[0]
    with pytest.raises(PayloadError, match="none of 1 instances"):
        decode_endpoints([broken, instance("DOWN")], scheme=asked)


def test_what_is_left_out_is_told_with_the_reason() -> None:
    found = decode_endpoints(
        [
            instance(id="good"),
            instance("DOWN", id="down", port="odd"),
            instance("OUT_OF_SERVICE", id="out"),
            instance(id="held", overriddenStatus="STARTING"),
            instance(id="idle", metadata={"weight": "0"}),
            instance(id="none", port=port(0)),
        ]
    )
    assert [endpoint.id for endpoint in found.endpoints] == ["good"]
    assert [(each.label, each.reason, each.detail) for each in found.left_out[:4]] == [
        ("'down'", "critical", "its status is DOWN"),
        ("'out'", "draining", "its status is OUT_OF_SERVICE"),
        ("'held'", "critical", "its status is STARTING"),
        ("'idle'", "no_weight", "its metadata give it the weight 0"),
    ]
    assert found.left_out[4].reason == "malformed"
