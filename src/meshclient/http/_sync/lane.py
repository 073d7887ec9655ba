# Generated from src/meshclient/http/_async/lane.py by scripts/unasync.py; edit that file, then run `make sync`.
"""The way of one client to the endpoints of one service, as its plain calls take it.

What does not change from call to call is kept here: which pool belongs to which endpoint, and what the configuration
says of a method.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meshclient.core.traffic.head import Head
from meshclient.engine.target import Target
from meshclient.http._sync.engine_transport import EngineTransport
from meshclient.http.ambient import AMBIENT, NOTHING
from meshclient.http.caching.shelves import shelf_of
from meshclient.http.options import asked_options, settled_options
from meshclient.http.plain.call import field_names
from meshclient.http.trail import Trail
from meshclient.http.waiting import here

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import httpx

    from meshclient.core.balance.node import Key
    from meshclient.engine.blocking.connection import Connection
    from meshclient.engine.blocking.engine import Engine
    from meshclient.engine.blocking.pool import Pool
    from meshclient.engine.tls import Contexts
    from meshclient.http.options import CallOptions
    from meshclient.http.plain.call import PlainCall
    from meshclient.mesh import MeshService
    from meshclient.model.endpoint import Endpoint

_KEY = b"idempotency-key"


class Lane:
    """Connections of `engine` to the endpoints of `service`.

    Args:
        service: its running state; its list is followed until the lane is dropped.
        engine: keeps the connections.
        tls: for endpoints that are reached by TLS.
        secure: whether all are, whatever the registry says.
        server_name: that certificates are checked against.

    Attributes:
        plain: whether calls of the service can take the short road.
        transport: sends requests to addresses over the same connections.
        most: bytes that a body may have.
        shelf: what is kept of responses, or None.
        traces: the headers by which attempts say in which trace they are, in lower case.
    """

    def __init__(self, service: MeshService, engine: Engine, tls: Contexts, *, secure: bool, server_name: str) -> None:
        self.service = service
        self.plain = is_plain(service)
        self.most = service.config.max_response
        self.transport = EngineTransport(engine, tls=tls, max_decoded=service.config.max_response)
        self._engine = engine
        self._tls = tls
        self._secure = secure
        self._server_name = server_name
        self._here: tuple[object, dict[Key, Pool]] = (None, {})
        self._warm = service.config.connections.warm
        self.shelf = shelf_of(service) if service.caches else None
        self.traces = field_names(service.outbound)
        self._usual: dict[str, CallOptions] = {}
        self._particular = service.routed or service.hash_key is not None
        service.follow(self)

    def pool(self, key: Key, endpoint: Endpoint) -> Pool:
        """The connections to `endpoint`, whose identity is `key`, that can be used here."""
        loop, pools = self._here
        place = here()
        if loop is not place:
            # The engine remembers those of every loop; here are those of the one that called last.
            pools = {}
            self._here = (place, pools)
        found = pools.get(key)
        if found is None:
            found = pools[key] = self._engine.pool(self.target(endpoint))
            if self._warm and len(pools) == 1:
                # The first call here: those listed by now will be told of no more.
                for other in self.service.watch.snapshot.endpoints:
                    # This one is opened by the call.
                    if other.key != key:
                        self._engine.warm(self.target(other))
        return found

    def send(  # noqa: PLR0917 - as the Protocol has it
        self,
        request: httpx.Request,
        endpoint: Endpoint,
        stream: httpx.SyncByteStream,
        marks: Mapping[str, str],
        timeouts: dict[str, float | None],
        trail: Trail,
    ) -> httpx.Response:
        """As `Wire.send`."""
        target = self.target(endpoint)
        if target.tls is not None and (name := request.extensions.get("sni_hostname")) is not None:
            target = replace(target, server_name=name)
        return self.transport.send(request, target, "", stream, timeouts, trail, marks)

    def response(self, connection: Connection, request: httpx.Request, read: float | None) -> httpx.Response:
        """The response whose head is on `connection`; its body may be still to come, in parts `read` seconds apart."""
        return self.transport.response(connection, request, {"read": read}, Trail(self.service.clock, None))

    def target(self, endpoint: Endpoint) -> Target:
        """Where connections to `endpoint` lead."""
        tls = self._tls.at(endpoint.url) if self._secure or endpoint.scheme == "https" else None
        path, name = endpoint.host if endpoint.is_socket else "", self._server_name if tls else ""
        return Target(endpoint.host, endpoint.port, path, tls, name)

    def options(self, call: PlainCall) -> CallOptions:
        """How `call` is made. Raises ConfigError for what it asks."""
        usual = None if self._particular else self._usual.get(call.method)
        if usual is None:
            usual = settled_options(_head_of(call), self.service)
            if not self._particular and call.header(_KEY) is None:
                self._usual[call.method] = usual
        elif not usual.idempotent and call.header(_KEY) is not None:
            usual = settled_options(_head_of(call), self.service)
        if call.mesh is None and AMBIENT.get() is NOTHING:
            return usual
        return asked_options(usual, self.service, call.mesh)

    def follow(self, removed: Collection[Endpoint], added: Collection[Endpoint]) -> None:
        """The list is another: connections to endpoints that are gone end, idle ones at once. From any thread."""
        self.plain = is_plain(self.service)
        if removed:
            # Dropped first, so that no call finds a pool that has been retired.
            self._here = (None, {})
            self._engine.retire([self.target(endpoint) for endpoint in removed])
        if self._warm:
            for endpoint in added:
                self._engine.warm(self.target(endpoint))


def is_plain(service: MeshService) -> bool:
    """Whether nothing but what every service has stands between its calls and the wire."""
    config = service.config
    return (
        service.limiter is None
        and service.hedging is None
        and service.sticky is None
        and not service.load_reports
        and service.branches is None
        and service.injection is None
        # A span around all attempts of a call is the driver's.
        and (service.spans is None or not service.spans.calls)
        and config.engine == "builtin"
        and not config.http2
    )


def _head_of(call: PlainCall) -> Head:
    def header(name: str) -> str | None:
        value = call.header(name.lower().encode("ascii"))
        return None if value is None else value.decode("latin-1")

    return Head(call.method, call.path, header)
