"""Endpoints as Envoy is told of them."""

from __future__ import annotations

from typing import Any

from meshclient.config.shape import ServiceConfig
from meshclient.model.endpoint import Endpoint, Health
from meshclient.sidecar.envoy.assignment import assignment
from meshclient.sidecar.envoy.served import Served


def localities(*endpoints: Endpoint, zone: str = "") -> list[dict[str, Any]]:
    made: Any = assignment(Served("orders", ServiceConfig(), endpoints), zone)
    assert made["cluster_name"].partition("~")[0] == "orders"
    return list(made["endpoints"])


def places(locality: dict[str, Any]) -> list[tuple[str, int]]:
    addresses = [each["endpoint"]["address"]["socket_address"] for each in locality["lb_endpoints"]]
    return [(address["address"], address["port_value"]) for address in addresses]


def test_a_service_without_endpoints_has_none() -> None:
    assert localities() == []


def test_equal_weights_are_left_out_so_that_envoy_chooses_of_two() -> None:
    (only,) = localities(Endpoint("10.0.0.1", 80, weight=3), Endpoint("10.0.0.2", 81, weight=3))
    assert places(only) == [("10.0.0.1", 80), ("10.0.0.2", 81)]
    assert all("load_balancing_weight" not in each for each in only["lb_endpoints"])
    assert "locality" not in only
    assert "priority" not in only


def test_weights_are_whole_numbers_in_proportion() -> None:
    def weights(*given: float) -> list[int]:
        (only,) = localities(*(Endpoint("10.0.0.1", 80 + at, weight=each) for at, each in enumerate(given)))
        return [each["load_balancing_weight"] for each in only["lb_endpoints"]]

    assert weights(1, 3) == [1, 3]
    assert weights(0.5, 2) == [500, 2000]
    assert weights(0.5, 1e6) == [1, 1_000_000]
    assert weights(1e-9, 2.5) == [1, 2500]


def test_priorities_are_ranks_without_gaps() -> None:
    first, second, third = localities(
        Endpoint("10.0.0.1", 80, priority=20),
        Endpoint("10.0.0.2", 80, priority=5),
        Endpoint("10.0.0.3", 80, priority=7),
    )
    assert [places(each)[0][0] for each in (first, second, third)] == ["10.0.0.2", "10.0.0.3", "10.0.0.1"]
    assert [each.get("priority", 0) for each in (first, second, third)] == [0, 1, 2]


def test_zones_get_what_our_own_rule_gives_them() -> None:
    endpoints = [Endpoint(f"10.0.0.{at}", 80, zone="abc"[at % 3]) for at in range(6)]
    shares = {each["locality"]["zone"]: each["load_balancing_weight"] for each in localities(*endpoints, zone="a")}
    assert shares == {"a": 10_000, "b": 1, "c": 1}
    few = {each["locality"]["zone"]: each["load_balancing_weight"] for each in localities(*endpoints[:3], zone="a")}
    assert few == {"a": 3333, "b": 3333, "c": 3333}
    assert all("load_balancing_weight" not in each for each in localities(*endpoints))


def test_health_is_what_the_registry_says() -> None:
    states = [Health.PASSING, Health.WARNING, Health.CRITICAL, Health.UNKNOWN, Health.DRAINING]
    (only,) = localities(*(Endpoint("10.0.0.1", 80 + at, health=state) for at, state in enumerate(states)))
    said = [each.get("health_status") for each in only["lb_endpoints"]]
    assert said == ["HEALTHY", "HEALTHY", "UNHEALTHY", None]


def test_what_envoy_would_refuse_does_not_take_the_others_with_it() -> None:
    (only,) = localities(Endpoint("fe80::1%eth0", 80), Endpoint("fe80::2", 80))
    assert places(only) == [("fe80::2", 80)]
    (only,) = localities(Endpoint("/run/x.sock", 0, is_socket=True), Endpoint("backend.internal", 80))
    assert places(only) == [("backend.internal", 80)]


def test_a_unix_socket_is_a_pipe() -> None:
    (only,) = localities(Endpoint("/run/x.sock", 0, is_socket=True))
    assert only["lb_endpoints"][0]["endpoint"]["address"] == {"pipe": {"path": "/run/x.sock"}}


def test_mixed_schemes_are_told_apart_by_metadata() -> None:
    (only,) = localities(Endpoint("10.0.0.1", 80), Endpoint("10.0.0.1", 443, scheme="https"))
    matches = [each["metadata"]["filter_metadata"]["envoy.transport_socket_match"] for each in only["lb_endpoints"]]
    assert matches == [{"scheme": "http"}, {"scheme": "https"}]
