"""An httpx transport that sends requests for services to their endpoints, and all others where httpx would."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from meshclient.errors import ResolverUnavailable
from meshclient.http._async.driver import AsyncDriver
from meshclient.http._async.engine_transport import ONE_PIECE
from meshclient.http._async.injecting import AsyncInjectingTransport
from meshclient.http._async.lanes import AsyncLanes
from meshclient.http._async.short_road import AsyncShortRoad
from meshclient.http._async.steering import AsyncSteering
from meshclient.http._async.wire import AsyncRoutedWire
from meshclient.http.begun import BEGUN
from meshclient.http.errors import flavoured
from meshclient.http.mocking import async_mocked
from meshclient.http.options import call_options
from meshclient.http.plain.made import made_call
from meshclient.http.waiting import async_runs
from meshclient.model.report import CallReport

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from meshclient.http._async.wire import AsyncWire
    from meshclient.mesh import Mesh, MeshService


class AsyncMeshTransport(httpx.AsyncBaseTransport):
    """For ``httpx.AsyncClient(transport=...)`` or ``mounts={"mesh://": ...}``.

    Hosts that name a service (single-label hosts, hosts under a configured domain, ``mesh://`` URLs) are resolved,
    balanced and retried; requests to any other host go to `passthrough` untouched.

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
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        passthrough: httpx.AsyncBaseTransport | None = None,
        lanes: AsyncLanes | None = None,
    ) -> None:
        self._mesh = mesh
        if transport is None:
            lanes = lanes or AsyncLanes()
            transport = lanes.passthrough
        self._lanes = lanes
        self._road = None if lanes is None or not lanes.builtin else AsyncShortRoad(mesh, lanes)
        self._wire = transport
        self._passthrough = transport if passthrough is None else passthrough
        self._steering = AsyncSteering()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`; ``response.extensions["mesh"]`` then tells where it went and why."""
        road = self._road
        if road is not None and not async_mocked() and async_runs():
            call = made_call(request, ONE_PIECE)
            done = None if call is None else await road.send(call)
            if isinstance(done, httpx.Response):
                return done
            # The request itself otherwise, with what has been done so far.
        try:
            service = self._mesh.service_of(request.url.scheme, request.url.host)
        except ResolverUnavailable as error:
            raise flavoured(error, error.mesh or CallReport(request.url.host), request) from error.__cause__
        if service is None:
            return await self._passthrough.handle_async_request(request)
        branches = service.branches
        if branches is None:
            return await self._call(request, service)
        return await self._steering.send(request, service, branches, self._mesh, self._call)

    async def _call(self, request: httpx.Request, service: MeshService) -> httpx.Response:
        begun = request.extensions.pop(BEGUN, None)
        options = call_options(request, service) if begun is None else begun.options
        return await AsyncDriver(request, service, options, self._way(request, service), begun).run()

    def _way(self, request: httpx.Request, service: MeshService) -> AsyncWire:
        way = AsyncRoutedWire(self._wire) if self._lanes is None else self._lanes.wire(service, request)
        injection = service.injection
        if injection is None:
            return way
        return AsyncRoutedWire(AsyncInjectingTransport(way.transport, injection, service.uniform))

    async def __aenter__(self) -> Self:
        await self._wire.__aenter__()
        if self._passthrough is not self._wire:
            await self._passthrough.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._steering.aclose()
        if self._lanes is not None:
            await self._lanes.aclose()
        await self._wire.__aexit__(exc_type, exc_value, traceback)
        if self._passthrough is not self._wire:
            await self._passthrough.__aexit__(exc_type, exc_value, traceback)

    async def aclose(self) -> None:
        """Close the underlying transports."""
        await self._steering.aclose()
        if self._lanes is not None:
            await self._lanes.aclose()
        await self._wire.aclose()
        if self._passthrough is not self._wire:
            await self._passthrough.aclose()
