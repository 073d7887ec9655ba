"""What a sidecar counts beside the mesh, for Prometheus (text format 0.0.4); the mesh's own metrics are the library's.

From what the admin interface shows as ``/stats``, so that both say the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_PREFIX = "meshclient_sidecar_"
# Labels of the library's.
_SERVICE, _STATUS = "service_peer_name", "http_response_status_code"
Sample = tuple[Mapping[str, str], float]
Family = tuple[str, str, str, list[Sample]]


def exposition(stats: Mapping[str, Any]) -> str:
    """The text; lines end with a line feed, and nothing marks the end."""
    return "".join(line for family in _families(stats) for line in _lines(family))


def _families(stats: Mapping[str, Any]) -> Iterator[Family]:
    reload, proxies = stats["reload"], stats["proxies"]
    yield "ready", "gauge", "Whether requests may be sent here", [({}, stats["ready"])]
    yield "draining", "gauge", "Whether it is about to end", [({}, stats["draining"])]
    yield "configuration_generation", "gauge", "Of the configuration in use", [({}, reload["generation"])]
    results: list[Sample] = [({"result": result}, reload[result]) for result in ("succeeded", "failed")]
    yield "reloads_total", "counter", "Configurations that took effect, and that were refused", results
    for key, name, kind, help_ in (
        ("open", "connections", "gauge", "Client connections that are open"),
        ("connections", "connections_total", "counter", "Client connections so far"),
        ("active", "requests_active", "gauge", "Requests under way"),
        ("received_bytes", "received_bytes_total", "counter", "Bytes from clients"),
        ("sent_bytes", "sent_bytes_total", "counter", "Bytes to clients"),
        ("tunnels", "tunnels", "gauge", "Tunnels that are open"),
    ):
        yield name, kind, help_, [({"listener": listener}, told[key]) for listener, told in proxies.items()]
    yield (
        "requests_total",
        "counter",
        "Requests by class of status",
        [
            ({"listener": name, "status": each}, n)
            for name, told in proxies.items()
            for each, n in told["statuses"].items()
        ],
    )
    yield (
        "refused_total",
        "counter",
        "Answers of the sidecar's own, by mesh-error",
        [
            ({"listener": name, "reason": each}, n)
            for name, told in proxies.items()
            for each, n in told["refused"].items()
        ],
    )
    if (application := stats.get("application")) is not None:
        yield "application_fit", "gauge", "Whether the application passes its health check", [({}, application["fit"])]
        yield "application_requests", "gauge", "Requests that it is serving", [({}, application["in_flight"])]
    if (envoy := stats.get("envoy")) is not None:
        yield from _of_envoy(envoy)


def _of_envoy(envoy: Mapping[str, Any]) -> Iterator[Family]:
    """What the library counts too is among its own metrics."""
    yield "envoy_up", "gauge", "Whether Envoy runs", [({}, envoy["pid"] is not None)]
    yield "envoy_restarts_total", "counter", "How often it was started again", [({}, envoy["restarts"])]
    updates: list[Sample] = [({"result": "taken"}, envoy["updates"]), ({"result": "refused"}, envoy["updates_refused"])]
    yield "envoy_updates_total", "counter", "Files of its configuration by what it made of them", updates
    calls: Mapping[str, Any] = envoy["calls"]
    yield (
        "calls_total",
        "counter",
        "Calls by the status that they were answered with",
        [({_SERVICE: name, _STATUS: each}, n) for name, told in calls.items() for each, n in told["statuses"].items()],
    )
    for key, name, kind, help_ in (
        ("active", "attempts_active", "gauge", "Attempts under way"),
        ("attempts", "attempts_total", "counter", "Attempts"),
        ("retries", "retries_total", "counter", "Attempts that repeat another"),
        ("retries_refused", "retries_refused_total", "counter", "Repeats that the budget did not allow"),
        ("timeouts", "timeouts_total", "counter", "Calls that ended with their deadline"),
        ("attempt_timeouts", "attempt_timeouts_total", "counter", "Attempts that ended with their time"),
        ("open", "endpoint_connections", "gauge", "Connections to endpoints that are open"),
        ("connections", "endpoint_connections_total", "counter", "Connections to endpoints so far"),
        ("connect_failures", "connect_failures_total", "counter", "Connections to endpoints that failed"),
    ):
        yield name, kind, help_, [({_SERVICE: service}, told[key]) for service, told in calls.items()]


def _lines(family: Family) -> Iterator[str]:
    name, kind, help_, samples = family
    if not samples:
        return
    yield f"# HELP {_PREFIX}{name} {help_}\n# TYPE {_PREFIX}{name} {kind}\n"
    for labels, value in samples:
        inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"{_PREFIX}{name}{f'{{{inner}}}' if inner else ''} {float(value)!r}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
