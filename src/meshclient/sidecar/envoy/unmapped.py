"""What of the configuration Envoy does not do, in words, with what it does instead."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from meshclient.sidecar.envoy.cluster import BALANCERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from meshclient.config.shape import ServiceConfig
    from meshclient.config.sidecar_shape import SidecarConfig
    from meshclient.sidecar.envoy.served import Picture, Served

# Services that a line names; of more it says how many they are.
_NAMED = 3
# What nobody has asked for is told in the documentation, and not at every start.
_BODY_TIMEOUT, _TUNNEL_TIMEOUT = 60.0, 3600.0


def unmapped(picture: Picture) -> list[str]:
    """A line for each, sorted; the same for all services that share it."""
    return [*of_services(picture), *sorted(_of_listener(picture.settings))]


def of_services(picture: Picture) -> list[str]:
    """What concerns services."""
    affected: dict[str, list[str]] = {}
    for name in sorted(picture.services):
        for line in _of_service(picture.services[name]):
            affected.setdefault(line, []).append(name)
    return sorted(f"{line} ({_names(names)})" for line, names in affected.items())


def _names(names: list[str]) -> str:
    if len(names) <= _NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"


def _of_service(served: Served) -> Iterator[str]:
    config = served.config
    if config.throttle is not None and config.circuit is None and not served.throttled:
        yield "throttle: left out where it is not configured, since it costs Envoy a twentieth of its throughput"
    yield from _of_balancing(config)
    yield from _of_policies(config)
    yield from _of_tracing(config.propagators)


def _of_balancing(config: ServiceConfig) -> Iterator[str]:
    if config.balancer not in BALANCERS:
        yield f"balancer {config.balancer!r}: Envoy chooses of two the endpoint with fewer requests in flight"
    if config.hash_key is not None and config.hash_key.source == "call":
        yield "hash_key 'call': a proxy sees requests and no calls, Envoy draws the endpoint"
    if config.session is not None:
        yield "session: Envoy sets no cookie of ours, use hash_key = 'cookie:<name>' with ring_hash or maglev"
    if config.load_reports:
        yield "load_reports: Envoy leaves shares as they are"
    if config.traffic is not None:
        yield "traffic: all requests go to the service itself, none is split, routed, mirrored or guarded"


def _of_policies(config: ServiceConfig) -> Iterator[str]:
    if config.deadline is not None:
        yield (
            "deadline: whole responses have to be there by then, those to 'Accept: text/event-stream' and WebSockets "
            "aside; give paths of long downloads a longer one (routes)"
        )
    if config.tls is not None and config.tls.ca and Path(config.tls.ca).is_dir():
        yield f"tls.ca {config.tls.ca}: Envoy reads a file and no folder, and refuses the service"
    for policy in config.shadow:
        yield f"shadow '{policy}': Envoy cannot try a policy out, it does not apply it"
    if config.ejection is not None and config.ejection.latency:
        yield "ejection.latency: Envoy ejects for failures alone"
    if config.circuit is not None:
        yield "circuit: Envoy has none for a whole service, it ejects single endpoints"
    if config.limit is not None and config.limit.adaptive:
        yield f"limit.adaptive: Envoy keeps to {config.limit.concurrency} requests"
    if config.limit is not None and config.limit.queue:
        yield "limit.queue: nobody waits, what is above the limit is refused at once"
    yield from _of_requests(config)


def _of_requests(config: ServiceConfig) -> Iterator[str]:
    if config.hedge is not None:
        yield "hedge: Envoy sends no second attempt beside a late one"
    if config.cache is not None or any(route.cache is not None for route in config.routes):
        yield "cache: every request is sent"
    if config.faults:
        yield "faults: none is injected"
    if config.max_response:
        yield "max_response: responses pass whatever their size"
    if config.connections.warm:
        yield "connections.warm: Envoy connects when a request needs it"
    for retry in (config.retry, *(route.retry for route in config.routes)):
        if retry is not None and (retry.wait or retry.stop or retry.retry):
            yield "retry strategies in Python: Envoy repeats by attempts, backoff and kind of failure"


def _of_tracing(propagators: Iterable[str]) -> Iterator[str]:
    if "tracecontext" in propagators:
        yield "propagators 'tracecontext': traceparent passes as it came, Envoy begins no traces"
    for other in propagators:
        if other != "tracecontext":
            yield f"propagators '{other}': its headers pass as they came, none is written"


def _of_listener(settings: SidecarConfig) -> Iterator[str]:
    yield "mesh-timeout and other deadlines in requests: the service's own deadline holds, and no deadline is passed on"
    if settings.inbound:
        yield "sidecar.inbound: this listener stays with the built-in proxy"
    if settings.forwarded:
        yield "sidecar.forwarded: Envoy writes X-Forwarded-For and X-Forwarded-Proto, and no Forwarded"
    if settings.body_timeout != _BODY_TIMEOUT:
        yield "sidecar.body_timeout: Envoy gives up a request that stands still for 5 minutes in either direction"
    if settings.tunnel_timeout != _TUNNEL_TIMEOUT:
        yield "sidecar.tunnel_timeout: Envoy ends a WebSocket through which nothing goes for 5 minutes"
