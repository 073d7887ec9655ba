"""What a mesh does for the variants of a service, and a policy as the configuration would read it."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from meshclient.config.traffic_schema import TRAFFIC_KEYS
from meshclient.config.traffic_shape import TrafficConfig
from meshclient.mesh.balancers import find_balancer
from meshclient.mesh.service import MeshService
from meshclient.model.service import ServiceName

if TYPE_CHECKING:
    from meshclient.mesh import Mesh
    from meshclient.mesh.branches import OpenWatch


class Parts:
    """The services of a mesh, and parts of them."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self.made: list[MeshService] = []

    def service(self, name: str) -> MeshService:
        return self._mesh.service(name)

    def part(self, service: MeshService, label: str, open_watch: OpenWatch) -> MeshService:
        made = MeshService(
            ServiceName(service.name),
            service.config,
            picker=find_balancer(service.config.balancer)(random.random),
            open_watch=open_watch,
            clock=time.monotonic,
            rng=random,
            emit=service.emit,
        )
        self.made.append(made)
        return made


def policy(**tables: object) -> TrafficConfig:
    """As ``[services.<name>.traffic]``."""
    return TrafficConfig(**{key: TRAFFIC_KEYS[key].read(value) for key, value in tables.items()})  # type: ignore[arg-type]
