from __future__ import annotations

import re

import httpx
import pytest

import meshclient
from meshclient.http.options import call_options
from meshclient.mesh import MeshService


@pytest.fixture
def service() -> MeshService:
    mesh = meshclient.Mesh(
        mode="on-demand",
        services={
            "orders": {
                "endpoints": ["127.0.0.1:1"],
                "deadline": "2s",
                "attempt_timeout": "1s",
                "connect_timeout": "250ms",
                "retry": {"attempts": 4, "methods": ["PATCH"]},
                "routes": {"/reports/*": {"deadline": "10s", "retry": False}},
            }
        },
    )
    return mesh.service("orders")


def request(method: str = "GET", path: str = "/", **extra: object) -> httpx.Request:
    return httpx.Request(method, f"http://orders{path}", **extra)  # type: ignore[arg-type]


def test_the_services_settings_hold(service: MeshService) -> None:
    options = call_options(request(), service)
    assert (options.deadline, options.attempt_timeout, options.connect_timeout) == (2.0, 1.0, 0.25)
    assert options.retry.attempts == 4


def test_a_route_differs(service: MeshService) -> None:
    options = call_options(request(path="/reports/7?x=1"), service)
    assert (options.deadline, options.attempt_timeout, options.retry.attempts) == (10.0, 1.0, 1)


@pytest.mark.parametrize(
    ("method", "headers", "idempotent"),
    [
        ("GET", {}, True),
        ("DELETE", {}, True),
        ("POST", {}, False),
        ("POST", {"Idempotency-Key": "1"}, True),
        ("PATCH", {}, True),
        ("CONNECT", {}, False),
    ],
)
def test_what_may_be_repeated(service: MeshService, method: str, headers: dict[str, str], idempotent: bool) -> None:
    assert call_options(request(method, headers=headers), service).idempotent is idempotent


def test_a_call_may_ask_for_its_own(service: MeshService) -> None:
    mesh = {"deadline": "500ms", "attempt_timeout": 0.1, "retry": False, "idempotent": True}
    options = call_options(request("POST", extensions={"mesh": mesh}), service)
    assert (options.deadline, options.attempt_timeout, options.idempotent) == (0.5, 0.1, True)
    assert options.retry.attempts == 1


def test_a_call_may_have_no_limits(service: MeshService) -> None:
    mesh = {"deadline": None, "attempt_timeout": False}
    options = call_options(request(extensions={"mesh": mesh}), service)
    assert (options.deadline, options.attempt_timeout) == (None, float("inf"))


@pytest.mark.parametrize(
    ("mesh", "message"),
    [
        ({"dedline": 1}, "extensions[\"mesh\"] has no key 'dedline'; did you mean 'deadline'?"),
        ({1: 2}, 'extensions["mesh"] has no key 1; known: attempt_timeout, deadline'),
        ({"zzz": 1}, "has no key 'zzz'; known: attempt_timeout, deadline"),
        ({"deadline": "soon"}, "extensions[\"mesh\"]['deadline']: 'soon' is not a duration"),
        ({"retry": 3}, "extensions[\"mesh\"]['retry'] is 3: give True or False"),
        ({"idempotent": "yes"}, "['idempotent'] is 'yes': give True or False"),
        (0.5, 'extensions["mesh"] is 0.5: give a table'),
    ],
)
def test_wrong_wishes_are_refused(service: MeshService, mesh: object, message: str) -> None:
    with pytest.raises(meshclient.ConfigError, match=re.escape(message)):
        call_options(request(extensions={"mesh": mesh}), service)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("version=7", "7"),
        ('a={"b":1}; version=7', "7"),
        ('a=1;version="7"', "7"),
        ("versions=8; version=", ""),
        ("versions=8", None),
        (None, None),
    ],
)
def test_a_cookie_is_found_among_all_kinds_of_others(header: str | None, value: str | None) -> None:
    services = {"orders": {"endpoints": ["127.0.0.1:1"], "hash_key": "cookie:version", "balancer": "maglev"}}
    service = meshclient.Mesh(mode="on-demand", services=services).service("orders")
    headers = {} if header is None else {"cookie": header}
    assert call_options(request(headers=headers), service).key == value
