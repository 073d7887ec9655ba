"""How an instance looks in RegisterInstance; the mirror of `instances`."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from meshclient_aws.cloudmap.instances import CNAME, IPV4, IPV6, PORT, ZONE

if TYPE_CHECKING:
    from meshclient.registration.registrar import Registration


def instance_id(registration: Registration) -> str:
    """The endpoint's own id, or ``<host>-<port>`` where it has none: ids are unique within a service."""
    endpoint = registration.endpoint
    return endpoint.id or f"{endpoint.host}-{endpoint.port}"


def instance_attributes(registration: Registration, weight: str) -> dict[str, str]:
    """The attributes, the metadata among them; `weight` names the one for the weight.

    Cloud Map takes no attribute without a value: such metadata is left out, as are tags, which it does not know.
    """
    endpoint = registration.endpoint
    attributes = {key: value for key, value in endpoint.metadata.items() if value}
    attributes |= {_address_key(endpoint.host): endpoint.host, PORT: str(endpoint.port)}
    if endpoint.zone:
        attributes[ZONE] = endpoint.zone
    if endpoint.scheme != "http":
        attributes["scheme"] = endpoint.scheme
    if endpoint.weight != 1:
        attributes[weight] = f"{endpoint.weight:g}"
    return attributes


def _address_key(host: str) -> str:
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return CNAME
    return IPV4 if version == 4 else IPV6
