"""How this process is listed in a registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.model.endpoint import Endpoint
from meshclient.registration.lease import Lease
from meshclient.registration.registrar import Registration
from meshclient.registration.schemes import open_registrar
from meshclient.registration.seat import Seat

if TYPE_CHECKING:
    from meshclient.discovery.resolver import Chance
    from meshclient.model.endpoint import EndpointAttributes
    from meshclient.model.service import ServiceName
    from meshclient.registration.terms import Terms


def own_registration(  # noqa: PLR0917 - what there is to say
    service: ServiceName, host: str, port: int, health: str, ttl: float, attributes: EndpointAttributes
) -> Registration:
    """What is said of this process. Raises ValueError for an address, a health path or a time that is none."""
    attributes.setdefault("id", f"{service}-{host.replace(':', '-')}-{port}")
    return Registration(service, Endpoint(host, port, **attributes), health=health, ttl=ttl)


def open_lease(uri: str, registration: Registration, terms: Terms, timeout: float, rng: Chance) -> Lease:
    """Have it listed at the registry of that URI. Raises ConfigError and PluginError where that cannot be."""
    registrar = open_registrar(uri)
    seat = Seat.of(registrar.source, registration)
    return Lease(registrar, registration, rng=rng, timeout=timeout, terms=terms, seat=seat)
