# Generated from src/meshclient/http/_async/transport.py by scripts/unasync.py; edit that file, then run `make sync`.
"""An httpx transport that sends requests for services to their endpoints, and all others where httpx would."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import httpx

from meshclient.errors import ResolverUnavailable
from meshclient.http._sync.driver import Driver
from meshclient.http._sync.engine_transport import ONE_PIECE
from meshclient.http._sync.injecting import InjectingWire
from meshclient.http._sync.lanes import Lanes
from meshclient.http._sync.short_road import ShortRoad
from meshclient.http._sync.steering import Steering
from meshclient.http._sync.wire import RoutedWire
from meshclient.http.begun import ASKED, BEGUN
from meshclient.http.errors import flavoured
from meshclient.http.mocking import mocked
from meshclient.http.options import call_options
from meshclient.http.plain.made import made_call
from meshclient.http.waiting import runs
from meshclient.model.report import CallReport

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from meshclient.http._sync.caching.cache import Cache
    from meshclient.http._sync.wire import Wire
    from meshclient.mesh import Mesh, MeshService
    from meshclient.telemetry.propagation.outbound import Outbound


class MeshTransport(httpx.BaseTransport):
    """For ``httpx.Client(transport=...)`` or ``mounts={"mesh://": ...}``.

    Hosts that name a service (single-label hosts, hosts under a configured domain, ``mesh://`` URLs) are resolved,
    balanced and retried; requests to any other host go to `passthrough` as they are, but for the trace they are in
    where the mesh is to hand that on (``propagate_passthrough``).

    Args:
        mesh: what is known of services; it stays open when the transport is closed.
        transport: sends a request to an address; by default connections of our own. Closed with this one.
        passthrough: sends requests that are not for a service, if not `transport`. Closed with this one.
        lanes: instead of `transport`: the ways to services. Closed with this one.

    Raises from its requests, beside httpx's own errors: ServiceNotFound, NoEndpoints and ResolverUnavailable (each
    also an httpx.ConnectError), DeadlineExceeded (also an httpx.TimeoutException), ConfigError.
    """

    def __init__(
        self,
        mesh: Mesh,
        transport: httpx.BaseTransport | None = None,
        *,
        passthrough: httpx.BaseTransport | None = None,
        lanes: Lanes | None = None,
    ) -> None:
        self._mesh = mesh
        if transport is None:
            lanes = lanes or Lanes()
            transport = lanes.passthrough
        self._lanes = lanes
        self._road = None if lanes is None or not lanes.builtin else ShortRoad(mesh, lanes)
        self._wire = transport
        self._passthrough = transport if passthrough is None else passthrough
        self._steering = Steering()
        self._caches: dict[str, tuple[MeshService, Cache]] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`; ``response.extensions["mesh"]`` then tells where it went and why."""
        asked = request.extensions.pop(ASKED, False)
        if not asked and (done := self._briefly(request)) is not None:
            return done
        try:
            service = self._mesh.service_of(request.url.scheme, request.url.host)
        except ResolverUnavailable as error:
            raise flavoured(error, error.mesh or CallReport(request.url.host), request) from error.__cause__
        if service is None:
            if self._mesh.passing is not None:
                request = _said(request, self._mesh.passing)
            return self._passthrough.handle_request(request)
        cache = self._cache(service) if service.caches and BEGUN not in request.extensions else None
        if cache is None:
            return self._send(request, service)
        return cache.send(request, service, partial(self._forward, service))

    def _cache(self, service: MeshService) -> Cache | None:
        from meshclient.http._sync.caching.cache import Cache
        from meshclient.http.caching.shelves import shelf_of

        shelf = shelf_of(service)
        if shelf is None:
            return None
        known, cache = self._caches.get(service.name, (None, None))
        if cache is None or known is not service:
            for name, (old, _) in list(self._caches.items()):
                if old.released:
                    self._caches.pop(name, None)
            # A service that was released and is called again is another; what is under way goes on with the old one.
            cache = Cache(shelf)
            self._caches[service.name] = service, cache
        return cache

    def _forward(self, service: MeshService, request: httpx.Request) -> httpx.Response:
        """Send what the cache has no answer to."""
        done = self._briefly(request, onward=True)
        return self._send(request, service) if done is None else done

    def _briefly(self, request: httpx.Request, *, onward: bool = False) -> httpx.Response | None:
        """The response, if the short road leads to it. Otherwise `request` has with it what has been done so far."""
        road = self._road
        if road is None or mocked() or not runs():
            return None
        call = made_call(request, ONE_PIECE)
        done = None if call is None else road.send(call, onward=onward)
        return done if isinstance(done, httpx.Response) else None

    def _send(self, request: httpx.Request, service: MeshService) -> httpx.Response:
        branches = service.branches
        if branches is None:
            return self._call(request, service)
        return self._steering.send(request, service, branches, self._mesh, self._call)

    def _call(self, request: httpx.Request, service: MeshService) -> httpx.Response:
        begun = request.extensions.pop(BEGUN, None)
        options = call_options(request, service) if begun is None else begun.options
        return Driver(request, service, options, self._way(request, service), begun).run()

    def _way(self, request: httpx.Request, service: MeshService) -> Wire:
        way = RoutedWire(self._wire) if self._lanes is None else self._lanes.wire(service, request)
        injection = service.injection
        return way if injection is None else InjectingWire(way, injection, service)

    def __enter__(self) -> Self:
        self._wire.__enter__()
        if self._passthrough is not self._wire:
            self._passthrough.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self._leave()
        if self._lanes is not None:
            self._lanes.close()
        self._wire.__exit__(exc_type, exc_value, traceback)
        if self._passthrough is not self._wire:
            self._passthrough.__exit__(exc_type, exc_value, traceback)

    def close(self) -> None:
        """Close the underlying transports."""
        self._leave()
        if self._lanes is not None:
            self._lanes.close()
        self._wire.close()
        if self._passthrough is not self._wire:
            self._passthrough.close()

    def _leave(self) -> None:
        """End what goes on beside calls."""
        self._steering.close()
        caches, self._caches = self._caches, {}
        for _, cache in caches.values():
            cache.close()


def _said(request: httpx.Request, outbound: Outbound) -> httpx.Request:
    """`request` with headers that say in which trace it is; the user's own stays as it is."""
    headers = [*request.headers.multi_items(), *outbound.headers(given=request.headers)[0]]
    return httpx.Request(
        request.method, request.url, headers=headers, stream=request.stream, extensions=request.extensions
    )
