"""What keeps calls from endpoints and services that fail: Envoy's outlier detection, checks, limits and throttle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.sidecar.envoy.vocabulary import Document, extension, percent, seconds

if TYPE_CHECKING:
    from meshclient.config.policy_shape import EjectionConfig, HealthConfig, ThrottleConfig
    from meshclient.config.shape import ServiceConfig

# Requests to an endpoint within an interval below which its failures are not counted as a share (as many as a circuit
# of ours wants to see).
VOLUME = 20
# Seconds between two looks at the shares, which is also how exactly ejections end.
INTERVAL = 1.0
# The largest number that Envoy's counters take: without a limit of ours there is to be none of Envoy's (1,024).
UNBOUNDED = 4_294_967_295


def outlier_detection(ejection: EjectionConfig) -> Document:
    """By failures in a row, and by their share within a second; not by comparison with other endpoints."""
    return {
        "consecutive_5xx": ejection.consecutive,
        "enforcing_consecutive_5xx": 100,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        "enforcing_failure_percentage": 100,
        "failure_percentage_threshold": round((1 - ejection.ratio) * 100),
        "failure_percentage_minimum_hosts": 2,
        "failure_percentage_request_volume": VOLUME,
        "interval": seconds(INTERVAL),
        "base_ejection_time": seconds(ejection.base),
        "max_ejection_time": seconds(ejection.limit),
        "max_ejection_percent": round(ejection.max_ejected * 100),
    }


def health_check(health: HealthConfig, service: str) -> Document:
    """The same checks, made by Envoy."""
    check: Document = {
        "interval": seconds(health.interval),
        # Envoy's own is a minute for clusters that have not been called yet.
        "no_traffic_interval": seconds(health.interval),
        "timeout": seconds(health.timeout),
        "healthy_threshold": health.healthy,
        "unhealthy_threshold": health.unhealthy,
        "interval_jitter_percent": round(health.jitter * 100),
    }
    if health.tcp:
        check["tcp_health_check"] = {}
    else:
        expected = [{"start": 200, "end": 300}]
        check["http_health_check"] = {"path": health.path, "host": service, "expected_statuses": expected}
    return check


def circuit_breakers(config: ServiceConfig) -> Document:
    """How much may be under way at once, and how much of it may be retries."""
    limit, retry = config.limit, config.retry
    bounds: Document = {
        "max_connections": config.connections.total or UNBOUNDED,
        # Not the queue of ours: in Envoy a request is pending whenever no idle connection is at hand.
        "max_pending_requests": UNBOUNDED,
        "max_requests": limit.concurrency if limit else UNBOUNDED,
        "max_retries": UNBOUNDED,
    }
    if retry is not None:
        floor = max(1, round(retry.budget_floor))
        bounds["retry_budget"] = {"budget_percent": percent(retry.budget), "min_retry_concurrency": floor}
    breakers: Document = {"thresholds": [bounds]}
    # Over HTTP/1.1 an attempt in flight is a connection.
    most = [most for most in (config.connections.per_endpoint, limit.endpoint if limit else 0) if most]
    if most:
        breakers["per_host_thresholds"] = [{"max_connections": min(most)}]
    return breakers


def throttle(rule: ThrottleConfig) -> Document:
    """Envoy's admission control, which is the same rule: its threshold is the reciprocal of our factor."""
    return extension(
        "envoy.filters.http.admission_control",
        "filters.http.admission_control.v3.AdmissionControl",
        success_criteria={"http_criteria": {"http_success_status": [{"start": 100, "end": 500}]}},
        sampling_window=seconds(max(1.0, round(rule.window))),
        sr_threshold=_default("meshclient.throttle.threshold", percent(min(1.0, 1 / rule.k))),
        rps_threshold=_default("meshclient.throttle.rps", max(1, round(rule.min_calls / rule.window))),
        max_rejection_probability=_default("meshclient.throttle.most", percent(rule.most)),
    )


def _default(key: str, value: object) -> Document:
    return {"default_value": value, "runtime_key": key}
