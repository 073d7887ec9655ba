"""The application in its registry, while it is fit.

It enters when it is fit for the first time and leaves when it is not any more, or when the sidecar drains. The lease
does the rest: renewals, the seat that workers of a host share, and so the new sidecar and the old one at a hand-over.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from meshclient.errors import MeshError
from meshclient.registration.address import local_address

if TYPE_CHECKING:
    from meshclient.config.sidecar_shape import RegisterConfig
    from meshclient.mesh.mesh import Mesh
    from meshclient.model.endpoint import EndpointAttributes
    from meshclient.registration.lease import Lease
    from meshclient.sidecar.inbound.application import Application

_LOG = logging.getLogger("meshclient.sidecar")


class Listed:
    """Its registration.

    Args:
        config: how it is listed.
        application: what is listed while it is fit.
        port: of the inbound listener.

    Attributes:
        key: what it was made of; one with the same key does as well.
    """

    def __init__(self, config: RegisterConfig, application: Application, port: int) -> None:
        self._config = config
        self._application = application
        self._port = config.port or port
        self.key = (config, application.path, self._port)
        self._lease: Lease | None = None
        self._turn = asyncio.Lock()
        self._over = False

    @property
    def listed(self) -> bool:
        """Whether the registry has it, by this process's doing or another worker's."""
        return self._lease is not None and (self._lease.listed or self._lease.elsewhere)

    def watch(self, application: Application) -> None:
        """Go by this one from now on: the same application, looked at by another configuration."""
        self._application = application

    async def follow(self, mesh: Mesh) -> None:
        """Enter or leave, as the application is now; waits until that is done, or a few seconds."""
        async with self._turn:
            if self._application.fit and self._lease is None and not self._over:
                try:
                    self._lease = self._enter(mesh)
                except (MeshError, ValueError) as exc:
                    self._over = True
                    _LOG.error("%s is not registered: %s", self._config.service, exc)
                    return
                await self._lease.__aenter__()
            elif not self._application.fit and self._lease is not None:
                lease, self._lease = self._lease, None
                await lease.aclose()

    async def leave(self, *, linger: bool) -> None:
        """Leave for good.

        Args:
            linger: return only when callers have noticed.
        """
        self._over = True
        # A farewell must not wait for a registry that does not answer the welcome.
        lease = self._lease
        if lease is not None:
            await lease.aclose(linger=linger)
        with suppress(TimeoutError):
            async with asyncio.timeout(1), self._turn:
                self._lease = None

    def _enter(self, mesh: Mesh) -> Lease:
        config = self._config
        attributes: EndpointAttributes = {"tags": config.tags, "zone": config.zone, "weight": config.weight}
        if config.id:
            attributes["id"] = config.id
        return mesh.register(
            config.service,
            port=self._port,
            host=config.host or local_address(),
            health=self._application.path,
            ttl=config.ttl,
            registry=config.registry or None,
            wait_ready=False,
            on_sigterm=False,
            propagation=config.propagation,
            grace=0.0,
            **attributes,
        )
