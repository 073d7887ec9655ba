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
from meshclient.model.snapshot import LeftOut

MALFORMED = "malformed"
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
        left_out: the others, and why.
    """

    endpoints: tuple[Endpoint, ...]
    listed: int
    left_out: tuple[LeftOut, ...] = ()

    @property
    def malformed(self) -> tuple[str, ...]:
        """One text for each record that cannot be an endpoint."""
        return tuple(f"{each.label}: {each.detail}" for each in self.left_out if each.reason == MALFORMED)


def decode_health(body: bytes, *, scheme: str = "") -> HealthAnswer:
    """The instances in the body of ``/v1/health/service/<name>``.

    `scheme` is given to every endpoint; where it is empty, the instance's ``scheme`` or ``protocol`` metadata or its
    tag ``https`` decide. Raises PayloadError for anything but a list, and where not one record is well-formed.
    """
    records = _records(body)
    endpoints: list[Endpoint] = []
    left_out: list[LeftOut] = []
    for number, record in enumerate(records):
        try:
            endpoint, why = _endpoint(table(record, "the record"), scheme)
        except ValueError as exc:
            left_out.append(LeftOut(_label(record, number), MALFORMED, str(exc)))
        else:
            if why is None:
                endpoints.append(endpoint)
            else:
                left_out.append(LeftOut(_label(record, number), why[0], why[1], endpoint))
    answer = HealthAnswer(tuple(endpoints), len(records), tuple(left_out))
    if answer.malformed and len(answer.malformed) == len(records):
        raise PayloadError(f"none of its {len(records)} records is an endpoint; the first is {answer.malformed[0]}")
    return answer


def _records(body: bytes) -> list[object]:
    found = parsed(body)
    if not isinstance(found, list):
        raise PayloadError(f"it is {kind(found)}, not a list; it begins {body[:EXCERPT]!r}")
    return found


def _endpoint(record: Mapping[str, object], scheme: str) -> tuple[Endpoint, tuple[str, str] | None]:
    """The endpoint of a record, and why it is not to be used, in a word and in words, or None."""
    service = table(record.get("Service"), "Service")
    node = table(record.get("Node"), "Node", optional=True)
    tags = tuple(text(tag, "a tag") for tag in array(service.get("Tags"), "Tags"))
    meta = texts(service.get("Meta"), "Service.Meta")
    health, failing = _health(record.get("Checks"))
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
    if health is Health.DRAINING:
        return endpoint, ("draining", f"it is in maintenance ({failing})")
    if health is Health.CRITICAL:
        return endpoint, ("critical", f"its check {failing} is critical")
    return endpoint, None if share else ("no_weight", f"Consul gives it the weight 0 while it is {health}")


def _health(value: object) -> tuple[Health, str]:
    """The worst of all checks, and which that is; no check at all is passing, as in Consul itself."""
    worst, named = 0, ""
    for item in array(value, "Checks"):
        check = table(item, "a check")
        status = text(check.get("Status"), "a check's Status")
        label = text(check.get("CheckID"), "a check's CheckID")
        if label.startswith(_MAINTENANCE):
            return Health.DRAINING, label[:EXCERPT]
        if status not in _SEVERITY:
            raise PayloadError(f"its check has the unknown status {status[:EXCERPT]!r}")
        if _SEVERITY[status] > worst:
            worst, named = _SEVERITY[status], repr(label[:EXCERPT])
    return _HEALTH[worst], named


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
