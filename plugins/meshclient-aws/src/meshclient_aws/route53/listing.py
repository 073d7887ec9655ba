"""How an instance is listed in a zone: its names, its records, and the changes that bring them in and out.

    _orders._tcp.prod.internal.      SRV   0 1 8080 i-7.orders.prod.internal.
    i-7.orders.prod.internal.        A     10.0.0.7

An instance whose address is a host name has no record of its own: the SRV record points to that name (a target must
not be an alias, RFC 2782). All decisions are values; `registrar` reads the zone and sends the changes.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meshclient_aws.route53.options import Routing
from meshclient_aws.route53.records import RecordSet, absolute, replacing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meshclient.registration.registrar import Registration

    Changes = list[Mapping[str, object]]

_MAX_LABEL = 63  # RFC 1035, section 2.3.4
_DIGEST = 10  # hexadecimal digits: 40 bits tell the instances of a service apart
_MAX_NUMBER = 65535  # RFC 2782: priority, weight and port have 16 bits
_MAX_SHARE = 255  # of a weighted record set, in Route 53's API reference


@dataclass(frozen=True, slots=True)
class Found:
    """What the zone holds of an instance.

    Args:
        srv: the record set that lists it, or would: the common one, or under a routing policy its own.
        addresses: the A and AAAA sets of its name.
    """

    srv: RecordSet | None
    addresses: tuple[RecordSet, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """An instance as the records that it has when it is listed.

    Args:
        owner: the name that is asked for the service.
        target: the name that the SRV record points to.
        label: the instance's own label, and the identifier of its set under a routing policy.
        srv: its SRV record.
        address: the kind and value of its address record, or None where `target` is somebody else's.
        share: its weight under weighted routing.
    """

    owner: str
    target: str
    label: str
    srv: str
    address: tuple[str, str] | None
    share: int

    @classmethod
    def of(cls, registration: Registration, zone: str, proto: str) -> Listing:
        """The listing of an instance in the zone of this name."""
        service, endpoint = registration.service, registration.endpoint
        name = label(instance_id(registration))
        try:
            kind = "AAAA" if ipaddress.ip_address(endpoint.host).version == 6 else "A"
        except ValueError:
            target, address = absolute(endpoint.host), None
        else:
            target, address = absolute(f"{name}.{service}.{zone}"), (kind, endpoint.host)
        weight = max(1, round(endpoint.weight))
        priority = min(_MAX_NUMBER, endpoint.priority)
        return cls(
            owner=absolute(f"_{service}._{proto}.{zone}"),
            target=target,
            label=name,
            srv=f"{priority} {min(_MAX_NUMBER, weight)} {endpoint.port} {target}",
            address=address,
            share=min(_MAX_SHARE, weight),
        )

    def enter(self, found: Found, routing: Routing, ttl: int, health_check: str = "") -> Changes:
        """The changes after which the zone lists the instance, and lists it once."""
        values: tuple[str, ...] = (self.srv,)
        if routing is Routing.SIMPLE:
            values += self._others(found)
        srv = RecordSet(self.owner, "SRV", ttl, tuple(sorted(values)))
        if routing is Routing.MULTIVALUE:
            srv = replace(srv, identifier=self.label, multivalue=True, health_check=health_check)
        if routing is Routing.WEIGHTED:
            srv = replace(srv, identifier=self.label, weight=self.share, health_check=health_check)
        kind, value = self.address or ("", "")
        changes = replacing(found.srv, srv)
        for each in found.addresses:
            if each.kind != kind:
                changes += replacing(each, None)
        if self.address is not None:
            old = next((each for each in found.addresses if each.kind == kind), None)
            changes += replacing(old, RecordSet(self.target, kind, ttl, (value,)))
        return changes

    def leave(self, found: Found, routing: Routing) -> Changes:
        """The changes after which the zone no longer lists the instance."""
        changes: Changes = []
        if found.srv is not None:
            others = self._others(found) if routing is Routing.SIMPLE else ()
            rest = replace(found.srv, values=others, raw=None) if others else None
            if len(others) < len(found.srv.values):
                changes += replacing(found.srv, rest)
        for each in found.addresses:
            changes += replacing(each, None)
        return changes

    def listed(self, found: Found) -> bool:
        """Whether the zone lists the instance at its present port and address."""
        if found.srv is None or not any(map(self._mine, found.srv.values)):
            return False
        held = {(each.kind, value) for each in found.addresses for value in each.values}
        return self.address is None or self.address in held

    def _others(self, found: Found) -> tuple[str, ...]:
        """The records of the other instances in the common set."""
        values: Sequence[str] = found.srv.values if found.srv is not None else ()
        return tuple(value for value in values if not self._same_instance(value))

    def _mine(self, value: str) -> bool:
        return _port_and_target(value) == _port_and_target(self.srv)

    def _same_instance(self, value: str) -> bool:
        """A name of the instance's own is enough; under a shared host name the port tells instances apart."""
        if self.address is None:
            return self._mine(value)
        return _port_and_target(value)[1] == self.target


def instance_id(registration: Registration) -> str:
    """The id under which the zone knows the instance."""
    endpoint = registration.endpoint
    return endpoint.id or f"{registration.service}-{endpoint.host}-{endpoint.port}"


def label(text: str) -> str:
    """An instance id as one label of a host name.

    Where characters have to go or the id is too long, a digest of the id keeps different ids apart.
    """
    plain = re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")
    if text == plain and len(text) <= _MAX_LABEL:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]
    return f"{plain[: _MAX_LABEL - _DIGEST - 1].rstrip('-')}-{digest}".lstrip("-")


def _port_and_target(value: str) -> tuple[str, str]:
    """What identifies a record of an SRV set; weight and priority may have been changed by an operator."""
    fields = value.split()
    return (fields[2], absolute(fields[3])) if len(fields) == 4 else ("", value)
