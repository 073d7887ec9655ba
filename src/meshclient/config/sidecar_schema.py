"""How the sidecar is written: ``[sidecar]``.

[sidecar]
outbound = "127.0.0.1:7140"
inbound = "0.0.0.0:7143"                           # in front of app = "127.0.0.1:8080"
prefixes = { "/orders/" = "orders" }               # one value, which a stronger source replaces as a whole
register = { service = "orders", tags = ["v2"] }   # or register = "orders"
"""

from __future__ import annotations

from collections.abc import Mapping

from meshclient.config import kinds, sidecar_kinds, wire_kinds
from meshclient.config.kinds import Kind

REGISTER_KEYS: Mapping[str, Kind] = {
    "service": sidecar_kinds.SERVICE,
    "registry": kinds.TEXT,
    "host": kinds.TEXT,
    "port": sidecar_kinds.PORT,
    "id": kinds.TEXT,
    "zone": kinds.TEXT,
    "weight": kinds.RATE,
    "tags": sidecar_kinds.TAGS,
    "ttl": kinds.BOUND,
    "propagation": sidecar_kinds.OPTIONAL_PAUSE,
}
SIDECAR_KEYS: Mapping[str, Kind] = {
    "outbound": sidecar_kinds.OPTIONAL_ADDRESS,
    "inbound": sidecar_kinds.OPTIONAL_ADDRESS,
    "app": sidecar_kinds.ADDRESS,
    "admin": sidecar_kinds.OPTIONAL_ADDRESS,
    "service": sidecar_kinds.SERVICE,
    "upstreams": kinds.ENDPOINTS,
    "prefixes": sidecar_kinds.PREFIXES,
    "connect": sidecar_kinds.TARGETS,
    "passthrough": kinds.SWITCH,
    "header_timeout": kinds.BOUND,
    "idle_timeout": kinds.BOUND,
    "body_timeout": kinds.BOUND,
    "tunnel_timeout": kinds.BOUND,
    "max_head": sidecar_kinds.HEAD,
    "max_line": sidecar_kinds.HEAD,
    "replay": wire_kinds.SIZE,
    "max_connections": kinds.PLACE,
    "drain": sidecar_kinds.PAUSE,
    "workers": sidecar_kinds.WORKERS,
    "via": sidecar_kinds.VIA,
    "forwarded": kinds.SWITCH,
    "access_log": sidecar_kinds.ACCESS_LOG,
    "admin_token_file": kinds.FOLDER,
    "data_plane": sidecar_kinds.DATA_PLANE,
    "health": sidecar_kinds.HEALTH,
    "health_interval": kinds.BOUND,
    "limit": kinds.PLACE,
    "reload": kinds.SWITCH,
}
