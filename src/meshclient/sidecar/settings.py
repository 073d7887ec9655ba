"""What the sidecar is told: ``[sidecar]``, and what follows from it for the mesh.

The table itself is read where all of the configuration is (`meshclient.config`); this is the one place of the sidecar
that knows so.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from meshclient.config.sidecar_shape import RegisterConfig, SidecarConfig
from meshclient.model.listening import Listening
from meshclient.model.service import ServiceName

if TYPE_CHECKING:
    from meshclient.config.loaded import Loaded

__all__ = ["UPSTREAM", "Listening", "RegisterConfig", "SidecarConfig", "effective"]

# What endpoints are called that were given without a name.
UPSTREAM = "upstream"


def effective(loaded: Loaded) -> Loaded:
    """`loaded` with the static endpoints of ``upstreams`` as those of their service, to which everything then goes."""
    sidecar = loaded.config.sidecar
    if not sidecar.upstreams:
        return loaded
    name = sidecar.service or UPSTREAM
    own = replace(loaded.config.service(ServiceName(name)), endpoints=sidecar.upstreams)
    services = MappingProxyType({**loaded.config.services, name: own})
    config = replace(loaded.config, services=services, sidecar=replace(sidecar, service=name))
    return replace(loaded, config=config)
