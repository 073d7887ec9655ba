"""What Eureka is told of an instance."""

from __future__ import annotations

from typing import Any

import pytest

from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.registration.registrar import Registration
from meshclient_eureka.definition import instance_definition, instance_id
from meshclient_eureka.errors import EurekaError


def define(endpoint: Endpoint, health: str = "", ttl: float = 15.0) -> dict[str, Any]:
    document: Any = instance_definition(Registration(ServiceName("web_x"), endpoint, health, ttl))
    info: dict[str, Any] = document["instance"]
    return info


def test_a_plain_endpoint() -> None:
    info = define(Endpoint("10.0.0.1", 8080), "/healthz")
    assert info["app"] == "WEB_X"
    assert info["vipAddress"] == info["secureVipAddress"] == "web_x"
    assert info["instanceId"] == "10.0.0.1:web_x:8080"
    assert info["hostName"] == info["ipAddr"] == "10.0.0.1"
    assert info["port"] == {"$": 8080, "@enabled": "true"}
    assert info["securePort"]["@enabled"] == "false"
    assert info["healthCheckUrl"] == "http://10.0.0.1:8080/healthz"
    assert info["metadata"] == {}


def test_an_https_endpoint() -> None:
    info = define(Endpoint("h", 8443, scheme="https"), "/healthz")
    assert info["securePort"] == {"$": 8443, "@enabled": "true"}
    assert info["port"]["@enabled"] == "false"
    assert info["secureHealthCheckUrl"] == "https://h:8443/healthz"
    assert "healthCheckUrl" not in info


def test_what_eureka_has_no_field_for_goes_into_the_metadata() -> None:
    info = define(Endpoint("h", 1, weight=2.5, zone="eu-1a", tags=("a", "b"), metadata={"version": "7"}))
    assert info["metadata"] == {"version": "7", "zone": "eu-1a", "weight": "2.5", "tags": "a,b"}


@pytest.mark.parametrize(("ttl", "lease"), [(0.2, (1, 1)), (3, (1, 3)), (15, (5, 15)), (15.1, (5, 16)), (90, (30, 90))])
def test_the_ttl_is_the_lease(ttl: float, lease: tuple[int, int]) -> None:
    info = define(Endpoint("h", 1), ttl=ttl)["leaseInfo"]
    assert (info["renewalIntervalInSecs"], info["durationInSecs"]) == lease


@pytest.mark.parametrize("name", ["a/b", "a\\b", ".", "..", "a\nb"])
def test_an_id_that_could_not_be_renewed_is_refused(name: str) -> None:
    with pytest.raises(EurekaError, match="cannot stand in a path"):
        instance_id(Registration(ServiceName("web"), Endpoint("h", 1, id=name)))
