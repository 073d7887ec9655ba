"""The inbound side as a whole: what is listened for, who is let in, where it goes, and how it is listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.sidecar.inbound.application import Application
from meshclient.sidecar.inbound.listed import Listed
from meshclient.sidecar.inbound.to_application import ToApplication, application_mesh
from meshclient.sidecar.inbound.turnstile import Turnstile

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.config.sidecar_shape import SidecarConfig


class Entrance:
    """Before one application.

    Args:
        config: of the sidecar.
        port: of the inbound listener.
        changed: called on the loop when the application has become fit, or is not any more.

    Attributes:
        mesh: knows the application alone.
        route: leads to it.
        turnstile: stands before it.
        listed: it in its registry, or None.
    """

    def __init__(self, config: SidecarConfig, port: int, changed: Callable[[], None]) -> None:
        self.application = Application(config.app, config.health, config.health_interval, changed)
        self.mesh = application_mesh(config.app)
        self.route = ToApplication(config.app)
        self.turnstile = Turnstile(self.application, config.limit)
        self._limit = config.limit
        entry = config.register
        self.listed = Listed(entry, self.application, port) if entry is not None else None

    async def follow(self, before: Entrance | None) -> None:
        """Take the place of `before`; the registration goes on where it is the same."""
        if before is not None:
            await before.application.aclose()
            self.application.go_on_from(before.application)
            if before.listed is not None and self.listed is not None and before.listed.key == self.listed.key:
                self.listed, before.listed = before.listed, None
                self.listed.watch(self.application)
            await before.aclose()
        self.application.look_on()

    async def aclose(self) -> None:
        """Look no more, leave the registry, without waiting for callers to notice."""
        await self.application.aclose()
        if self.listed is not None:
            await self.listed.leave(linger=False)
        await self.mesh.aclose()

    def stats(self) -> dict[str, object]:
        """For JSON."""
        application = self.application
        return {
            "address": str(application.address),
            "fit": application.fit,
            "reason": application.reason or None,
            "in_flight": self.turnstile.in_flight,
            "limit": self._limit or None,
            "registered": None if self.listed is None else self.listed.listed,
        }
