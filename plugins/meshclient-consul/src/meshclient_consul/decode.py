"""From the JSON of Consul's health endpoint to endpoints.

The question is put without ``?passing``, and health is judged here, because only then does "nobody has registered"
look different from "all are critical". Left out as not usable: critical instances, those in maintenance, and those
whose weight for their state is 0, which can only mean "no traffic". A record that cannot be an endpoint (no port, a
weight that is text) is reported beside the rest instead of failing all of them; an answer that is malformed as a
whole raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from meshclient.discovery.http_registry.fields import (
    EXCERPT,
    PayloadError,
    array,
    kind,
    parsed,
    table,
    text,
    texts,
    weight,
    whole,
)
from meshclient.model.endpoint import DEFAULT_PORTS, Endpoint, Health

_ZONE_KEYS = ("zone", "availability_zone")
_SCHEME_KEYS = ("scheme", "protocol")
_HEALTH = (Health.PASSING, Health.WARNING, Health.CRITICAL)
_SEVERITY = {health.value: severity for severity, health in enumerate(_HEALTH)}
# Consul 1.x names the check by which an operator takes a service or a whole node out of use.
_MAINTENANCE = ("_node_maintenance", "_service_maintenance:")


@dataclass(frozen=True, slots=True)
class HealthAnswer:
    """What one answer holds.

    Args:
        endpoints: the usable instances, in Consul's order.
        listed: how many records the answer has; 0 means that Consul knows no instance.
        malformed: one text for each record that cannot be an endpoint.
    """

    endpoints: tuple[Endpoint, ...]
    listed: int
    malformed: tuple[str, ...]


def decode_health(body: bytes, *, scheme: str = "") -> HealthAnswer:
    """The instances in the body of ``/v1/health/service/<name>``.

    `scheme` is given to every endpoint; where it is empty, the instance's ``scheme`` or ``protocol`` metadata or its
    tag ``https`` decide. Raises PayloadError for anything but a list, and where not one record is well-formed.
    """
    records = _records(body)
    endpoints: list[Endpoint] = []
    malformed: list[str] = []
    for number, record in enumerate(records):
        try:
            endpoint = _endpoint(table(record, "the record"), scheme)
        except ValueError as exc:
            malformed.append(f"{_label(record, number)}: {exc}")
        else:
            if endpoint is not None:
                endpoints.append(endpoint)
    if malformed and len(malformed) == len(records):
        raise PayloadError(f"none of its {len(records)} records is an endpoint; the first is {malformed[0]}")
    return HealthAnswer(tuple(endpoints), len(records), tuple(malformed))


def _records(body: bytes) -> list[object]:
    found = parsed(body)
    if not isinstance(found, list):
        raise PayloadError(f"it is {kind(found)}, not a list; it begins {body[:EXCERPT]!r}")
    return found


def _endpoint(record: Mapping[str, object], scheme: str) -> Endpoint | None:
    """The endpoint of a record, or None where it is not to be used."""
    service = table(record.get("Service"), "Service")
    node = table(record.get("Node"), "Node", optional=True)
    tags = tuple(text(tag, "a tag") for tag in array(service.get("Tags"), "Tags"))
    meta = texts(service.get("Meta"), "Service.Meta")
    health = _health(record.get("Checks"))
    share = _weight(service.get("Weights"), health)
    endpoint = Endpoint(
        host=text(service.get("Address"), "Service.Address") or text(node.get("Address"), "Node.Address"),
        port=whole(service.get("Port"), "its port"),
        scheme=scheme or _scheme(meta, tags),
        id=text(service.get("ID"), "Service.ID"),
        weight=share or 1.0,  # an instance of weight 0 is checked like any other before it is left out
        zone=_zone(service, meta) or _zone(node, texts(node.get("Meta"), "Node.Meta")),
        tags=tags,
        metadata=meta,
        health=health,
    )
    return endpoint if endpoint.usable and share else None


def _health(value: object) -> Health:
    """The worst of all checks; no check at all is passing, as in Consul itself."""
    worst = 0
    for item in array(value, "Checks"):
        check = table(item, "a check")
        status = text(check.get("Status"), "a check's Status")
        if text(check.get("CheckID"), "a check's CheckID").startswith(_MAINTENANCE):
            return Health.DRAINING
        if status not in _SEVERITY:
            raise PayloadError(f"its check has the unknown status {status[:EXCERPT]!r}")
        worst = max(worst, _SEVERITY[status])
    return _HEALTH[worst]


def _weight(value: object, health: Health) -> float:
    weights = table(value, "Weights", optional=True)
    return weight(weights.get("Warning" if health is Health.WARNING else "Passing"))


def _scheme(meta: Mapping[str, str], tags: tuple[str, ...]) -> str:
    named = [meta[key].lower() for key in _SCHEME_KEYS if meta.get(key, "").lower() in DEFAULT_PORTS]
    return named[0] if named else "https" if "https" in tags else "http"


def _zone(owner: Mapping[str, object], meta: Mapping[str, str]) -> str:
    named = [meta[key] for key in _ZONE_KEYS if meta.get(key)]
    return named[0] if named else text(table(owner.get("Locality"), "Locality", optional=True).get("Zone"), "Zone")


def _label(record: object, number: int) -> str:
    service = record.get("Service") if isinstance(record, Mapping) else None
    name = service.get("ID") if isinstance(service, Mapping) else None
    return repr(name[:EXCERPT]) if isinstance(name, str) and name else f"record {number}"
