"""Policies of a service as Envoy's cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from meshclient.config.policy_shape import EjectionConfig, HealthConfig, LimitConfig, RetryConfig, ThrottleConfig
from meshclient.config.shape import ServiceConfig
from meshclient.config.wire_shape import ConnectionsConfig, TlsConfig
from meshclient.model.endpoint import Endpoint
from meshclient.sidecar.envoy.cluster import cluster
from meshclient.sidecar.envoy.served import Served

PLAIN = Endpoint("10.0.0.1", 80)
SECURE = Endpoint("10.0.0.1", 443, scheme="https")
PROTOCOL = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def made(
    config: ServiceConfig,
    *endpoints: Endpoint,
    zone: str = "",
    source: dict[str, object] | None = None,
    throttled: bool = True,
) -> dict[str, Any]:
    served = Served("orders", config, endpoints or (PLAIN,), throttled=throttled)
    return cluster(served, zone=zone, source=source, trusted="/ca.pem")


def test_endpoints_are_apart_within_or_looked_up() -> None:
    apart = made(ServiceConfig(), source={"path": "x"})
    assert (apart["type"], apart["eds_cluster_config"]) == (
        "EDS",
        {"eds_config": {"path": "x"}, "service_name": "orders"},
    )
    assert "load_assignment" not in apart
    within = made(ServiceConfig())
    assert (within["type"], len(within["load_assignment"]["endpoints"])) == ("STATIC", 1)
    assert "@type" not in within["load_assignment"]
    named = made(ServiceConfig(), Endpoint("backend.internal", 80), source={"path": "x"})
    assert named["cluster_type"]["name"] == "envoy.clusters.dns"
    assert len(named["load_assignment"]["endpoints"]) == 1
    assert "type" not in named


@pytest.mark.parametrize(
    ("ours", "envoys"),
    [
        ("p2c", "LEAST_REQUEST"),
        ("least_request", "LEAST_REQUEST"),
        ("round_robin", "ROUND_ROBIN"),
        ("weighted_random", "ROUND_ROBIN"),
        ("ring_hash", "RING_HASH"),
        ("maglev", "MAGLEV"),
        ("somebody's", "LEAST_REQUEST"),
    ],
)
def test_balancers(ours: str, envoys: str) -> None:
    assert made(ServiceConfig(balancer=ours))["lb_policy"] == envoys


def test_slow_start_is_of_balancers_that_weigh() -> None:
    window = {"slow_start_config": {"slow_start_window": "30s"}}
    assert made(ServiceConfig())["least_request_lb_config"] == window
    assert made(ServiceConfig(balancer="round_robin"))["round_robin_lb_config"] == window
    assert "least_request_lb_config" not in made(ServiceConfig(slow_start=None))
    assert not [key for key in made(ServiceConfig(balancer="maglev")) if key.endswith("_lb_config") and key[0] != "c"]


def test_ejection() -> None:
    ejection = EjectionConfig(consecutive=7, ratio=0.75, base=2.5, limit=60.0, max_ejected=0.4, panic=0.3)
    detection = made(ServiceConfig(ejection=ejection))["outlier_detection"]
    assert detection["consecutive_5xx"] == 7
    assert detection["failure_percentage_threshold"] == 25
    assert (detection["base_ejection_time"], detection["max_ejection_time"]) == ("2.5s", "60s")
    assert detection["max_ejection_percent"] == 40
    assert detection["enforcing_success_rate"] == 0
    assert made(ServiceConfig(ejection=ejection))["common_lb_config"]["healthy_panic_threshold"] == {"value": 30.0}
    off = made(ServiceConfig(ejection=None))
    assert "outlier_detection" not in off
    assert off["common_lb_config"]["healthy_panic_threshold"] == {"value": 0.0}
    assert "outlier_detection" not in made(ServiceConfig(shadow=("ejection",)))


def test_limits_and_the_retry_budget() -> None:
    bounds = made(ServiceConfig(limit=None))["circuit_breakers"]["thresholds"][0]
    assert bounds["max_requests"] == bounds["max_pending_requests"] == 2**32 - 1
    assert bounds["max_connections"] == 1024
    assert bounds["retry_budget"] == {"budget_percent": {"value": 20.0}, "min_retry_concurrency": 3}
    config = ServiceConfig(
        limit=LimitConfig(concurrency=9, endpoint=4),
        connections=ConnectionsConfig(per_endpoint=6, total=0),
        retry=RetryConfig(budget=0.1, budget_floor=0.2),
    )
    breakers = made(config)["circuit_breakers"]
    assert breakers["per_host_thresholds"] == [{"max_connections": 4}]
    assert breakers["thresholds"][0]["max_requests"] == 9
    assert breakers["thresholds"][0]["max_connections"] == 2**32 - 1
    assert breakers["thresholds"][0]["retry_budget"]["min_retry_concurrency"] == 1
    assert "retry_budget" not in made(ServiceConfig(retry=None))["circuit_breakers"]["thresholds"][0]


def test_the_throttle_is_admission_control() -> None:
    def filters(config: ServiceConfig) -> list[str]:
        options = made(config)["typed_extension_protocol_options"][PROTOCOL]
        return [each["name"].rpartition(".")[2] for each in options.get("http_filters", ())]

    assert filters(ServiceConfig()) == ["admission_control", "upstream_codec"]
    assert filters(ServiceConfig(throttle=None)) == filters(ServiceConfig(shadow=("throttle",))) == []
    implied = made(ServiceConfig(), throttled=False)
    assert "http_filters" not in implied["typed_extension_protocol_options"][PROTOCOL]
    throttle = ThrottleConfig(k=4.0, window=5.0, min_calls=20, most=0.8)
    options = made(ServiceConfig(throttle=throttle))["typed_extension_protocol_options"][PROTOCOL]
    control = options["http_filters"][0]["typed_config"]
    assert control["sr_threshold"]["default_value"] == {"value": 25.0}
    assert control["rps_threshold"]["default_value"] == 4
    assert control["max_rejection_probability"]["default_value"] == {"value": 80.0}
    assert control["sampling_window"] == "5s"


def test_checks() -> None:
    (check,) = made(ServiceConfig(health=HealthConfig(interval=2.0, timeout=0.5)))["health_checks"]
    assert check["http_health_check"]["path"] == "/healthz"
    assert check["http_health_check"]["host"] == "orders"
    assert (check["interval"], check["no_traffic_interval"], check["timeout"]) == ("2s", "2s", "0.5s")
    (check,) = made(ServiceConfig(health=HealthConfig(tcp=True)))["health_checks"]
    assert check["tcp_health_check"] == {}


def test_zones_weigh_only_where_our_own_is_known() -> None:
    assert "locality_weighted_lb_config" in made(ServiceConfig(), zone="a")["common_lb_config"]
    assert "locality_weighted_lb_config" not in made(ServiceConfig())["common_lb_config"]
    assert "locality_weighted_lb_config" not in made(ServiceConfig(zone_aware=False), zone="a")["common_lb_config"]


def test_tls_is_verified_for_the_name_of_the_service() -> None:
    assert "transport_socket" not in made(ServiceConfig(), PLAIN)
    tls = made(ServiceConfig(), SECURE)["transport_socket"]["typed_config"]
    assert tls["sni"] == "orders"
    validation = tls["common_tls_context"]["validation_context"]
    assert validation["trusted_ca"] == {"filename": "/ca.pem"}
    assert validation["match_typed_subject_alt_names"] == [{"san_type": "DNS", "matcher": {"exact": "orders"}}]
    own = TlsConfig(ca="/own.pem", cert="/c.pem", key="/k.pem", identity="10.0.0.9")
    tls = made(ServiceConfig(tls=own), SECURE)["transport_socket"]["typed_config"]
    context = tls["common_tls_context"]
    assert "sni" not in tls
    assert context["validation_context"]["trusted_ca"] == {"filename": "/own.pem"}
    assert context["validation_context"]["match_typed_subject_alt_names"][0]["san_type"] == "IP_ADDRESS"
    assert context["tls_certificates"][0]["private_key"] == {"filename": "/k.pem"}
    blind = made(ServiceConfig(tls=replace(own, verify=False)), SECURE)["transport_socket"]["typed_config"]
    assert "validation_context" not in blind["common_tls_context"]


def test_mixed_schemes_choose_by_endpoint() -> None:
    matches = made(ServiceConfig(), PLAIN, SECURE)["transport_socket_matches"]
    assert [each["match"] for each in matches] == [{"scheme": "https"}, {"scheme": "http"}]


def test_http2_is_offered_over_tls_alone() -> None:
    def protocol(*endpoints: Endpoint) -> dict[str, Any]:
        options: dict[str, Any] = made(ServiceConfig(http2=True), *endpoints)["typed_extension_protocol_options"]
        return dict(options[PROTOCOL])

    assert "auto_config" in protocol(SECURE)
    assert "explicit_http_config" in protocol(PLAIN)
    assert "explicit_http_config" in protocol(PLAIN, SECURE)
