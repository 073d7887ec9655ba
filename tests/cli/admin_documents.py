"""What a process under load answers, with numbers that stay the same: for looking at how commands show it."""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]


def endpoint(host: str, **told: object) -> Document:
    """One endpoint, well unless told otherwise."""
    return {
        "service": "orders",
        "host": host,
        "port": 8080,
        "scheme": "http",
        "id": None,
        "weight": 1.0,
        "priority": 0,
        "zone": "eu-1a",
        "tags": [],
        "metadata": {},
        "health": "passing",
        "url": f"http://{host}:8080",
        "state": "in_rotation",
        "returns_in_seconds": None,
        "failures": 0,
        "in_flight": 2,
        "share": 0.4534,
        "rps": 49.04,
        "p50_seconds": 0.0112,
        "p99_seconds": 0.0241,
        "expected_latency_seconds": 0.0118,
        "attempts": 4021,
        "circuit": "closed",
        "age_seconds": 1.94,
        **told,
    }


def service(name: str, **told: object) -> Document:
    """One service, well unless told otherwise."""
    return {
        "service": name,
        "state": "ready",
        "source": "consul://127.0.0.1:8500",
        "version": 4,
        "age_seconds": 1.94,
        "cause": None,
        "endpoints": 3,
        "available": 2,
        "panic": False,
        "balancer": "p2c",
        "circuit": {"kind": "throttle", "state": "closed", "reason": None},
        "rps": 108.2,
        "error_ratio": 0.0004,
        "retry_ratio": 0.012,
        "p50_seconds": 0.0112,
        "p99_seconds": 0.0241,
        "in_flight": 2,
        "limit": None,
        "retry_budget": 87.8,
        "calls": 10422,
        "errors": 4,
        "retries": 131,
        "hedges": 0,
        **told,
    }


UNKNOWN = {"rps": None, "p50_seconds": None, "p99_seconds": None}

ENDPOINTS: Document = {
    "schema": "meshclient.endpoints/v1",
    "endpoints": [
        endpoint("10.0.0.7", id="i-01af3"),
        endpoint("10.0.0.8", id="i-02b11", zone="eu-1b", share=0.5466, rps=59.2, tags=["v2", "blue"]),
        endpoint(
            "10.0.0.9",
            id="i-03c77",
            zone=None,
            state="ejected",
            returns_in_seconds=3.62,
            failures=5,
            in_flight=0,
            share=0.0,
            rps=0.0,
            p99_seconds=None,
            p50_seconds=None,
        ),
        endpoint(
            "pay-1.internal",
            service="payments",
            state="probing",
            circuit="open",
            share=None,
            expected_latency_seconds=None,
            age_seconds=None,
            p50_seconds=1.234,
            p99_seconds=12.3,
            rps=None,
        ),
    ],
}
CIRCUITS: Document = {
    "schema": "meshclient.circuits/v1",
    "circuits": [
        {
            "service": "orders",
            "kind": "throttle",
            "state": "throttling",
            "refused_ratio": 0.42,
            "reason": "the service accepted 20 of its last 68 calls, so 42% of new ones are refused",
            "retry_after_seconds": 0.75,
            "enforced": True,
        },
        {
            "service": "payments",
            "kind": "circuit",
            "state": "open",
            "refused_ratio": 1.0,
            "reason": "the circuit of payments is open: 5 failures in a row; the next call is let through in 4.1s",
            "retry_after_seconds": 4.1,
            "enforced": False,
        },
        {
            "service": "users",
            "kind": "none",
            "state": "off",
            "refused_ratio": 0.0,
            "reason": None,
            "retry_after_seconds": None,
            "enforced": True,
        },
    ],
}
STATS: Document = {
    "schema": "meshclient.stats/v1",
    "pid": 4711,
    "version": "0.1.0",
    "uptime_seconds": 235.4,
    "services": [
        service("orders"),
        service("orders/canary", calls=None, errors=None, retries=None, hedges=None, error_ratio=None),
        service(
            "payments",
            state="failed",
            cause="connection refused",
            available=0,
            panic=True,
            circuit={"kind": "circuit", "state": "open", "reason": "5 failures in a row"},
            error_ratio=1.0,
            limit=20,
            p50_seconds=None,
            p99_seconds=None,
        ),
    ],
}
SIDECAR: Document = {
    **STATS,
    "worker": None,
    "ready": True,
    "draining": False,
    "listening": {"outbound": "127.0.0.1:7140", "admin": "127.0.0.1:7190"},
    "reload": {
        "generation": 2,
        "succeeded": 1,
        "failed": 0,
        "last_error": None,
        "since": "2026-11-21T23:48:47.512Z",
    },
    "proxies": {
        "outbound": {
            "open": 3,
            "connections": 120,
            "active": 1,
            "requests": 5400,
            "statuses": {"1xx": 0, "2xx": 5380, "3xx": 0, "4xx": 12, "5xx": 8},
            "abandoned": 0,
            "received_bytes": 99999,
            "sent_bytes": 123456,
            "tunnels": 0,
            "cut": 0,
            "refused": {"circuit_open": 6, "deadline_exceeded": 2},
        }
    },
    "envoy": None,
    "application": {
        "address": "127.0.0.1:8000",
        "fit": True,
        "reason": None,
        "in_flight": 0,
        "limit": None,
        "registered": True,
    },
}
