"""Which keys there are: the one table that files, variables, arguments and ``--set`` are read by."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from meshclient.config import cache_kinds, kinds, policy_kinds, sidecar_kinds, telemetry_kinds, wire_kinds
from meshclient.config.cache_shape import CacheConfig
from meshclient.config.kinds import Kind, Written
from meshclient.config.policy_shape import (
    CircuitConfig,
    EjectionConfig,
    HealthConfig,
    HedgeConfig,
    LimitConfig,
    RetryConfig,
    SessionConfig,
    SubsetConfig,
    ThrottleConfig,
)
from meshclient.config.shape import DiscoveryConfig, EmfConfig, MeshConfig, ServiceConfig, TelemetryConfig
from meshclient.config.sidecar_schema import REGISTER_KEYS, SIDECAR_KEYS
from meshclient.config.sidecar_shape import RegisterConfig, SidecarConfig
from meshclient.config.traffic_schema import TRAFFIC_KEYS
from meshclient.config.traffic_shape import TrafficConfig
from meshclient.config.wire_shape import ConnectionsConfig, TlsConfig
from meshclient.errors import ConfigError
from meshclient.model.service import ServiceName

if TYPE_CHECKING:
    from meshclient.core.injection import FaultRule

_PATTERN = re.compile(r'/[!"$-)+->@-~]*\*?')


@dataclass(frozen=True, slots=True)
class Table:
    """A table with known keys.

    Args:
        shape: the class whose fields have the keys' names and hold their defaults.
        keys: what stands under each key.
        switch: whether the whole table may be ``false`` (off) or ``true`` (on, with the values that hold otherwise).
        off: whether it is off where nobody says anything.
        word: the key whose value may stand in place of the whole table.
    """

    shape: Callable[..., object]
    keys: Mapping[str, Node]
    switch: bool = False
    off: bool = False
    word: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """A table whose keys are the owner's names.

    Args:
        example: such a name, for error messages.
        name: the name in its one valid form; raises ValueError.
        table: what stands under each.
    """

    example: str
    name: Callable[[str], str]
    table: Table


Node: TypeAlias = Kind | Table | Named


def _service(text: str) -> str:
    return ServiceName.parse(text).value


def _pattern(text: str) -> str:
    if not _PATTERN.fullmatch(text):
        raise ConfigError(f"{text!r} is not a route: write a path such as '/reports', or '/reports/*' for all below it")
    return text


_TIMES = {"deadline": kinds.OPTIONAL_BOUND, "attempt_timeout": kinds.OPTIONAL_BOUND}
_RETRY = Table(
    RetryConfig,
    {
        "attempts": kinds.ATTEMPTS,
        "budget": kinds.RATIO,
        "budget_floor": kinds.RATE,
        "backoff": kinds.BACKOFF,
        "methods": kinds.METHODS,
        "wait": policy_kinds.STRATEGY,
        "stop": policy_kinds.STRATEGY,
        "retry": policy_kinds.STRATEGY,
    },
    switch=True,
)
_EJECTION = Table(
    EjectionConfig,
    {
        "consecutive": kinds.COUNT,
        "ratio": kinds.RATIO,
        "latency": kinds.RATE,
        "base": kinds.BOUND,
        "limit": kinds.BOUND,
        "max_ejected": kinds.RATIO,
        "panic": kinds.RATIO,
    },
    switch=True,
)
_THROTTLE = Table(
    ThrottleConfig,
    {"k": policy_kinds.FACTOR, "window": kinds.BOUND, "min_calls": kinds.COUNT, "most": kinds.RATIO},
    switch=True,
)
_HEDGE = Table(HedgeConfig, {"extra": kinds.RATIO, "quantile": policy_kinds.OPTIONAL_SHARE}, switch=True, off=True)
_CIRCUIT = Table(
    CircuitConfig,
    {
        "ratio": kinds.RATIO,
        "window": kinds.BOUND,
        "min_calls": kinds.COUNT,
        "consecutive": policy_kinds.OPTIONAL_COUNT,
        "open": kinds.BACKOFF,
        "store": kinds.TEXT,
    },
    switch=True,
    off=True,
)
_LIMIT = Table(
    LimitConfig,
    {
        "concurrency": kinds.COUNT,
        "queue": kinds.PLACE,
        "patience": kinds.BOUND,
        "adaptive": kinds.SWITCH,
        "endpoint": kinds.PLACE,
    },
    switch=True,
    off=True,
)
_SUBSET = Table(
    SubsetConfig,
    {"size": kinds.COUNT, "position": kinds.PLACE, "peers": kinds.PLACE, "fleet": kinds.COUNT},
    switch=True,
    off=True,
)
_SESSION = Table(SessionConfig, {"cookie": policy_kinds.COOKIE, "secret_file": kinds.FOLDER}, switch=True, off=True)
_HEALTH = Table(
    HealthConfig,
    {
        "path": policy_kinds.PATH,
        "tcp": kinds.SWITCH,
        "interval": kinds.BOUND,
        "timeout": kinds.BOUND,
        "healthy": kinds.COUNT,
        "unhealthy": kinds.COUNT,
        "jitter": kinds.RATIO,
    },
    switch=True,
    off=True,
)
_TLS = Table(
    TlsConfig,
    {
        "ca": wire_kinds.FILE,
        "cert": wire_kinds.FILE,
        "key": wire_kinds.FILE,
        "identity": wire_kinds.IDENTITY,
        "verify": kinds.SWITCH,
    },
    switch=True,
    off=True,
)
_CONNECTIONS = Table(
    ConnectionsConfig,
    {"per_endpoint": kinds.PLACE, "total": kinds.PLACE, "idle": kinds.BOUND, "warm": kinds.SWITCH},
)
_CACHE = Table(
    CacheConfig,
    {
        "kind": cache_kinds.CACHE,
        "max_bytes": cache_kinds.ROOM,
        "store": cache_kinds.STORE,
        "ttl": cache_kinds.OPTIONAL_AGE,
        "stale_while_revalidate": cache_kinds.OPTIONAL_AGE,
        "stale_if_error": cache_kinds.OPTIONAL_AGE,
        "serve_stale": cache_kinds.STALENESS,
        "coalesce": kinds.SWITCH,
        "targeted": cache_kinds.FIELDS,
        "identity": cache_kinds.FIELDS,
    },
    switch=True,
    off=True,
    word="kind",
)


def _read_faults(value: object) -> object:
    # Imported where there are any: hardly ever, and every program that starts would wait for it.
    from meshclient.config.faults_schema import FAULTS

    return FAULTS.read(value)


def _write_faults(value: Sequence[FaultRule]) -> Written:
    if not value:
        return ()
    from meshclient.config.faults_schema import FAULTS

    return FAULTS.write(value)


_DEFAULTS: Mapping[str, Node] = {
    **_TIMES,
    "connect_timeout": kinds.BOUND,
    "balancer": kinds.BALANCER,
    "hash_key": policy_kinds.HASH_KEY,
    "session": _SESSION,
    "slow_start": kinds.OPTIONAL_SPAN,
    "load_reports": kinds.SWITCH,
    "zone_aware": kinds.SWITCH,
    "subset": _SUBSET,
    "retry": _RETRY,
    "ejection": _EJECTION,
    "health": _HEALTH,
    "throttle": _THROTTLE,
    "circuit": _CIRCUIT,
    "limit": _LIMIT,
    "hedge": _HEDGE,
    "cache": _CACHE,
    "propagators": telemetry_kinds.PROPAGATOR_NAMES,
    "shadow": policy_kinds.SHADOW,
    "engine": wire_kinds.ENGINE,
    "http2": kinds.SWITCH,
    "tls": _TLS,
    "connections": _CONNECTIONS,
    "max_response": wire_kinds.SIZE,
}
_TRAFFIC = Table(TrafficConfig, TRAFFIC_KEYS, switch=True, off=True)
ROUTE = Table(ServiceConfig, {**_TIMES, "retry": _RETRY, "cache": _CACHE})
DEFAULTS = Table(ServiceConfig, _DEFAULTS)
SERVICE = Table(
    ServiceConfig,
    {
        **_DEFAULTS,
        "traffic": _TRAFFIC,
        "faults": Kind(_read_faults, _write_faults),
        "endpoints": kinds.ENDPOINTS,
        "routes": Named("/reports/*", _pattern, ROUTE),
    },
)
DISCOVERY = Table(DiscoveryConfig, {"hold": kinds.OPTIONAL_SPAN, "idle": kinds.OPTIONAL_SPAN})
TELEMETRY = Table(
    TelemetryConfig,
    {
        "metrics": kinds.SWITCH,
        "spans": telemetry_kinds.SPAN_WORD,
        "new_traces": telemetry_kinds.NEW_TRACES_WORD,
        "peer_service": kinds.SWITCH,
        "span_attributes": telemetry_kinds.SPAN_ATTRIBUTE_NAMES,
        "emf": Table(
            EmfConfig, {"interval": kinds.BOUND, "namespace": telemetry_kinds.NAMESPACE}, switch=True, off=True
        ),
    },
)
_REGISTER = Table(RegisterConfig, REGISTER_KEYS, switch=True, off=True, word="service")
SIDECAR = Table(SidecarConfig, {**SIDECAR_KEYS, "register": _REGISTER})
ROOT = Table(
    MeshConfig,
    {
        "resolver": kinds.TEXT,
        "domains": kinds.DOMAINS,
        "zone": kinds.TEXT,
        "mode": kinds.MODE,
        "state_dir": kinds.FOLDER,
        "admin": sidecar_kinds.OPTIONAL_ADDRESS,
        "admin_token_file": kinds.FOLDER,
        "discovery": DISCOVERY,
        "telemetry": TELEMETRY,
        "sidecar": SIDECAR,
        "propagate_passthrough": kinds.SWITCH,
        "defaults": DEFAULTS,
        "services": Named("orders", _service, SERVICE),
    },
)


def _places(node: Node, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, Named):
        yield from _places(node.table, f"{path}.<{'name' if path == 'services' else 'path'}>")
    elif isinstance(node, Table):
        for key, child in node.keys.items():
            place = f"{path}.{key}" if path else key
            yield key, place
            yield from _places(child, place)


# Where each key belongs, the nearest place to the root first, for those who write it elsewhere.
HOMES: Mapping[str, str] = MappingProxyType(dict(reversed(list(_places(ROOT)))))
