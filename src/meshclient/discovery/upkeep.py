"""What is done for a list beside watching it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.discovery.resolver import Resolver
    from meshclient.discovery.state_folder import StateFile, StateFolder
    from meshclient.model.events import Event
    from meshclient.model.service import ServiceName
    from meshclient.model.snapshot import Ready


def _nobody(event: Event) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Upkeep:
    """How one name's list is kept.

    Args:
        hold: seconds for which a mass removal is not believed, or None for never.
        folder: where the list of each registry is kept for a start without it, or None.
        resumed: the list from before the name was released, to go on with until the registry answers, or None.
        expire: asked on the discovery thread now and then while nobody waits: seconds until it shall be asked again,
            or None where the name has been released and the watch is to end.
        idle: seconds until `expire` is asked first, and after somebody has waited; None for never.
        tell: told what `meshclient.discovery.transition.events` does not tell.
    """

    hold: float | None = None
    folder: StateFolder | None = None
    resumed: Ready | None = None
    expire: Callable[[], float | None] = lambda: None
    idle: float | None = None
    tell: Callable[[Event], None] = _nobody

    def file(self, resolver: Resolver, name: ServiceName) -> StateFile | None:
        """Where the list that `resolver` gives of `name` is kept; that of a migration is that of who serves in it."""
        filed: str = getattr(resolver, "filed", resolver.source)
        return self.folder.file(filed, name.value) if self.folder else None


NO_UPKEEP = Upkeep()
