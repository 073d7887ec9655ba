"""What Envoy does not do of a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from meshclient import Mesh
from meshclient.config.shape import ServiceConfig
from meshclient.config.sidecar_shape import SidecarConfig
from meshclient.sidecar.envoy.scope import throttled
from meshclient.sidecar.envoy.served import Picture, Served
from meshclient.sidecar.envoy.unmapped import unmapped

if TYPE_CHECKING:
    from collections.abc import Iterable

QUIET = SidecarConfig(forwarded=False)


def lines(services: dict[str, dict[str, Any]], settings: SidecarConfig = QUIET) -> list[str]:
    with Mesh(
        services={name: {"propagators": [], "throttle": False} | values for name, values in services.items()}
    ) as mesh:
        served = {name: Served(name, config) for name, config in mesh.config.services.items()}
    return unmapped(Picture(settings, served))


def begins(found: Iterable[str]) -> set[str]:
    return {line.partition(":")[0] for line in found}


def test_what_is_mapped_is_not_mentioned() -> None:
    assert begins(lines({"orders": {"deadline": False}})) == {"mesh-timeout and other deadlines in requests"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"deadline": "1s"}, "deadline"),
        ({"tls": {"ca": "/"}}, "tls.ca /"),
        ({"throttle": True}, "throttle"),
        ({"hedge": True}, "hedge"),
        ({"cache": "private"}, "cache"),
        ({"circuit": True}, "circuit"),
        ({"limit": {"adaptive": True}}, "limit.adaptive"),
        ({"limit": {"queue": 5}}, "limit.queue"),
        ({"session": True}, "session"),
        ({"load_reports": True}, "load_reports"),
        ({"shadow": ["ejection"]}, "shadow 'ejection'"),
        ({"ejection": {"latency": 3}}, "ejection.latency"),
        ({"max_response": 1000}, "max_response"),
        ({"connections": {"warm": True}}, "connections.warm"),
        ({"propagators": ["xray"]}, "propagators 'xray'"),
        ({"propagators": ["tracecontext"]}, "propagators 'tracecontext'"),
        ({"routes": {"/a": {"cache": "shared"}}}, "cache"),
    ],
)
def test_each_of_these_is_said(values: dict[str, Any], said: str) -> None:
    assert said in begins(lines({"orders": values}))


def test_services_that_share_it_share_the_line() -> None:
    named = {name: {"hedge": True} for name in ("a", "b")}
    assert next(line for line in lines(named) if line.startswith("hedge")).endswith("late one (a, b)")
    many = {name: {"hedge": True} for name in "abcdef"}
    assert next(line for line in lines(many) if line.startswith("hedge")).endswith("(a, b, c and 3 more)")


def test_of_the_listener() -> None:
    settings = SidecarConfig(inbound="127.0.0.1:1", body_timeout=5.0, tunnel_timeout=9.0)
    picture = Picture(settings, {"orders": Served("orders", ServiceConfig(propagators=()))})
    assert {"sidecar.inbound", "sidecar.forwarded", "sidecar.body_timeout", "sidecar.tunnel_timeout"} <= begins(
        unmapped(picture)
    )


def test_a_throttle_counts_where_somebody_configured_it() -> None:
    services = {"implied": {}, "own.v2": {"throttle": {"k": 3}}, "own": {}}
    with Mesh(services=services) as mesh:
        assert [name for name in services if throttled(mesh.loaded, name)] == ["own.v2"]
    with Mesh(services=services, defaults={"throttle": {"k": 3}}) as mesh:
        assert all(throttled(mesh.loaded, name) for name in services)
