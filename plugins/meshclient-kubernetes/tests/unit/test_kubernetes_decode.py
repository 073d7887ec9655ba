"""What becomes of the fields of a slice."""

from __future__ import annotations

from typing import Any

import pytest

from meshclient.discovery.http_registry.fields import PayloadError
from meshclient_kubernetes.decode import Slice, State, decode_slice
from meshclient_kubernetes.options import PortChoice

HTTP = {"name": "http", "port": 80}
HTTPS = {"name": "https", "port": 443}


def decoded(choice: PortChoice | None = None, endpoint: object = None, **fields: object) -> Slice:
    record = {"addresses": ["10.0.0.1"]} if endpoint is None else endpoint
    item = {"metadata": {"name": "s"}, "addressType": "IPv4", "ports": [HTTP], "endpoints": [record], **fields}
    return decode_slice(item, choice or PortChoice())


@pytest.mark.parametrize(
    ("ready", "serving", "terminating", "state"),
    [
        (None, None, None, State.READY),
        (True, None, None, State.READY),
        (True, True, False, State.READY),
        (True, False, True, State.READY),  # publishNotReadyAddresses
        (None, True, True, State.READY),
        (False, None, None, State.UNUSABLE),
        (False, True, None, State.UNUSABLE),
        (False, True, False, State.UNUSABLE),
        (False, None, True, State.TERMINATING),  # the API reference: nil stands for true
        (False, False, True, State.UNUSABLE),
        (False, True, True, State.TERMINATING),
    ],
)
def test_conditions(ready: bool | None, serving: bool | None, terminating: bool | None, state: State) -> None:
    conditions = {"ready": ready, "serving": serving, "terminating": terminating}
    for given in (conditions, {key: value for key, value in conditions.items() if value is not None}):
        (candidate,) = decoded(endpoint={"addresses": ["10.0.0.1"], "conditions": given}).candidates
        assert candidate.state is state


@pytest.mark.parametrize("given", [{}, {"conditions": None}, {"conditions": {}}])
def test_no_conditions_at_all_is_ready(given: dict[str, Any]) -> None:
    (candidate,) = decoded(endpoint={"addresses": ["10.0.0.1"], **given}).candidates
    assert candidate.state is State.READY


@pytest.mark.parametrize(
    ("option", "ports", "url"),
    [
        ("", [HTTP], "http://10.0.0.1:80"),
        ("", [{"port": 8080}], "http://10.0.0.1:8080"),
        ("", [{"name": "grpc", "port": 9}], "http://10.0.0.1:9"),
        ("", [HTTPS], "https://10.0.0.1:443"),
        ("", [{"name": "x", "port": 8443, "appProtocol": "https"}], "https://10.0.0.1:8443"),
        ("", [{"name": "x", "port": 8443, "appProtocol": "HTTPS"}], "https://10.0.0.1:8443"),
        ("", [{"name": "https", "port": 8443, "appProtocol": "http"}], "http://10.0.0.1:8443"),
        ("", [{"name": "x", "port": 80, "appProtocol": "kubernetes.io/h2c"}], "http://10.0.0.1:80"),
        ("", [{"name": "metrics", "port": 9}, HTTPS, HTTP], "http://10.0.0.1:80"),
        ("", [{"name": "metrics", "port": 9}, HTTPS], "https://10.0.0.1:443"),
        ("", [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "x", "port": 5}], "http://10.0.0.1:5"),
        ("metrics", [HTTP, {"name": "metrics", "port": 9}], "http://10.0.0.1:9"),
        ("9", [HTTP, {"name": "metrics", "port": 9}], "http://10.0.0.1:9"),
        ("443", [HTTP, HTTPS], "https://10.0.0.1:443"),
        ("9", [], "http://10.0.0.1:9"),
        ("9", None, "http://10.0.0.1:9"),
        ("9", [{"name": "all", "port": None}], "http://10.0.0.1:9"),
    ],
)
def test_ports(option: str, ports: object, url: str) -> None:
    (candidate,) = decoded(PortChoice(option), ports=ports).candidates
    assert candidate.endpoint.url == url


def test_the_scheme_of_the_option_goes_first() -> None:
    (candidate,) = decoded(PortChoice("", "https")).candidates
    assert candidate.endpoint.url == "https://10.0.0.1:80"


@pytest.mark.parametrize(
    ("option", "fields", "words"),
    [
        ("", {"ports": []}, "no port to choose, but none; name one"),
        ("", {"ports": [{"name": "a", "port": 1}, {"name": "b", "port": 2}]}, "no port to choose, but a (1), b (2)"),
        ("web", {}, "no port web, but http (80)"),
        ("81", {}, "no port 81, but http (80)"),
        ("", {"ports": [{"name": "http", "port": None}]}, "its port is missing"),
        ("", {"ports": [{"name": "http", "port": "80"}]}, "its port is text"),
        ("", {"ports": "80"}, "ports is text, not a list"),
        ("", {"addressType": "Carrier"}, "'Carrier' is not known"),
        ("", {"endpoints": 3}, "endpoints is a number"),
    ],
)
def test_a_slice_that_makes_no_sense_is_reported(option: str, fields: dict[str, Any], words: str) -> None:
    found = decoded(PortChoice(option), **fields)
    assert found.candidates == ()
    (said,) = found.malformed
    assert said.startswith("slice 's': ")
    assert words in said


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ({"addresses": []}, "host ''"),
        ({"addresses": ["10.0.0.256"]}, "10.0.0.256"),
        ({"addresses": [7]}, "an address is a number"),
        ({"addresses": ["10.0.0.1"], "conditions": {"ready": "yes"}}, "conditions.ready is text"),
        ({"addresses": ["10.0.0.1"], "hints": {"forZones": [3]}}, "a zone of hints is a number"),
        (5, "the endpoint is a number"),
    ],
)
def test_an_endpoint_that_makes_no_sense_costs_no_other(endpoint: object, words: str) -> None:
    found = decoded(endpoints=[{"addresses": ["10.0.0.1"]}, endpoint])
    assert len(found.candidates) == 1
    (said,) = found.malformed
    assert said.startswith("slice 's', endpoint 1: ")
    assert words in said


def test_a_slice_without_endpoints_needs_no_port() -> None:
    assert decoded(endpoints=[], ports=None, addressType="IPv6") == Slice("s")
    assert decoded(endpoints=None, ports=[]) == Slice("s")


def test_a_slice_without_a_name_is_refused() -> None:
    with pytest.raises(PayloadError, match="no name"):
        decode_slice({"metadata": {}}, PortChoice())


def test_fields() -> None:
    record = {
        "addresses": ["host.example", "other.example"],
        "zone": "a",
        "nodeName": "n",
        "hostname": "h",
        "targetRef": {"kind": "Node", "name": "n"},
        "hints": {"forZones": [{"name": "a"}, {"name": "b"}]},
    }
    (candidate,) = decoded(endpoint=record, addressType="FQDN").candidates
    endpoint = candidate.endpoint
    assert (endpoint.host, endpoint.zone, endpoint.id, candidate.family) == ("host.example", "a", "", "fqdn")
    assert endpoint.metadata == {"node": "n", "hostname": "h", "for_zones": "a,b"}
