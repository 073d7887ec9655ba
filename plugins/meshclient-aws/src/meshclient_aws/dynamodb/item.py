"""One instance as an item of the table, both ways.

The keys are `service` and `instance`, the rest are plain attributes, so that an item can be written and read with any
tool. `heartbeat` orders the renewals of an item, `expires` ends it: the attribute that the table's TTL is set to, and
the word of which counts at once here, since DynamoDB itself deletes expired items "within a few days".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from meshclient.model.endpoint import Endpoint, Health
from meshclient.registration.registrar import Registration
from meshclient_aws.dynamodb import attribute

SERVICE = "service"
INSTANCE = "instance"
OWNER = "owner"
EXPIRES = "expires"
HEARTBEAT = "heartbeat"
# What a renewal changes, and nothing else.
RENEWED = frozenset({EXPIRES, HEARTBEAT})


@dataclass(frozen=True, slots=True)
class Item:
    """What the table says of one instance.

    Args:
        instance: the sort key.
        endpoint: where it is, or None where the item cannot be one.
        expires: seconds since the epoch when it is dead; infinite for an item without an end.
        heartbeat: milliseconds since the epoch of the latest renewal, by its owner's clock.
        problem: why there is no endpoint.
    """

    instance: str
    endpoint: Endpoint | None = None
    expires: float = math.inf
    heartbeat: float = -math.inf
    problem: str = ""


def decode_item(attributes: Mapping[str, object]) -> Item:
    """The instance in an item of a Query's answer; never raises for what an item holds."""
    item = Item("")
    try:
        item = Item(attribute.text(attributes, INSTANCE))
        expires, heartbeat = lifetime(attributes)
        item = Item(item.instance, None, expires, heartbeat)
        return replace(item, endpoint=_endpoint(attributes, item.instance))
    except ValueError as exc:
        return replace(item, problem=str(exc))


def lifetime(attributes: Mapping[str, object]) -> tuple[float, float]:
    """When the item ends and when it was last renewed. Raises ItemError where either is not a number."""
    expires, heartbeat = attribute.number(attributes, EXPIRES), attribute.number(attributes, HEARTBEAT)
    return math.inf if expires is None else expires, -math.inf if heartbeat is None else heartbeat


def instance_id(registration: Registration) -> str:
    """The endpoint's own id, or ``<service>-<host>-<port>`` where it has none."""
    endpoint = registration.endpoint
    return endpoint.id or f"{registration.service}-{endpoint.host}-{endpoint.port}"


def item_key(registration: Registration) -> dict[str, object]:
    """The primary key of an instance."""
    return {SERVICE: _s(registration.service.value), INSTANCE: _s(instance_id(registration))}


def encode_lifetime(now: float, ttl: float) -> dict[str, object]:
    """The attributes that a renewal writes.

    Args:
        now: seconds since the epoch.
        ttl: seconds that the instance lives without another renewal.
    """
    return {EXPIRES: _n(math.ceil(now + ttl)), HEARTBEAT: _n(round(now * 1000))}


def encode_item(registration: Registration, owner: str, now: float) -> dict[str, object]:
    """The whole item of an instance that `owner` lists."""
    endpoint = registration.endpoint
    item = item_key(registration) | {
        "host": _s(endpoint.host),
        "port": _n(endpoint.port),
        "scheme": _s(endpoint.scheme),
        "weight": _n(endpoint.weight),
        "status": _s(Health.PASSING.value),
        OWNER: _s(owner),
    }
    if endpoint.zone:
        item["zone"] = _s(endpoint.zone)
    if endpoint.tags:
        item["tags"] = {"L": [_s(tag) for tag in endpoint.tags]}
    if endpoint.metadata:
        item["metadata"] = {"M": {key: _s(value) for key, value in endpoint.metadata.items()}}
    return item | encode_lifetime(now, registration.ttl)


def _endpoint(attributes: Mapping[str, object], instance: str) -> Endpoint:
    port = attribute.number(attributes, "port")
    if port is None or port != int(port):
        raise attribute.ItemError("it has no port" if port is None else f"its port {port:g} is not a whole number")
    weight = attribute.number(attributes, "weight")
    status = attribute.text(attributes, "status", Health.PASSING.value).lower()
    if status not in list(Health):
        raise attribute.ItemError(f"its status {status[:60]!r} is none of {', '.join(Health)}")
    return Endpoint(
        host=attribute.text(attributes, "host"),
        port=int(port),
        scheme=attribute.text(attributes, "scheme", "http"),
        id=instance,
        weight=1.0 if weight is None else weight,
        zone=attribute.text(attributes, "zone"),
        tags=attribute.texts(attributes, "tags"),
        metadata=attribute.table(attributes, "metadata"),
        health=Health(status),
    )


def _s(value: str) -> dict[str, str]:
    return {"S": value}


def _n(value: float) -> dict[str, str]:
    return {"N": f"{value:.15g}"}
