"""The registrar SPI: how an instance enters a registry, stays and leaves.

The mirror of a resolver: three plain coroutines that run on the discovery loop. Repetition, jitter, retries and the
order of leaving belong to `meshclient.registration.lease`, so that a plugin holds the registry's protocol and no more.
Found through the entry-point group ``meshclient.registrars``, under the same scheme as the resolver; the value is a
callable taking a `ResolverUri`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.service import ServiceName


class LeaseLost(Exception):
    """The registry no longer knows the instance (it restarted, or the lease ran out): register again."""


@dataclass(frozen=True, slots=True)
class Registration:
    """One instance, as it asks to be listed.

    Args:
        service: the name it serves under.
        endpoint: where others reach it; `endpoint.id` is the instance id and must be unique within the registry.
        health: path that is checked over HTTP, such as ``/healthz``, by the registry where it does so and from here
            where it does not; empty for a TTL kept alive from here.
        ttl: seconds after which the registry may drop the instance when it hears nothing.

    Raises ValueError for a health path that does not begin with a slash, or a ttl that is not positive and finite.
    """

    service: ServiceName
    endpoint: Endpoint
    health: str = ""
    ttl: float = 15.0

    def __post_init__(self) -> None:
        if self.health and not self.health.startswith("/"):
            msg = f"health={self.health!r} is not a path on the instance: write one such as '/healthz'"
            raise ValueError(msg)
        if not 0 < self.ttl < math.inf:
            msg = f"ttl={self.ttl!r} is not a time to live: write seconds above 0, such as 15"
            raise ValueError(msg)


class Registrar(Protocol):
    """Writes one instance into a registry.

    A registrar may have one attribute more, ``checks_health: bool``: whether the registry itself looks at
    `Registration.health` from then on, as Consul does. Where it does not say so, the lease looks, and takes the
    instance out while it is not healthy.

    Attributes:
        source: the registry, as a URI without secrets; shown to people.
        propagation: seconds until readers no longer see an instance that has been taken out. Whoever stops serving
            earlier is still being called.
    """

    source: str
    propagation: float

    async def register(self, registration: Registration) -> None:
        """List the instance; called again after `LeaseLost` and must then simply succeed."""
        ...

    async def renew(self, registration: Registration) -> None:
        """Say that the instance lives; called about every third of `ttl` seconds.

        Raises `LeaseLost` when the registry does not know it. Does nothing where the registry checks by itself and
        still lists the instance.
        """
        ...

    async def deregister(self, registration: Registration) -> None:
        """Take the instance out; succeeds when it was not listed."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
