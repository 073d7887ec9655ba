"""Words of Envoy's API (v3), in the JSON form of its protocol buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from meshclient.model.listening import Listening

Document: TypeAlias = dict[str, object]

_ROOT = "type.googleapis.com/envoy."
LISTENER = f"{_ROOT}config.listener.v3.Listener"
ROUTES = f"{_ROOT}config.route.v3.RouteConfiguration"
CLUSTER = f"{_ROOT}config.cluster.v3.Cluster"
ASSIGNMENT = f"{_ROOT}config.endpoint.v3.ClusterLoadAssignment"

# What the documents are called among themselves.
OUTBOUND = "outbound"
TUNNELS = "_tunnels"
LEARNER = "_learner"
# The header by which a virtual host is chosen: what the client says, or else the authority.
SERVICE_HEADER = "mesh-service"


def extension(name: str, type_name: str, **fields: object) -> Document:
    """An extension called `name`, of a type named from below ``envoy.extensions``."""
    return {"name": name, "typed_config": {"@type": f"{_ROOT}extensions.{type_name}", **fields}}


def seconds(value: float) -> str:
    """A duration; Envoy keeps nanoseconds, and milliseconds of most."""
    return f"{value:.3f}".rstrip("0").rstrip(".") + "s"


def socket_address(host: str, port: int) -> Document:
    """An address of TCP."""
    return {"socket_address": {"address": host, "port_value": port}}


def address(place: Listening) -> Document:
    """The address of a listener."""
    return {"pipe": {"path": place.path}} if place.path else socket_address(place.host, place.port)


def percent(share: float) -> Document:
    """A share from 0 to 1."""
    return {"value": round(share * 100, 4)}
