"""What requests begin with: one mesh, one set of settings, one route. A reload puts another in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.http._async.transport import AsyncMeshTransport
from meshclient.sidecar.proxy.pools import ProxyLanes

if TYPE_CHECKING:
    from meshclient.http._async.lane import AsyncLane
    from meshclient.http.options import CallOptions
    from meshclient.mesh import Mesh
    from meshclient.sidecar.proxy.destination import Route
    from meshclient.sidecar.proxy.question import ProxyCall
    from meshclient.sidecar.proxy.settings import ProxySettings


class Setup:
    """One of a proxy.

    Args:
        mesh: what is known of services.
        settings: of connections and requests.
        route: where requests go.

    Attributes:
        transport: the ordinary road, over the same connections as the short one.
        active: requests under way that began with it.
        retired: whether another one has taken its place.
        via: the line that is added to responses that pass, or empty.
        logs: whether requests are logged.
    """

    def __init__(self, mesh: Mesh, settings: ProxySettings, route: Route) -> None:
        self.mesh = mesh
        self.settings = settings
        self.route = route
        self._lanes = ProxyLanes()
        self.transport = AsyncMeshTransport(mesh, lanes=self._lanes)
        self._known: dict[str, AsyncLane] = {}
        self.active = 0
        self.retired = False
        self.via = f"\r\nVia: 1.1 {settings.via}".encode() if settings.via else b""
        self.logs = settings.log is not None

    def lane(self, name: str) -> AsyncLane:
        """The way to the service called `name`; raises what `Mesh.service` does."""
        lane = self._known.get(name)
        if lane is None or lane.service.released:
            service = self.mesh.service_of("http", name) or self.mesh.service(name)
            lane = self._known[name] = self._lanes.find(service, "http", name)
        return lane

    def options(self, call: ProxyCall, service: str) -> CallOptions:
        """How `call` is made to `service`."""
        return self.lane(service).options(call)

    async def aclose(self) -> None:
        """Close its connections."""
        self._known.clear()
        await self.transport.aclose()
