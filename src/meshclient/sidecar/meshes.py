"""Making the mesh of a configuration that has been read already."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from meshclient.config.sidecar_shape import SidecarConfig
from meshclient.mesh.mesh import Mesh

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshclient.config.loaded import Loaded
    from meshclient.discovery.resolver import Resolver

# Seconds that the lists of a new mesh are waited for before it takes the place of another.
WARM = 5.0
_NONE = SidecarConfig()


def mesh_of(loaded: Loaded, resolver: Resolver | None = None) -> Mesh:
    """The mesh, with `resolver` in place of the configured one. Raises ConfigError and PluginError."""
    mesh = Mesh.__new__(Mesh)
    # The sidecar has administration of its own.
    alone = replace(loaded, config=replace(loaded.config, admin=""))
    mesh._begin(alone, resolver, ())  # noqa: SLF001 - Mesh reads files itself, and this one has been read
    return mesh


def same_mesh(one: Loaded, other: Loaded) -> bool:
    """Whether one mesh does for both configurations: they differ in what the sidecar alone reads, or not at all."""
    return replace(one.config, sidecar=_NONE, admin="") == replace(other.config, sidecar=_NONE, admin="")


async def warmed(mesh: Mesh, names: Iterable[str], timeout: float = WARM) -> None:
    """Have answers for these services, as far as they come within `timeout` seconds."""

    async def wait(name: str) -> None:
        service = mesh.service(name)
        while (snapshot := service.snapshot).state == "pending":
            await service.watch.wait_async(snapshot, timeout)

    with suppress(TimeoutError):
        async with asyncio.timeout(timeout):
            await asyncio.gather(*(wait(name) for name in names))
