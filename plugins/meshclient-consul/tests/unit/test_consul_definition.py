"""The body of the register call."""

from __future__ import annotations

import pytest

from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.registration.registrar import Registration
from meshclient_consul.definition import instance_id, service_definition

ENDPOINT = Endpoint("10.0.0.1", 8080, id="a", weight=2.4, zone="z", tags=("v1",), metadata={"k": "v"}, scheme="https")


def definition(registration: Registration, interval: float = 0.0) -> dict[str, object]:
    return service_definition(registration, interval=interval, deregister_after=90)


def test_ttl() -> None:
    assert definition(Registration(ServiceName("web"), ENDPOINT, ttl=15)) == {
        "ID": "a",
        "Name": "web",
        "Address": "10.0.0.1",
        "Port": 8080,
        "Tags": ["v1"],
        "Meta": {"k": "v", "zone": "z", "scheme": "https"},
        "Weights": {"Passing": 2, "Warning": 1},
        "Check": {
            "CheckID": "service:a",
            "Name": "renewed within 15s",
            "TTL": "15000ms",
            "Status": "passing",
            "DeregisterCriticalServiceAfter": "90000ms",
        },
    }


@pytest.mark.parametrize(("interval", "expected"), [(0.0, "5000ms"), (2.0, "2000ms")])
def test_http_check(interval: float, expected: str) -> None:
    assert definition(Registration(ServiceName("web"), ENDPOINT, "/healthz", 15), interval)["Check"] == {
        "CheckID": "service:a",
        "Name": "GET /healthz",
        "HTTP": "https://10.0.0.1:8080/healthz",
        "Interval": expected,
        "Timeout": expected,
        "DeregisterCriticalServiceAfter": "90000ms",
    }


@pytest.mark.parametrize(("weight", "expected"), [(0.1, 1), (1, 1), (1e6, 65535)])
def test_weights_fit_into_those_of_consul(weight: float, expected: int) -> None:
    body = definition(Registration(ServiceName("web"), Endpoint("h", 1, weight=weight)))
    assert body["Weights"] == {"Passing": expected, "Warning": 1}


def test_an_instance_without_an_id_gets_one_of_its_place() -> None:
    assert instance_id(Registration(ServiceName("web"), Endpoint("h", 1))) == "web-h-1"
