"""Which request goes where, as Envoy's route configuration."""

from __future__ import annotations

import re
from typing import Any

import pytest

from meshclient.config.policy_shape import Backoff, HashKey, RetryConfig
from meshclient.config.shape import RouteConfig, ServiceConfig
from meshclient.config.sidecar_shape import SidecarConfig
from meshclient.sidecar.envoy.route import routes
from meshclient.sidecar.envoy.served import Picture, Served

ONCE = ServiceConfig(retry=None)


def hosts(
    settings: SidecarConfig | None = None, *, resolves: bool = False, **services: ServiceConfig
) -> dict[str, Any]:
    served = {name: Served(name, config) for name, config in services.items()}
    picture = Picture(settings or SidecarConfig(), served, resolves=resolves, learner="/run/learn.sock")
    made: Any = routes(picture)
    return {each["name"]: each for each in made["virtual_hosts"]}


def ordinary(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in found if each.get("name") != "events"]


def entries(config: ServiceConfig) -> list[dict[str, Any]]:
    return ordinary(hosts(orders=config)["orders"]["routes"])


def test_a_service_goes_by_its_name_and_below_the_domains() -> None:
    found = hosts(orders=ONCE, users=ONCE)
    assert found["orders"]["domains"] == ["orders", "orders.mesh"]
    assert set(found) == {"orders", "users", "_rest"}
    assert found["_rest"] == {"name": "_rest", "domains": ["*"], "routes": [], "request_body_buffer_limit": 65536}


def test_a_host_means_one_service_only() -> None:
    found = hosts(None, resolves=False, **{"orders": ONCE, "orders.mesh": ONCE, "a.b": ONCE})
    assert found["orders"]["domains"] == ["orders", "orders.mesh"]
    # As the built-in proxy reads it: what is below a domain is the service before it.
    assert found["orders.mesh"]["domains"] == ["orders.mesh.mesh"]
    assert found["a.b"]["domains"] == ["a.b", "a.b.mesh"]


def test_one_service_may_have_everything() -> None:
    found = hosts(SidecarConfig(service="orders"), orders=ONCE, users=ONCE)
    assert {name: each["domains"] for name, each in found.items()} == {"orders": ["*"]}


def test_methods_that_may_be_repeated_have_routes_of_their_own() -> None:
    config = ServiceConfig(retry=RetryConfig(attempts=4, methods=("POST",), backoff=Backoff(0.05, 2.0)))
    get, others, keyed, rest = entries(config)
    assert get["match"]["headers"] == [{"name": ":method", "string_match": {"exact": "GET"}}]
    methods = others["match"]["headers"][0]["string_match"]["safe_regex"]["regex"]
    assert [each for each in ("PUT", "POST", "HEAD", "PATCH", "GET") if re.fullmatch(methods, each)] == [
        "PUT", "POST", "HEAD",
    ]  # fmt: skip
    assert keyed["match"]["headers"] == [{"name": "idempotency-key", "present_match": True}]
    assert rest["match"] == {"prefix": "/"}
    for entry in (get, others, keyed):
        policy = entry["route"]["retry_policy"]
        assert policy["num_retries"] == 3
        assert policy["retry_back_off"] == {"base_interval": "0.05s", "max_interval": "2s"}
        assert policy["per_try_timeout"] == "5s"
        assert {429, 500, 503} <= set(policy["retriable_status_codes"])
        assert not {200, 404, 501, 505} & set(policy["retriable_status_codes"])
    assert rest["route"]["retry_policy"]["retry_on"] == "connect-failure,refused-stream,reset-before-request"
    assert "retriable_status_codes" not in rest["route"]["retry_policy"]


def test_without_retries_one_route_is_enough() -> None:
    (only,) = entries(ONCE)
    assert only["route"]["retry_policy"] == {"num_retries": 0, "per_try_timeout": "5s"}
    (only,) = entries(ServiceConfig(retry=RetryConfig(attempts=1), attempt_timeout=None))
    assert "retry_policy" not in only["route"]


def test_deadlines() -> None:
    assert entries(ServiceConfig(retry=None, deadline=0.5))[0]["route"]["timeout"] == "0.5s"
    assert entries(ServiceConfig(retry=None, deadline=None))[0]["route"]["timeout"] == "0s"


def test_events_have_their_time_for_the_head_alone() -> None:
    def first(config: ServiceConfig) -> dict[str, Any]:
        return dict(hosts(orders=config)["orders"]["routes"][0])

    found = first(ServiceConfig(deadline=3.0))
    accepted = {"name": "accept", "string_match": {"contains": "text/event-stream"}}
    assert found["match"] == {"prefix": "/", "headers": [accepted]}
    assert found["route"]["timeout"] == "0s"
    assert found["route"]["retry_policy"]["per_try_timeout"] == "3s"
    # Whatever the method is.
    assert found["route"]["retry_policy"]["retry_on"] == "connect-failure,refused-stream,reset-before-request"
    once = first(ServiceConfig(retry=None, deadline=30.0, attempt_timeout=2.0))
    assert once["route"]["retry_policy"] == {"num_retries": 0, "per_try_timeout": "2s"}
    assert "name" not in first(ServiceConfig(retry=None, deadline=None))


def test_paths_of_their_own_come_first() -> None:
    slow = (RouteConfig("/reports/*", 60.0, None, None), RouteConfig("/one", 1.0, None, None))
    found = entries(ServiceConfig(retry=None, routes=slow))
    assert [each["match"] for each in found] == [{"prefix": "/reports/"}, {"path": "/one"}, {"prefix": "/"}]
    assert [each["route"]["timeout"] for each in found] == ["60s", "1s", "15s"]


@pytest.mark.parametrize(
    ("key", "policy"),
    [
        (HashKey("header", "x-user"), [{"header": {"header_name": "x-user"}}]),
        (HashKey("cookie", "sid"), [{"cookie": {"name": "sid"}}]),
        (HashKey("path"), [{"header": {"header_name": ":path"}}]),
        (HashKey("call"), None),
    ],
)
def test_hash_keys(key: HashKey, policy: object) -> None:
    assert entries(ServiceConfig(retry=None, hash_key=key))[0]["route"].get("hash_policy") == policy


def test_a_prefix_is_taken_off() -> None:
    slow = (RouteConfig("/reports/*", 60.0, None, None),)
    config = ServiceConfig(retry=None, routes=slow)
    settings = SidecarConfig(prefixes={"/o/": "orders", "/o/longer": "users"})
    longer, report, rest = ordinary(hosts(settings, orders=config, users=ONCE)["_rest"]["routes"])
    assert longer["match"] == {"prefix": "/o/longer"}
    assert report["match"] == {"prefix": "/o/reports/"}
    assert rest["match"] == {"path_separated_prefix": "/o"}
    rewrite = rest["route"]["regex_rewrite"]
    for path, arrives in (("/o", "/"), ("/o/", "/"), ("/o/a/o/b", "/a/o/b")):
        assert re.sub(rewrite["pattern"]["regex"], rewrite["substitution"], path) == arrives
    assert rest["route"]["host_rewrite_literal"] == "orders"


def test_names_that_may_be_services_are_asked_for() -> None:
    (entry,) = hosts(resolves=True, orders=ONCE)["_rest"]["routes"]
    pattern = entry["match"]["headers"][0]["string_match"]["safe_regex"]["regex"]
    for name in ("late", "late:80", "a.b.mesh", "late.", "x_y-z"):
        assert re.fullmatch(pattern, name), name
    for name in ("example.com", "10.0.0.1:80", "", "-", "late:x", "[::1]:80"):
        assert not re.fullmatch(pattern, name), name
    assert entry["route"]["internal_redirect_policy"]["redirect_response_codes"] == [307]


def test_tunnels_lead_where_they_may() -> None:
    allowed = ("db.internal:5432", "*.example.com", "plain.example")
    (entry,) = hosts(SidecarConfig(connect=allowed), orders=ONCE)["_rest"]["routes"]
    pattern = entry["match"]["headers"][0]["string_match"]["safe_regex"]["regex"]
    for target in ("db.internal:5432", "DB.internal:5432", "a.b.example.com:443", "plain.example:1"):
        assert re.fullmatch(pattern, target), target
    for target in ("db.internal:5433", "example.com:443", "dbxinternal:5432", "plain.example.org:443"):
        assert not re.fullmatch(pattern, target), target
    (first, *_) = hosts(SidecarConfig(connect=allowed, service="orders"), orders=ONCE)["orders"]["routes"]
    assert "connect_matcher" in first["match"]
