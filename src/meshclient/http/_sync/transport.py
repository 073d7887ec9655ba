# Generated from src/meshclient/http/_async/transport.py by scripts/unasync.py; edit that file, then run `make sync`.
"""An httpx transport that sends requests for services to their endpoints, and all others where httpx would."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from meshclient.errors import ResolverUnavailable
from meshclient.http._sync.driver import Driver
from meshclient.http._sync.injecting import InjectingTransport
from meshclient.http._sync.steering import Steering
from meshclient.http._sync.wire import RoutedWire
from meshclient.http.errors import flavoured
from meshclient.http.options import call_options
from meshclient.model.report import CallReport

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from meshclient.mesh import Mesh, MeshService


class MeshTransport(httpx.BaseTransport):
    """For ``httpx.Client(transport=...)`` or ``mounts={"mesh://": ...}``.

    Hosts that name a service (single-label hosts, hosts under a configured domain, ``mesh://`` URLs) are resolved,
    balanced and retried; requests to any other host go to `passthrough` untouched.

    Args:
        mesh: what is known of services; it stays open when the transport is closed.
        transport: sends a request to an address; httpx's own by default. Closed with this one.
        passthrough: sends requests that are not for a service, if not `transport`. Closed with this one.

    Raises from its requests, beside httpx's own errors: ServiceNotFound, NoEndpoints and ResolverUnavailable (each
    also an httpx.ConnectError), DeadlineExceeded (also an httpx.TimeoutException), ConfigError.
    """

    def __init__(
        self,
        mesh: Mesh,
        transport: httpx.BaseTransport | None = None,
        *,
        passthrough: httpx.BaseTransport | None = None,
    ) -> None:
        self._mesh = mesh
        self._wire = httpx.HTTPTransport() if transport is None else transport
        self._passthrough = self._wire if passthrough is None else passthrough
        self._steering = Steering()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`; ``response.extensions["mesh"]`` then tells where it went and why."""
        try:
            service = self._mesh.service_of(request.url.scheme, request.url.host)
        except ResolverUnavailable as error:
            raise flavoured(error, error.mesh or CallReport(request.url.host), request) from error.__cause__
        if service is None:
            return self._passthrough.handle_request(request)
        branches = service.branches
        if branches is None:
            return self._call(request, service)
        return self._steering.send(request, service, branches, self._mesh, self._call)

    def _call(self, request: httpx.Request, service: MeshService) -> httpx.Response:
        wire, injection = self._wire, service.injection
        if injection is not None:
            wire = InjectingTransport(wire, injection, service.uniform)
        return Driver(request, service, call_options(request, service), RoutedWire(wire)).run()

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
        self._steering.close()
        self._wire.__exit__(exc_type, exc_value, traceback)
        if self._passthrough is not self._wire:
            self._passthrough.__exit__(exc_type, exc_value, traceback)

    def close(self) -> None:
        """Close the underlying transports."""
        self._steering.close()
        self._wire.close()
        if self._passthrough is not self._wire:
            self._passthrough.close()
