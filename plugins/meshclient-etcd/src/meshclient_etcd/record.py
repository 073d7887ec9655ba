"""From a record, the JSON that stands under an instance's key, to an endpoint, and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from meshclient.model.endpoint import MAX_WEIGHT, Endpoint, Health
from meshclient_etcd.payload import EXCERPT, PayloadError, document, items, kind, table, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.registration.registrar import Registration


def decode_record(value: bytes, instance: str, scheme: str = "") -> Endpoint | None:
    """The endpoint of a record, or None where it is not to be used: critical, draining, or of weight 0.

    Args:
        value: a JSON object with ``host`` and ``port``, and optionally ``scheme``, ``weight``, ``priority``, ``zone``,
            ``tags``, ``metadata``, ``health`` and ``draining``; anything else in it is passed over.
        instance: the endpoint's id.
        scheme: given to the endpoint; where it is empty, the record decides, or else it is ``http``.

    Raises ValueError for anything that cannot be an endpoint.
    """
    record = document(value)
    weight = _weight(record.get("weight"))
    port = record.get("port")
    if type(port) is not int:
        raise PayloadError(f"its port is {kind(port)}, not a whole number")
    host = text(record.get("host"), "its host")
    if not host:
        raise PayloadError("it has no host")
    endpoint = Endpoint(
        host=host,
        port=port,
        scheme=scheme or text(record.get("scheme"), "its scheme").lower() or "http",
        id=instance,
        weight=weight or 1.0,  # an instance of weight 0 is checked like any other before it is left out
        priority=_priority(record.get("priority")),
        zone=text(record.get("zone"), "its zone"),
        tags=tuple(text(tag, "a tag") for tag in items(record.get("tags"), "its tags")),
        metadata=_metadata(record.get("metadata")),
        health=_health(record),
    )
    return endpoint if endpoint.usable and weight else None


def encode_record(registration: Registration) -> str:
    """The record of an instance: its address, and of the rest what is not as `decode_record` would assume."""
    endpoint = registration.endpoint
    optional: dict[str, object] = {
        "weight": endpoint.weight if endpoint.weight != 1 else None,
        "priority": endpoint.priority,
        "zone": endpoint.zone,
        "tags": list(endpoint.tags),
        "metadata": dict(endpoint.metadata),
    }
    record: dict[str, object] = {"host": endpoint.host, "port": endpoint.port, "scheme": endpoint.scheme}
    return json.dumps(record | {key: value for key, value in optional.items() if value})


def instance_id(registration: Registration) -> str:
    """The endpoint's own id, or ``<host>:<port>`` where it has none."""
    return registration.endpoint.id or registration.endpoint.authority


def _weight(value: object) -> float:
    if value is None:
        return 1.0
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PayloadError(f"its weight is {kind(value)}")
    if not value >= 0:  # a NaN is neither
        raise PayloadError("its weight is not 0 or above")
    return float(min(value, MAX_WEIGHT))


def _priority(value: object) -> int:
    if value is None:
        return 0
    if type(value) is not int:
        raise PayloadError(f"its priority is {kind(value)}, not a whole number")
    return value


def _metadata(value: object) -> Mapping[str, str]:
    metadata = table(value, "its metadata", optional=True)
    return {key: text(item, f"metadata {key[:EXCERPT]!r}") for key, item in metadata.items()}


def _health(record: Mapping[str, object]) -> Health:
    draining = record.get("draining")
    if draining is not None and not isinstance(draining, bool):
        raise PayloadError(f"its draining is {kind(draining)}, not true or false")
    if draining:
        return Health.DRAINING
    named = text(record.get("health"), "its health").lower()
    try:
        return Health(named) if named else Health.UNKNOWN
    except ValueError:
        raise PayloadError(f"its health is {named[:EXCERPT]!r}: write one of {', '.join(Health)}") from None
