"""What a client has to tell, and by which names: the list that the code is held to, beside OpenTelemetry's registry.

Names that begin with ``meshclient.`` are part of the public interface: dashboards and alerts are made of them. The
others are those of OpenTelemetry's semantic conventions for HTTP clients, 1.44.0.
"""

from __future__ import annotations

from dataclasses import dataclass

# Semantic conventions advise these for http.client.request.duration.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
FEW = (1.0, 2.0, 3.0, 4.0, 5.0, 10.0)

METHOD, STATUS, ERROR = "http.request.method", "http.response.status_code", "error.type"
SERVICE, RESOLVER = "service.peer.name", "meshclient.resolver"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A metric.

    Args:
        name: of OpenTelemetry's instrument.
        kind: ``histogram``, ``counter``, ``up_down`` or ``gauge``.
        unit: in UCUM.
        attributes: all that it can have.
        prometheus: its name there.
        buckets: of a histogram.
    """

    name: str
    kind: str
    unit: str
    attributes: tuple[str, ...]
    prometheus: str
    buckets: tuple[float, ...] = ()


METRICS = (
    Wanted(
        "http.client.request.duration",
        "histogram",
        "s",
        (METHOD, "server.address", "server.port", STATUS, ERROR, "network.protocol.version"),
        "http_client_request_duration_seconds",
        SECONDS,
    ),
    Wanted(
        "meshclient.client.call.duration",
        "histogram",
        "s",
        (SERVICE, METHOD, STATUS, ERROR, "meshclient.call.result"),
        "meshclient_client_call_duration_seconds",
        SECONDS,
    ),
    Wanted(
        "meshclient.client.call.attempts", "histogram", "{attempt}", (SERVICE,), "meshclient_client_call_attempts", FEW
    ),
    Wanted("meshclient.client.call.retries", "histogram", "{retry}", (SERVICE,), "meshclient_client_call_retries", FEW),
    Wanted("meshclient.client.call.hedges", "histogram", "{hedge}", (SERVICE,), "meshclient_client_call_hedges", FEW),
    Wanted(
        "meshclient.client.call.retry_delay",
        "histogram",
        "s",
        (SERVICE,),
        "meshclient_client_call_retry_delay_seconds",
        SECONDS,
    ),
    Wanted(
        "meshclient.client.call.rejected",
        "counter",
        "{call}",
        (SERVICE, "meshclient.rejection.reason"),
        "meshclient_client_call_rejected_total",
    ),
    Wanted(
        "meshclient.balancer.endpoint.count",
        "up_down",
        "{endpoint}",
        (SERVICE, "meshclient.endpoint.state"),
        "meshclient_balancer_endpoint_count",
    ),
    Wanted("meshclient.balancer.panic", "counter", "{pick}", (SERVICE,), "meshclient_balancer_panic_total"),
    Wanted(
        "meshclient.breaker.transitions",
        "counter",
        "{transition}",
        (SERVICE, "meshclient.breaker.from", "meshclient.breaker.to"),
        "meshclient_breaker_transitions_total",
    ),
    Wanted("meshclient.retry.budget.balance", "gauge", "1", (SERVICE,), "meshclient_retry_budget_balance"),
    Wanted("meshclient.limiter.limit", "gauge", "{call}", (SERVICE,), "meshclient_limiter_limit"),
    Wanted("meshclient.limiter.in_flight", "gauge", "{call}", (SERVICE,), "meshclient_limiter_in_flight"),
    Wanted(
        "meshclient.discovery.update.count",
        "counter",
        "{update}",
        (SERVICE, RESOLVER),
        "meshclient_discovery_update_count_total",
    ),
    Wanted(
        "meshclient.discovery.error.count",
        "counter",
        "{error}",
        (SERVICE, RESOLVER, ERROR),
        "meshclient_discovery_error_count_total",
    ),
    Wanted(
        "meshclient.discovery.snapshot.age",
        "gauge",
        "s",
        (SERVICE, RESOLVER, "meshclient.snapshot.state"),
        "meshclient_discovery_snapshot_age_seconds",
    ),
    Wanted(
        "meshclient.cache.lookup.count",
        "counter",
        "{lookup}",
        (SERVICE, "meshclient.cache.result"),
        "meshclient_cache_lookup_count_total",
    ),
    # Beyond what was asked for.
    Wanted("meshclient.balancer.ejections", "counter", "{ejection}", (SERVICE,), "meshclient_balancer_ejections_total"),
    Wanted(
        "meshclient.discovery.held.count",
        "up_down",
        "{endpoint}",
        (SERVICE, RESOLVER),
        "meshclient_discovery_held_count",
    ),
)

# Of meshclient.endpoint.state, each told of at zero as well.
ENDPOINT_STATES = ("available", "ejected", "draining", "warming", "excluded")

# On the span of an attempt, where there is such a thing.
OF_ATTEMPTS = (
    METHOD,
    "http.request.method_original",
    "server.address",
    "server.port",
    "url.full",
    "url.template",
    "network.peer.address",
    "network.peer.port",
    "network.protocol.version",
    STATUS,
    ERROR,
    "http.request.resend_count",
    "meshclient.attempt.hedge",
    "meshclient.endpoint.id",
    "meshclient.endpoint.zone",
    "meshclient.picker",
    "meshclient.snapshot.age",
)
# Likewise, where somebody wants it.
CHOSEN = ("url.scheme", "user_agent.original", SERVICE, "http.request.header.x-tenant")
# Likewise, by an option of its own.
DEPRECATED = ("peer.service",)

# Opt-in by the semantic conventions and in development there, and not told.
LEFT_OUT = (
    "http.client.active_requests",
    "http.client.open_connections",
    "http.client.connection.duration",
    "http.client.request.body.size",
    "http.client.response.body.size",
    "service.peer.namespace",
)
