"""What ``meshclient xds`` runs: a mesh that is followed, and a server that tells of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meshclient.sidecar.envoy.ads.server import AdsServer
from meshclient.sidecar.envoy.following import Following
from meshclient.sidecar.envoy.resources import Press, Resources
from meshclient.sidecar.envoy.scope import named
from meshclient.sidecar.envoy.served import Picture
from meshclient.sidecar.envoy.sources import Aggregated
from meshclient.sidecar.envoy.unmapped import unmapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meshclient.config.sidecar_shape import SidecarConfig
    from meshclient.mesh import Mesh
    from meshclient.sidecar.envoy.ads.server import Certificates

# Seconds for registries to answer before the first Envoy is served.
ANSWER = 5.0


class AdsService:
    """Serves the services that the configuration names, and `names`, to any number of Envoys.

    Args:
        mesh: knows where they are.
        settings: of the listener that every Envoy gets.
        names: further services.
        trusted: PEM file, where the Envoys run, of the authorities that are trusted where a service names none.

    Raises PluginNotFound where gRPC or Envoy's protocol buffers are not installed.
    """

    def __init__(self, mesh: Mesh, settings: SidecarConfig, names: Iterable[str] = (), *, trusted: str) -> None:
        self._mesh = mesh
        self._settings = settings
        self._trusted = trusted
        self._presses: dict[str, Press] = {}
        self._server = AdsServer(self._resources)
        self._following = Following(mesh, self._server.publish)
        self._names = [*named(mesh.config, settings), *names]

    async def start(self, address: str, certificates: Certificates | None = None) -> int:
        """Serve at ``host:port``, once registries have answered; the port. Raises ConfigError where that cannot be."""
        self._following.follow(self._names)
        await self._following.answered(ANSWER)
        return await self._server.listen(address, certificates)

    async def aclose(self) -> None:
        """End; the Envoys go on with what they have."""
        await self._following.aclose()
        await self._server.aclose()

    @property
    def unmapped(self) -> list[str]:
        """What of the configuration Envoy does not do, with what it does instead."""
        return unmapped(self._picture(""))

    def stats(self) -> Mapping[str, object]:
        """How many Envoys and services there are, and which Envoy refused what."""
        return {"services": len(self._following.served), **self._server.stats()}

    def _picture(self, zone: str) -> Picture:
        domains = self._mesh.config.domains
        # The files are those of the Envoys' hosts, and all servers of a fleet are to say the same.
        served = {name: replace(each, certificates="") for name, each in self._following.served.items()}
        return Picture(self._settings, served, domains, zone=zone, trusted=self._trusted)

    def _resources(self, zone: str) -> Resources:
        press = self._presses.setdefault(zone, Press(Aggregated()))
        return press.resources(self._picture(zone))
