"""The configuration as the rest of the project reads it: complete, validated, immutable.

A field's default is the value that holds where nobody says anything; the numbers are those of the peers named beside
them. All durations are seconds. Single values are checked where they are read (`meshclient.config.kinds`); what only
two values together can get wrong is checked here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from meshclient.config.cache_shape import CacheConfig
from meshclient.config.policy_shape import (
    CircuitConfig,
    EjectionConfig,
    HashKey,
    HealthConfig,
    HedgeConfig,
    LimitConfig,
    RetryConfig,
    SessionConfig,
    SubsetConfig,
    ThrottleConfig,
)
from meshclient.config.sidecar_shape import SidecarConfig
from meshclient.config.wire_shape import ConnectionsConfig, TlsConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.config.traffic_shape import TrafficConfig
    from meshclient.core.injection import FaultRule
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.service import ServiceName

Mode = Literal["background", "on-demand"]
EngineName = Literal["builtin", "httpx"]
Spans = Literal["attempts", "calls", "none"]
NewTraces = Literal["undecided", "sampled", "none"]

_CONNECTIONS = ConnectionsConfig()
_SIDECAR = SidecarConfig()


@dataclass(frozen=True, slots=True)
class RouteConfig:
    """What differs for some paths of a service; each value not given is the service's.

    Args:
        pattern: a path, or with a ``*`` at its end the beginning of one.
        deadline: as in `ServiceConfig`.
        attempt_timeout: as in `ServiceConfig`.
        retry: as in `ServiceConfig`.
        cache: as in `ServiceConfig`.
    """

    pattern: str
    deadline: float | None
    attempt_timeout: float | None
    retry: RetryConfig | None
    cache: CacheConfig | None = None

    def matches(self, path: str) -> bool:
        """Whether a request for `path` (no query) takes this route."""
        head, star, _ = self.pattern.partition("*")
        return path.startswith(head) if star else path == self.pattern


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """How one service is called.

    The three times bound each other as they run: an attempt ends with the deadline even where `attempt_timeout` is
    longer, and a connection attempt ends with its attempt. A longer inner value is therefore not an error.

    Args:
        deadline: the whole call with all its attempts, or None for no bound (Envoy's route: 15 s).
        attempt_timeout: one attempt, or None for no bound of its own.
        connect_timeout: opening a connection (Linkerd: 1 s).
        balancer: ``p2c``, ``round_robin``, ``weighted_random``, ``least_request``, ``ring_hash``, ``maglev``, or a name
            that a plugin brings; an unknown one is a PluginError when the mesh is made.
        hash_key: what calls are sticky by, or None for nothing.
        session: stays with an endpoint, or None for no sessions.
        slow_start: seconds in which an endpoint that is new, or back from ejection, comes to its full share; None for
            at once (Envoy's rule).
        load_reports: whether what endpoints say of their load (``endpoint-load-metrics``) changes their share.
        zone_aware: whether calls stay in the caller's zone, where that is known and the service large enough.
        subset: of a large fleet, or None for all of it.
        retry: the policy, or None for none.
        ejection: the policy, or None for none.
        health: how endpoints are checked beside their calls, or None for not at all; in the background only, where
            the mode is ``background``.
        throttle: the policy, or None for none.
        circuit: the policy, instead of the throttle, or None for none.
        limit: the policy, or None for none.
        hedge: the policy, or None for none.
        cache: what is kept of its responses, or None for nothing.
        propagators: the forms in which the trace that a call belongs to is written into its headers; empty for none.
        shadow: policies that only report what they would have done.
        engine: whose connections are used: our own, or those of httpx's transport.
        http2: whether HTTP/2 is offered to https endpoints; httpx's transport speaks it.
        tls: how https endpoints are verified, or None for what holds without a mesh, with the service's name.
        connections: which are kept.
        max_response: bytes of a response's body at most, both as it comes and decoded; 0 for any number.
        traffic: where its calls go, or None where all go the same way.
        faults: faults on purpose, for trials.
        endpoints: where the service listens, instead of what a resolver says; empty: ask the resolver.
        routes: the most specific first.
    """

    deadline: float | None = 15.0
    attempt_timeout: float | None = 5.0
    connect_timeout: float = 1.0
    balancer: str = "p2c"
    retry: RetryConfig | None = RetryConfig()
    hash_key: HashKey | None = None
    session: SessionConfig | None = None
    slow_start: float | None = 30.0
    load_reports: bool = False
    zone_aware: bool = True
    subset: SubsetConfig | None = None
    ejection: EjectionConfig | None = EjectionConfig()
    health: HealthConfig | None = None
    throttle: ThrottleConfig | None = ThrottleConfig()
    circuit: CircuitConfig | None = None
    limit: LimitConfig | None = None
    hedge: HedgeConfig | None = None
    cache: CacheConfig | None = None
    propagators: tuple[str, ...] = ("tracecontext", "xray")
    shadow: tuple[str, ...] = ()
    engine: EngineName = "builtin"
    http2: bool = False
    tls: TlsConfig | None = None
    connections: ConnectionsConfig = _CONNECTIONS
    max_response: int = 0
    traffic: TrafficConfig | None = None
    faults: tuple[FaultRule, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    routes: tuple[RouteConfig, ...] = ()

    def route(self, path: str) -> RouteConfig | None:
        """The most specific route for `path` (no query), if one matches."""
        return next((route for route in self.routes if route.matches(path)), None)


@dataclass(frozen=True, slots=True)
class DiscoveryConfig:
    """How lists of endpoints are kept.

    Args:
        hold: seconds for which an answer that drops most endpoints at once is not believed, or None to believe it at
            once.
        idle: seconds without a call after which a name is watched no more, or None to watch it until the mesh is
            closed. Services with `endpoints` of their own are not affected.
    """

    hold: float | None = 60.0
    idle: float | None = 600.0


@dataclass(frozen=True, slots=True)
class EmfConfig:
    """Metrics on the standard output, in the embedded metric format of CloudWatch.

    Args:
        interval: seconds from one to the next.
        namespace: under which CloudWatch shows them.
    """

    interval: float = 60.0
    namespace: str = "meshclient"


@dataclass(frozen=True, slots=True)
class TelemetryConfig:
    """What is told of the mesh to the outside.

    Args:
        metrics: whether calls, lists and endpoints are counted, and OpenTelemetry told of them where the process uses
            it.
        spans: what is a span where OpenTelemetry traces: each ``attempts``, or ``calls`` with their attempts below
            them; ``none`` leaves spans to others, such as OpenTelemetry's instrumentation of httpx.
        new_traces: what is written of a trace that begins with a call from here, while nothing records it: that its
            recording is ``undecided``, which W3C's headers cannot tell from "not recorded"; that it is ``sampled``; or
            ``none``, for no trace.
        peer_service: whether spans have the deprecated attribute ``peer.service`` too.
        span_attributes: further attributes of the spans of attempts, such as ``url.scheme``: see the page on tracing.
        emf: how metrics are written for CloudWatch, or None for not at all.
    """

    metrics: bool = True
    spans: Spans = "attempts"
    new_traces: NewTraces = "undecided"
    peer_service: bool = False
    span_attributes: tuple[str, ...] = ()
    emf: EmfConfig | None = None


@dataclass(frozen=True, slots=True)
class MeshConfig:
    """Everything a mesh is told.

    Args:
        resolver: URI, or URIs joined by ``|`` and ``+``; empty for none.
        domains: hosts under these are services, as single-label hosts are.
        zone: the zone this process runs in, empty where it is not known.
        mode: whether discovery runs on a background thread, or only while a call waits for it.
        state_dir: folder in which the last good lists are kept for a start without a registry; empty for none.
        admin: where this process can be looked at while it runs, from its first call on and in the background only;
            empty for nowhere. ``{pid}`` in the path of a Unix socket is the number of the process.
        admin_token_file: holds what must be shown there; needed where other machines reach it.
        discovery: how lists are kept.
        telemetry: what is told to the outside.
        sidecar: the proxy beside an application; a library reads nothing of it.
        propagate_passthrough: whether traces are handed on to hosts that are no service too, in the forms of the
            defaults.
        defaults: for every service that `services` does not name; no endpoints, no routes.
        services: by name.
        unspelled: those of `services` which only environment variables name. A variable cannot spell ``-`` and ``.``,
            so these stand for every service whose name differs from theirs in nothing else.
    """

    # Out of repr(), since an address may hold a token.
    resolver: str = field(default="", repr=False)
    domains: tuple[str, ...] = ("mesh",)
    zone: str = ""
    mode: Mode = "background"
    state_dir: str = ""
    admin: str = ""
    admin_token_file: str = ""
    discovery: DiscoveryConfig = DiscoveryConfig()
    telemetry: TelemetryConfig = TelemetryConfig()
    sidecar: SidecarConfig = _SIDECAR
    propagate_passthrough: bool = False
    defaults: ServiceConfig = ServiceConfig()
    services: Mapping[str, ServiceConfig] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    unspelled: frozenset[str] = frozenset()

    def service(self, name: ServiceName) -> ServiceConfig:
        """What holds for `name`: its own configuration, or the defaults."""
        return self.services.get(self._key(name.value), self.defaults)

    def names(self, name: str) -> bool:
        """Whether `services` has a configuration of its own for `name`."""
        return self._key(name) in self.services

    def _key(self, name: str) -> str:
        folded = folded_name(name)
        return folded if name not in self.services and folded in self.unspelled else name


def folded_name(name: str) -> str:
    """`name` with ``_`` for all that an environment variable cannot spell."""
    return re.sub(r"[^a-z0-9]", "_", name.lower())
