"""From a record, the JSON that stands under an instance's key, to an endpoint, and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from meshclient.discovery.http_registry.fields import (
    EXCERPT,
    PayloadError,
    array,
    document,
    text,
    texts,
    truth,
    weight,
    whole,
)
from meshclient.model.endpoint import Endpoint, Health

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
    share, priority = weight(record.get("weight")), record.get("priority")
    host = text(record.get("host"), "its host")
    if not host:
        raise PayloadError("it has no host")
    endpoint = Endpoint(
        host=host,
        port=whole(record.get("port"), "its port"),
        scheme=scheme or text(record.get("scheme"), "its scheme").lower() or "http",
        id=instance,
        weight=share or 1.0,  # an instance of weight 0 is checked like any other before it is left out
        priority=0 if priority is None else whole(priority, "its priority"),
        zone=text(record.get("zone"), "its zone"),
        tags=tuple(text(tag, "a tag") for tag in array(record.get("tags"), "its tags")),
        metadata=texts(record.get("metadata"), "its metadata"),
        health=_health(record),
    )
    return endpoint if endpoint.usable and share else None


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


def _health(record: Mapping[str, object]) -> Health:
    if truth(record.get("draining"), "its draining"):
        return Health.DRAINING
    named = text(record.get("health"), "its health").lower()
    try:
        return Health(named) if named else Health.UNKNOWN
    except ValueError:
        raise PayloadError(f"its health is {named[:EXCERPT]!r}: write one of {', '.join(Health)}") from None
