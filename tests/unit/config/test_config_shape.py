"""What the finished configuration answers, and what its parts refuse."""

from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from meshclient.config.policy_shape import Backoff, EjectionConfig, RetryConfig
from meshclient.config.shape import MeshConfig, RouteConfig, ServiceConfig
from meshclient.model.service import ServiceName

SHORT = ServiceConfig(deadline=1.0)


def test_the_defaults_are_those_of_the_reference() -> None:
    assert MeshConfig() == MeshConfig(resolver="", domains=("mesh",), mode="background")
    assert ServiceConfig() == ServiceConfig(
        deadline=15.0,
        attempt_timeout=5.0,
        connect_timeout=1.0,
        balancer="p2c",
        retry=RetryConfig(attempts=3, budget=0.2, budget_floor=3.0, backoff=Backoff(0.025, 1.0), methods=()),
        ejection=EjectionConfig(consecutive=5, base=5.0, limit=300.0, max_ejected=0.5, panic=0.5),
        endpoints=(),
        routes=(),
    )


PARTS = [MeshConfig(), SHORT, RetryConfig(), EjectionConfig(), Backoff(), RouteConfig("/", None, None, None)]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: type(part).__name__)
def test_a_configuration_cannot_be_changed(part: Any) -> None:
    name = fields(part)[0].name
    with pytest.raises(FrozenInstanceError):
        setattr(part, name, None)
    assert not hasattr(part, "__dict__")


def test_a_backoff_that_starts_above_its_limit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^first 2s is longer than limit 1s: lower first or raise limit$"):
        Backoff(2.0, 1.0)


def test_an_ejection_that_starts_above_its_limit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^base 10s is longer than limit 5s: lower base or raise limit$"):
        EjectionConfig(base=10.0, limit=5.0)


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/reports", "/reports", True),
        ("/reports", "/reports/1", False),
        ("/reports/*", "/reports/1", True),
        ("/reports/*", "/reports/", True),
        ("/reports/*", "/reports", False),
        ("/*", "/anything", True),
    ],
)
def test_a_route_matches_a_path_or_the_beginning_of_one(pattern: str, path: str, matches: bool) -> None:
    assert RouteConfig(pattern, None, None, None).matches(path) is matches


def test_the_first_matching_route_is_taken() -> None:
    routes = tuple(RouteConfig(pattern, None, None, None) for pattern in ("/a/b", "/a/*", "/*"))
    service = ServiceConfig(routes=routes)
    assert [service.route(path) for path in ("/a/b", "/a/c", "/x")] == list(routes)
    assert ServiceConfig(routes=routes[:1]).route("/x") is None


def test_a_service_has_its_own_configuration_or_the_defaults() -> None:
    config = MeshConfig(services={"orders": SHORT})
    assert config.service(ServiceName("orders")) is SHORT
    assert config.service(ServiceName("users")) is config.defaults


def test_a_service_named_by_a_variable_alone_stands_for_every_spelling() -> None:
    config = MeshConfig(services={"orders_api": SHORT}, unspelled=frozenset({"orders_api"}))
    for name in ("orders_api", "orders-api", "orders.api"):
        assert config.service(ServiceName(name)) is SHORT
    assert config.service(ServiceName("ordersapi")) is config.defaults


def test_a_service_named_elsewhere_is_spelt_exactly() -> None:
    config = MeshConfig(services={"orders_api": SHORT})
    assert config.service(ServiceName("orders-api")) is config.defaults
