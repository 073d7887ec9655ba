# Generated from src/meshclient/http/_async/lanes.py by scripts/unasync.py; edit that file, then run `make sync`.
"""What a client's calls to services go over: an engine for each service, or httpx's transport where it is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import httpx

from meshclient.engine.blocking.engine import Engine
from meshclient.engine.errors import TlsFailed
from meshclient.engine.limits import PoolLimits, ResponseLimits
from meshclient.engine.tls import TlsContexts
from meshclient.engine.tls_settings import TlsSettings
from meshclient.http._sync.engine_transport import EngineTransport, httpx_limits
from meshclient.http._sync.lane import Lane
from meshclient.http._sync.wire import RoutedWire
from meshclient.http.http2 import require_h2
from meshclient.http.mocking import mocked
from meshclient.http.waiting import runs

if TYPE_CHECKING:
    from meshclient.engine.tls import Contexts
    from meshclient.http._sync.wire import Wire
    from meshclient.mesh import MeshService


class Lanes:
    """The ways of one client to all services it calls.

    Args:
        direct: httpx's transport, for libraries that stand in for the network and for services that ask for it; one
            is made where it is needed by default. Closed by whoever gave it.
        tls: for endpoints of services that say nothing of it; by default what httpx trusts.
        limits: that the client was given; they hold for each service. None for those of the services' configuration.
        builtin: whether services may go over the engine at all.

    Attributes:
        builtin: likewise.
        tls: likewise.
        known: the ways of services by the scheme and host that they are called by; for whoever goes them to fill.
        engine: keeps the connections to hosts that are no service.
        passthrough: sends requests to those.
    """

    def __init__(
        self,
        direct: httpx.BaseTransport | None = None,
        tls: Contexts | None = None,
        limits: httpx.Limits | None = None,
        *,
        builtin: bool = True,
    ) -> None:
        self.builtin = builtin
        self._direct = None if direct is None else RoutedWire(direct)
        self._owned: RoutedWire | None = None
        self.tls = TlsContexts(TlsSettings()) if tls is None else tls
        self._limits = limits
        pool = PoolLimits() if limits is None else _given(limits, PoolLimits())
        self.engine = Engine(pool=pool)
        self.passthrough: httpx.BaseTransport = EngineTransport(self.engine, tls=self.tls, pool=pool, stock=direct)
        self.known: dict[tuple[str, str], Lane] = {}
        self._ways: dict[tuple[str, str, str], Lane] = {}
        self._contexts: dict[str, TlsContexts] = {}
        self._engines: dict[str, Engine] = {}
        self._wires: dict[str, RoutedWire] = {}

    def find(self, service: MeshService, scheme: str, host: str) -> Lane:
        """The way to `service`, or to a variant of it, for requests with this scheme and host."""
        lane = self._ways.get((service.name, scheme, host))
        if lane is None or lane.service is not service:
            lane = self._ways[service.name, scheme, host] = self._open(service, scheme, host)
        return lane

    def wire(self, service: MeshService, request: httpx.Request) -> Wire:
        """What carries the attempts of a call to `service`. Raises httpx.ConnectError for files that cannot be used."""
        config = service.config
        if mocked():
            return self._httpx()
        if config.http2 or config.engine == "httpx" or not self.builtin or not runs():
            return self._routed(service)
        return self.find(service, request.url.scheme, request.url.host)

    def close(self) -> None:
        """Close all connections; calls that follow open new ones."""
        engines, self._engines = self._engines, {}
        self.known.clear()
        self._ways.clear()
        for engine in (*engines.values(), self.engine):
            engine.close()
        direct = None if self._direct is None else self._direct.transport
        wires, self._wires = [wire for wire in self._wires.values() if wire.transport is not direct], {}
        if self._owned is not None:
            wires.append(self._owned)
            self._owned = None
        for wire in wires:
            wire.transport.close()

    def _httpx(self) -> RoutedWire:
        if self._direct is not None:
            return self._direct
        if self._owned is None:
            self._owned = RoutedWire(httpx.HTTPTransport(verify=self.tls.apart()))
        return self._owned

    def _open(self, service: MeshService, scheme: str, host: str) -> Lane:
        self._forget()
        engine = self._engines.get(service.name)
        if engine is None:
            made = Engine(response=ResponseLimits(body=service.config.max_response), pool=self._pool_limits(service))
            # Threads may get here at once, and the limits are those of one engine.
            engine = self._engines.setdefault(service.name, made)
        config = service.config.tls
        identity = config.identity if config is not None and config.identity else host
        return Lane(service, engine, self._tls_of(service), secure=scheme == "https", server_name=identity)

    def _forget(self) -> None:
        """What belongs to services that nothing has called for long, and that the mesh has forgotten."""
        for host in [host for host, lane in list(self.known.items()) if lane.service.released]:
            self.known.pop(host, None)
        gone = [way for way, lane in list(self._ways.items()) if lane.service.released]
        for way in gone:
            self._ways.pop(way, None)
        # Only those: another thread may have made an engine whose way is not written down yet.
        for name in {name for name, _, _ in gone} - {name for name, _, _ in list(self._ways)}:
            # Its idle connections close with it; those in use hold it until they are done.
            self._engines.pop(name, None)
            self._contexts.pop(name, None)

    def _tls_of(self, service: MeshService) -> Contexts:
        config = service.config.tls
        if config is None:
            return self.tls
        made = self._contexts.get(service.name)
        if made is None:
            settings = TlsSettings(
                ca=config.ca, cert=config.cert, key=config.key, verify=config.verify, identity=config.identity
            )
            made = self._contexts.setdefault(service.name, TlsContexts(settings, f"service {service.name!r}"))
        return made

    def _pool_limits(self, service: MeshService) -> PoolLimits:
        said = service.config.connections
        own = PoolLimits(per_endpoint=said.per_endpoint, total=said.total, idle_seconds=said.idle)
        return own if self._limits is None else _given(self._limits, own)

    def _routed(self, service: MeshService) -> RoutedWire:
        """A transport of httpx for this service."""
        wire = self._wires.get(service.name)
        if wire is None:
            # Threads may get here at once; all go over the connections of the first.
            wire = self._wires.setdefault(service.name, self._route(service))
        return wire

    def _route(self, service: MeshService) -> RoutedWire:
        config = service.config
        identity = "" if config.tls is None else config.tls.identity
        if not config.http2 and config.tls is None and self._direct is not None:
            return RoutedWire(self._direct.transport, identity, config.max_response)
        if config.http2:
            require_h2(service.name)
        try:
            verify = self._tls_of(service).apart()
        except TlsFailed as error:
            raise httpx.ConnectError(f"service {service.name!r}: {error}") from error
        limits = httpx_limits(self._pool_limits(service))
        transport = httpx.HTTPTransport(verify=verify, http2=config.http2, limits=limits)
        return RoutedWire(transport, identity, config.max_response)


def _given(limits: httpx.Limits, own: PoolLimits) -> PoolLimits:
    expiry = limits.keepalive_expiry
    return replace(
        own,
        total=limits.max_connections or 0,
        idle=limits.max_keepalive_connections,
        idle_seconds=own.idle_seconds if expiry is None else expiry,
    )
