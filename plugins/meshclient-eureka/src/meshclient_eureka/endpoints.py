"""From the records of one service to endpoints.

Only instances that are UP are usable. Eureka merges an operator's override into the status by itself; a record that is
UP and overridden with something else all the same is on its way out, and is left alone. A record that cannot be an
endpoint (port 0, no enabled port) is reported beside the rest instead of failing all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.discovery.http_registry.fields import EXCERPT, PayloadError
from meshclient.model.endpoint import DEFAULT_PORTS, MAX_WEIGHT, Endpoint, Health
from meshclient.model.snapshot import LeftOut
from meshclient_eureka.applications import UP, Instance, data_center
from meshclient_eureka.payload import Table, flag, number, table, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SCHEME_KEYS = ("scheme", "protocol")
_ZONE_KEYS = ("zone", "availability_zone")
_OVERRIDE_KEYS = ("overriddenStatus", "overriddenstatus")  # the second is that of Eureka's XML and of old servers
# What the server's JSON puts beside the entries of a map to name its Java class.
_CLASS = "@class"
_MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class ServiceList:
    """What the records of a service come to.

    Args:
        endpoints: the usable instances.
        left_out: the others, and why.
    """

    endpoints: tuple[Endpoint, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def malformed(self) -> tuple[str, ...]:
        """One text for each record that should be usable and cannot be an endpoint."""
        return tuple(f"{each.label}: {each.detail}" for each in self.left_out if each.reason == _MALFORMED)


def decode_endpoints(instances: Iterable[Instance], *, address: str = "host", scheme: str = "") -> ServiceList:
    """The endpoints of `instances`.

    Args:
        instances: the records of one service.
        address: ``host`` for the instance's host name, ``ip`` for its IP address; the other one where it has none.
        scheme: given to every endpoint; where it is empty, the metadata and the enabled ports decide.

    Raises PayloadError where some should be usable and not one of those is well-formed.
    """
    endpoints: list[Endpoint] = []
    left_out: list[LeftOut] = []
    for instance in instances:
        label = repr(instance.id[:EXCERPT])
        try:
            if why := _unfit(instance):
                left_out.append(LeftOut(label, *why))
                continue
            endpoint, weight = _endpoint(instance, address, scheme)
        except ValueError as exc:
            left_out.append(LeftOut(label, _MALFORMED, str(exc)))
        else:
            if weight:
                endpoints.append(endpoint)
            else:
                left_out.append(LeftOut(label, "no_weight", "its metadata give it the weight 0", endpoint))
    found = ServiceList(tuple(endpoints), tuple(left_out))
    if found.malformed and not endpoints:
        raise PayloadError(
            f"none of {len(found.malformed)} instances is an endpoint; the first is {found.malformed[0]}"
        )
    return found


def _unfit(instance: Instance) -> tuple[str, str] | None:
    """Why its status keeps an instance out, in a word and in words."""
    status = instance.status
    if status == UP and (status := _override(instance.record)) in ("", "UNKNOWN", UP):
        return None
    return "draining" if status == "OUT_OF_SERVICE" else "critical", f"its status is {status[:EXCERPT]}"


def _endpoint(instance: Instance, address: str, asked: str) -> tuple[Endpoint, float]:
    """The endpoint of a record, and its weight, which may be 0."""
    record = instance.record
    metadata = _metadata(record)
    scheme, port = _service_port(record, asked or _named_scheme(metadata))
    host, ip = text(record.get("hostName"), "its hostName"), text(record.get("ipAddr"), "its ipAddr")
    weight = _weight(metadata.get("weight", ""))
    endpoint = Endpoint(
        host=(ip or host) if address == "ip" else (host or ip),
        port=port,
        scheme=scheme,
        id=instance.id,
        weight=weight or 1.0,  # an instance of weight 0 is checked like any other before it is left out
        zone=_zone(metadata, record),
        tags=tuple(tag.strip() for tag in metadata.get("tags", "").split(",") if tag.strip()),
        metadata=metadata,
        health=Health.PASSING,
    )
    return endpoint, weight


def _override(record: Table) -> str:
    named = [text(record[key], f"its {key}").upper() for key in _OVERRIDE_KEYS if record.get(key)]
    return named[0] if named else ""


def _service_port(record: Table, asked: str) -> tuple[str, int]:
    """The scheme and port to call; plain where both ports are enabled and nobody asks for https."""
    plain, secure = _enabled_port(record, "port", default=True), _enabled_port(record, "securePort", default=False)
    if asked == "https":
        # Spring's instances often serve TLS on the one port they announce.
        port = plain if secure is None else secure
    elif asked == "http":
        port = plain
    else:
        asked, port = ("https", secure) if plain is None else ("http", plain)
    if port is None:
        raise PayloadError("none of its ports is enabled" if asked == "https" else "its plain port is not enabled")
    return asked, port


def _enabled_port(record: Table, key: str, *, default: bool) -> int | None:
    """The port's number, or None where it is missing or not enabled."""
    value = record.get(key)
    if value is None:
        return None
    if not isinstance(value, dict):
        return number(value, f"its {key}") if default else None
    enabled = value.get("@enabled")
    if not (default if enabled is None else flag(enabled, f"its {key}'s @enabled")):
        return None
    return number(value.get("$"), f"its {key}")


def _metadata(record: Table) -> Mapping[str, str]:
    entries = table(record.get("metadata"), "its metadata", optional=True)
    return {key: _entry(value, key) for key, value in entries.items() if key != _CLASS}


def _entry(value: object, key: str) -> str:
    return str(value).lower() if isinstance(value, bool) else text(value, f"its metadata {key!r}")


def _named_scheme(metadata: Mapping[str, str]) -> str:
    named = [metadata[key].lower() for key in _SCHEME_KEYS if metadata.get(key, "").lower() in DEFAULT_PORTS]
    return named[0] if named else ""


def _zone(metadata: Mapping[str, str], record: Table) -> str:
    named = [metadata[key] for key in _ZONE_KEYS if metadata.get(key)]
    return named[0] if named else text(data_center(record).get("availability-zone"), "its availability-zone")


def _weight(given: str) -> float:
    """The weight in the metadata, which are anybody's: what is no number from 0 on is not meant for this."""
    try:
        weight = float(given)
    except ValueError:
        return 1.0
    return min(weight, MAX_WEIGHT) if weight >= 0 and math.isfinite(weight) else 1.0
