"""A client of either colour for which one service has a traffic policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from meshclient.http._async.driver import AsyncDriver
from meshclient.http._async.steering import AsyncSteering
from meshclient.http._async.wire import AsyncRoutedWire
from meshclient.http._sync.driver import Driver
from meshclient.http._sync.steering import Steering
from meshclient.http._sync.wire import RoutedWire
from meshclient.http.options import call_options
from meshclient.mesh.branches import Branches
from unit.mesh.parts import Parts, policy

if TYPE_CHECKING:
    from meshclient.mesh import Mesh, MeshService
    from unit.http.face import Face


class Steered(httpx.BaseTransport):
    """Sends every request to the service "orders", by its policy."""

    def __init__(self, mesh: Mesh, branches: Branches) -> None:
        self._mesh, self._branches, self._parts = mesh, branches, Parts(mesh)
        self._wire, self._steering = httpx.HTTPTransport(), Steering()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        service = self._mesh.service("orders")
        return self._steering.send(request, service, self._branches, self._parts, self._drive)

    def _drive(self, request: httpx.Request, target: MeshService) -> httpx.Response:
        return Driver(request, target, call_options(request, target), RoutedWire(self._wire)).run()

    def close(self) -> None:
        self._steering.close()
        self._wire.close()


class AsyncSteered(httpx.AsyncBaseTransport):
    """As `Steered`."""

    def __init__(self, mesh: Mesh, branches: Branches) -> None:
        self._mesh, self._branches, self._parts = mesh, branches, Parts(mesh)
        self._wire, self._steering = httpx.AsyncHTTPTransport(), AsyncSteering()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        service = self._mesh.service("orders")
        return await self._steering.send(request, service, self._branches, self._parts, self._drive)

    async def _drive(self, request: httpx.Request, target: MeshService) -> httpx.Response:
        return await AsyncDriver(request, target, call_options(request, target), AsyncRoutedWire(self._wire)).run()

    async def aclose(self) -> None:
        await self._steering.aclose()
        await self._wire.aclose()


def steered(face: Face, services: dict[str, list[Any]], **tables: object) -> tuple[Any, Branches]:
    """A client of ``http://orders/``, and its policy as it runs; `services` are endpoints by name."""
    settings = {"balancer": "round_robin", "attempt_timeout": 5}
    mesh = face.mesh(services={name: {"endpoints": listed, **settings} for name, listed in services.items()})
    branches = Branches(mesh.service("orders"), policy(**tables))
    transport = (AsyncSteered if face.is_async else Steered)(mesh, branches)
    return face.httpx(transport=transport), branches
