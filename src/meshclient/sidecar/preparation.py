"""Making all that a configuration needs, beside what is in use: nothing that works is touched before it is there."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError
from meshclient.registration.schemes import open_registrar
from meshclient.sidecar.admin.guard import Guard
from meshclient.sidecar.configured import needed, token
from meshclient.sidecar.door import Door, open_door
from meshclient.sidecar.inbound import Entrance
from meshclient.sidecar.meshes import mesh_of, same_mesh, warmed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshclient.config.loaded import Loaded
    from meshclient.discovery.resolver import Resolver
    from meshclient.mesh.mesh import Mesh

OUTBOUND, INBOUND, ADMIN = "outbound", "inbound", "admin"
# Seconds that the lists which are needed in any case are waited for at the start.
FIRST = 2.0


@dataclass(slots=True)
class Prepared:
    """A configuration that can be put in place.

    Args:
        loaded: it.
        mesh: what it says of services; the one in use where it says the same.
        token: what the admin interface is to ask for, or None.
        doors: the listeners' sockets by name; those in use where the address is the same.
        opened: those of them that were opened for it.
        entrance: to the application, or None without an inbound listener.
    """

    loaded: Loaded
    mesh: Mesh
    token: str | None
    doors: dict[str, Door] = field(default_factory=dict)
    opened: list[Door] = field(default_factory=list)
    entrance: Entrance | None = None

    async def aclose(self, *, keeps: bool = False) -> None:
        """Let go of it.

        Args:
            keeps: leave its mesh alone, which is in use.
        """
        for door in self.opened:
            door.close()
        if self.entrance is not None:
            await self.entrance.aclose()
        if not keeps:
            await self.mesh.aclose()


@dataclass(frozen=True, slots=True)
class Former:
    """The configuration in use, and its mesh."""

    loaded: Loaded
    mesh: Mesh


async def prepared_for(
    loaded: Loaded,
    former: Former | None,
    doors: Mapping[str, Door],
    *,
    resolver: Resolver | None,
    follow: Callable[[], None],
) -> Prepared:
    """All that `loaded` needs.

    Args:
        loaded: the configuration.
        former: what is in use, or None at the start.
        doors: those that are open.
        resolver: instead of the configured one, or None.
        follow: called when the application has become fit, or is not any more.

    Raises ConfigError and PluginError; then nothing of it is left.
    """
    config = loaded.config.sidecar
    if config.register is not None:
        uri = config.register.registry or loaded.config.resolver
        if not uri:
            raise ConfigError(
                "sidecar.register names no registry and there is no resolver: write registry = 'consul://127.0.0.1:8500'"
            )
        open_registrar(uri)
    secret = token(config)
    keeps = former is not None and same_mesh(loaded, former.loaded)
    mesh = former.mesh if former is not None and keeps else mesh_of(loaded, resolver)
    prepared = Prepared(loaded, mesh, secret)
    try:
        _open(prepared, former, doors)
        _guard(prepared)
        if config.inbound:
            prepared.entrance = Entrance(config, prepared.doors[INBOUND].address.port, follow)
            # So that a reload refuses nothing while an application that is fit is looked at anew.
            await prepared.entrance.application.look()
        for name in needed(config):
            mesh.service(name)
        if former is None:
            await warmed(mesh, needed(config), FIRST)
        elif not keeps:
            # Whoever is called now shall not wait for a list because of a reload.
            await warmed(mesh, list(former.mesh._roster.services))  # noqa: SLF001 - the names in use
    except BaseException:
        await prepared.aclose(keeps=keeps)
        raise
    return prepared


def _open(prepared: Prepared, former: Former | None, doors: Mapping[str, Door]) -> None:
    config = prepared.loaded.config.sidecar
    for name in (OUTBOUND, INBOUND, ADMIN):
        text = getattr(config, name)
        if not text or (name == OUTBOUND and config.data_plane == "envoy"):
            continue
        kept = doors.get(name)
        if kept is not None and (former is None or text == getattr(former.loaded.config.sidecar, name)):
            prepared.doors[name] = kept
            continue
        prepared.doors[name] = open_door(name, text)
        prepared.opened.append(prepared.doors[name])


def _guard(prepared: Prepared) -> None:
    """Raises ConfigError where the admin interface may not listen with this token, or without one, where it is to."""
    if ADMIN in prepared.doors:
        guard = Guard(prepared.token)
        for sock in prepared.doors[ADMIN].sockets:
            if sock.family != socket.AF_UNIX:
                guard.check_address(sock.getsockname()[0])
