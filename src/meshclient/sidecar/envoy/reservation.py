"""A port that the kernel chose, kept for Envoy: it is to be the same after a restart of its process."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING

from meshclient.model.listening import Listening

if TYPE_CHECKING:
    from meshclient.config.sidecar_shape import SidecarConfig


class Reservation:
    """Holds ports by sockets that are bound and never listen: nothing is sent to those, and Envoy may bind as well."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[socket.socket, str]] = {}

    def settled(self, settings: SidecarConfig) -> SidecarConfig:
        """`settings` with a port where they leave it to the kernel; always the same one for the same host."""
        place = Listening.parse(settings.outbound)
        if place.path or place.port:
            return settings
        if settings.outbound not in self._held:
            family, kind, _, _, address = socket.getaddrinfo(place.host, 0, type=socket.SOCK_STREAM)[0]
            holder = socket.socket(family, kind)
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            holder.bind(address)
            self._held[settings.outbound] = holder, str(Listening(str(address[0]), holder.getsockname()[1]))
        return replace(settings, outbound=self._held[settings.outbound][1])

    def release(self) -> None:
        """Hold none any more."""
        for holder, _ in self._held.values():
            holder.close()
        self._held.clear()
