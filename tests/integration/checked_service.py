"""A service whose endpoints are checked as its configuration says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshclient.mesh.checking import Checking
from meshclient.mesh.service import MeshService

if TYPE_CHECKING:
    from meshclient.config.shape import ServiceConfig
    from meshclient.model.service import ServiceName


class CheckedService(MeshService):
    """Stands in for `MeshService` in a mesh."""

    checking: Checking | None = None

    def __init__(self, name: ServiceName, config: ServiceConfig, **arguments: Any) -> None:
        super().__init__(name, config, **arguments)
        if config.health is not None:
            self.checking = Checking(
                self.name, config.health, checked=self.balancer.checked, clock=self.clock, uniform=self.uniform
            )
            self.checking.follow(self.watch.snapshot.endpoints)
            self.checking.begin(self.watch, self._tell)

    def _take_over(self, before: Any, after: Any) -> None:
        super()._take_over(before, after)
        if self.checking is not None:
            self.checking.follow(after.endpoints)
