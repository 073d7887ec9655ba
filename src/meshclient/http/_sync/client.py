# Generated from src/meshclient/http/_async/client.py by scripts/unasync.py; edit that file, then run `make sync`.
"""An httpx client to whom service names are as good as hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from meshclient.errors import ConfigError
from meshclient.http._sync.transport import MeshTransport
from meshclient.http.mounting import mount_mesh
from meshclient.mesh import Mesh

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self, Unpack

    from meshclient.discovery.resolver import Resolver
    from meshclient.http.arguments import ClientArguments
    from meshclient.model.events import Observer


class Client(httpx.Client):
    """``httpx.Client``, whose requests to services are resolved, balanced, retried and ejected.

    With neither a resolver nor a service to speak of it behaves exactly as httpx does.

    Args:
        resolver: URI of a registry, or a `Resolver`; see `Mesh`.
        mesh: a `Mesh` to share with other clients, instead of all the arguments that would make one. It is not closed
            with the client.
        defaults: see `Mesh`.
        services: see `Mesh`.
        domains: see `Mesh`.
        mode: see `Mesh`.
        state_dir: see `Mesh`.
        discovery: see `Mesh`.
        observers: see `Mesh`.
        arguments: httpx.Client's own.

    Raises ConfigError for a wrong value, PluginError where a resolver's plugin is missing.
    """

    def __init__(
        self,
        resolver: str | Resolver | None = None,
        *,
        mesh: Mesh | None = None,
        defaults: Mapping[str, object] | None = None,
        services: Mapping[str, object] | None = None,
        domains: Sequence[str] | None = None,
        mode: str | None = None,
        state_dir: Path | str | None = None,
        discovery: Mapping[str, object] | None = None,
        observers: Sequence[Observer] = (),
        **arguments: Unpack[ClientArguments],
    ) -> None:
        settings = (resolver, defaults, services, domains, mode, state_dir, discovery, observers or None)
        if mesh is not None and any(setting is not None for setting in settings):
            msg = "mesh=... brings its own settings: give them to the Mesh, or leave mesh out"
            raise ConfigError(msg)
        super().__init__(**arguments)
        self._owns_mesh = mesh is None
        self.mesh = mesh or Mesh(
            resolver,
            defaults=defaults,
            services=services,
            domains=domains,
            mode=mode,
            state_dir=state_dir,
            discovery=discovery,
            observers=observers,
        )
        if not self.mesh.idle:
            mount_mesh(self, self._wrap, arguments.get("mounts") or ())

    def _wrap(self, direct: httpx.BaseTransport, passthrough: httpx.BaseTransport) -> MeshTransport:
        return MeshTransport(self.mesh, direct, passthrough=passthrough)

    def close(self) -> None:
        """Close the connections, and the mesh unless it was given."""
        super().close()
        if self._owns_mesh:
            self.mesh.close()

    def __enter__(self) -> Self:
        super().__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        super().__exit__(exc_type, exc_value, traceback)
        if self._owns_mesh:
            self.mesh.close()
