"""From the JSON of Consul's health endpoint to endpoints.

The question is put without ``?passing``, and health is judged here, because only then does "nobody has registered"
look different from "all are critical". Left out as not usable: critical instances, those in maintenance, and those
whose weight for their state is 0, which can only mean "no traffic". A record that cannot be an endpoint (no port, a
weight that is text) is reported beside the rest instead of failing all of them; an answer that is malformed as a
whole raises.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from meshclient.model.endpoint import DEFAULT_PORTS, MAX_WEIGHT, Endpoint, Health

_EXCERPT = 60
_ZONE_KEYS = ("zone", "availability_zone")
_SCHEME_KEYS = ("scheme", "protocol")
_HEALTH = (Health.PASSING, Health.WARNING, Health.CRITICAL)
_SEVERITY = {health.value: severity for severity, health in enumerate(_HEALTH)}
# Consul 1.x names the check by which an operator takes a service or a whole node out of use.
_MAINTENANCE = ("_node_maintenance", "_service_maintenance:")


class PayloadError(ValueError):
    """The answer is not what the health endpoint sends; the message says in what way."""


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
            endpoint = _endpoint(_table(record, "the record"), scheme)
        except ValueError as exc:
            malformed.append(f"{_label(record, number)}: {exc}")
        else:
            if endpoint is not None:
                endpoints.append(endpoint)
    if malformed and len(malformed) == len(records):
        raise PayloadError(f"none of its {len(records)} records is an endpoint; the first is {malformed[0]}")
    return HealthAnswer(tuple(endpoints), len(records), tuple(malformed))


def _records(body: bytes) -> list[object]:
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise PayloadError(f"it is not JSON ({exc}); it begins {body[:_EXCERPT]!r}") from None
    if not isinstance(document, list):
        raise PayloadError(f"it is {_kind(document)}, not a list; it begins {body[:_EXCERPT]!r}")
    return document


def _endpoint(record: Mapping[str, object], scheme: str) -> Endpoint | None:
    """The endpoint of a record, or None where it is not to be used."""
    service = _table(record.get("Service"), "Service")
    node = _table(record.get("Node"), "Node", optional=True)
    tags, meta = _tags(service.get("Tags")), _texts(service.get("Meta"), "Service.Meta")
    health = _health(record.get("Checks"))
    weight = _weight(service.get("Weights"), health)
    port = service.get("Port")
    if type(port) is not int:
        raise PayloadError(f"its port is {_kind(port)}")
    endpoint = Endpoint(
        host=_text(service.get("Address"), "Service.Address") or _text(node.get("Address"), "Node.Address"),
        port=port,
        scheme=scheme or _scheme(meta, tags),
        id=_text(service.get("ID"), "Service.ID"),
        weight=weight or 1.0,  # an instance of weight 0 is checked like any other before it is left out
        zone=_zone(service, meta) or _zone(node, _texts(node.get("Meta"), "Node.Meta")),
        tags=tags,
        metadata=meta,
        health=health,
    )
    return endpoint if endpoint.usable and weight else None


def _health(value: object) -> Health:
    """The worst of all checks; no check at all is passing, as in Consul itself."""
    worst = 0
    for item in _list(value, "Checks"):
        check = _table(item, "a check")
        status = _text(check.get("Status"), "a check's Status")
        if _text(check.get("CheckID"), "a check's CheckID").startswith(_MAINTENANCE):
            return Health.DRAINING
        if status not in _SEVERITY:
            raise PayloadError(f"its check has the unknown status {status[:_EXCERPT]!r}")
        worst = max(worst, _SEVERITY[status])
    return _HEALTH[worst]


def _weight(value: object, health: Health) -> float:
    weights = _table(value, "Weights", optional=True)
    weight = weights.get("Warning" if health is Health.WARNING else "Passing", 1)
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        raise PayloadError(f"its weight is {_kind(weight)}")
    if weight < 0:
        raise PayloadError("its weight is below 0")
    return float(min(weight, MAX_WEIGHT))


def _scheme(meta: Mapping[str, str], tags: tuple[str, ...]) -> str:
    named = [meta[key].lower() for key in _SCHEME_KEYS if meta.get(key, "").lower() in DEFAULT_PORTS]
    return named[0] if named else "https" if "https" in tags else "http"


def _zone(owner: Mapping[str, object], meta: Mapping[str, str]) -> str:
    named = [meta[key] for key in _ZONE_KEYS if meta.get(key)]
    return named[0] if named else _text(_table(owner.get("Locality"), "Locality", optional=True).get("Zone"), "Zone")


def _tags(value: object) -> tuple[str, ...]:
    return tuple(_text(tag, "a tag") for tag in _list(value, "Tags"))


def _texts(value: object, name: str) -> Mapping[str, str]:
    return {key: _text(text, name) for key, text in _table(value, name, optional=True).items()}


def _table(value: object, name: str, *, optional: bool = False) -> Mapping[str, object]:
    if isinstance(value, Mapping):
        return value
    if optional and value is None:
        return {}
    raise PayloadError(f"{name} is {_kind(value)}, not an object")


def _list(value: object, name: str) -> list[object]:
    if isinstance(value, list):
        return value
    if value is None:  # what Go makes of an empty slice
        return []
    raise PayloadError(f"{name} is {_kind(value)}, not a list")


def _text(value: object, name: str) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    raise PayloadError(f"{name} is {_kind(value)}, not text")


def _label(record: object, number: int) -> str:
    service = record.get("Service") if isinstance(record, Mapping) else None
    name = service.get("ID") if isinstance(service, Mapping) else None
    return repr(name[:_EXCERPT]) if isinstance(name, str) and name else f"record {number}"


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "text", bool: "a truth value", type(None): "missing"}
    return kinds.get(type(value), "a number")
