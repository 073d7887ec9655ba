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
from meshclient_eureka.applications import UP, Instance, data_center
from meshclient_eureka.payload import Table, flag, number, table, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SCHEME_KEYS = ("scheme", "protocol")
_ZONE_KEYS = ("zone", "availability_zone")
_OVERRIDE_KEYS = ("overriddenStatus", "overriddenstatus")  # the second is that of Eureka's XML and of old servers
# What the server's JSON puts beside the entries of a map to name its Java class.
_CLASS = "@class"


@dataclass(frozen=True, slots=True)
class ServiceList:
    """What the records of a service come to.

    Args:
        endpoints: the usable instances.
        malformed: one text for each record that should be usable and cannot be an endpoint.
    """

    endpoints: tuple[Endpoint, ...]
    malformed: tuple[str, ...]


def decode_endpoints(instances: Iterable[Instance], *, address: str = "host", scheme: str = "") -> ServiceList:
    """The endpoints of `instances`.

    Args:
        instances: the records of one service.
        address: ``host`` for the instance's host name, ``ip`` for its IP address; the other one where it has none.
        scheme: given to every endpoint; where it is empty, the metadata and the enabled ports decide.

    Raises PayloadError where some should be usable and not one of those is well-formed.
    """
    endpoints: list[Endpoint] = []
    malformed: list[str] = []
    for instance in instances:
        try:
            endpoint = _endpoint(instance, address, scheme)
        except ValueError as exc:
            malformed.append(f"{instance.id[:EXCERPT]!r}: {exc}")
        else:
            if endpoint is not None:
                endpoints.append(endpoint)
    if malformed and not endpoints:
        raise PayloadError(f"none of {len(malformed)} instances is an endpoint; the first is {malformed[0]}")
    return ServiceList(tuple(endpoints), tuple(malformed))


def _endpoint(instance: Instance, address: str, asked: str) -> Endpoint | None:
    """The endpoint of a record, or None where it is not to be used."""
    record = instance.record
    if instance.status != UP or _override(record) not in ("", "UNKNOWN", UP):
        return None
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
    return endpoint if weight else None


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
