"""What a list looks like on disk: JSON with a version, a checksum and the time of its last confirmation. Pure.

The endpoints are spelt as in a ``[services.<name>]`` table, so that the same reader checks them. The checksum tells
half a file, and one that somebody edited, from a whole one; it is no protection against an author who means it.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import fields
from typing import TYPE_CHECKING, NamedTuple

from meshclient.discovery.services_table import parse_endpoints
from meshclient.model.endpoint import Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA = "meshclient.last_known/v1"
_FIELDS = tuple(field.name for field in fields(Endpoint))


class StoredList(NamedTuple):
    """A list as it was read.

    Attributes:
        endpoints: in the order of the list; never empty.
        confirmed: seconds since the epoch when a registry was last known to say so.
    """

    endpoints: tuple[Endpoint, ...]
    confirmed: float


def digest(source: str, service: str) -> str:
    """What stands for a registry and a service in a file and in its name; 128 bits, from which neither can be told."""
    return hashlib.sha256(f"{source}\n{service}".encode()).hexdigest()[:32]


def encode(source: str, service: str, endpoints: Iterable[Endpoint], confirmed: float) -> bytes:
    """The content of the file."""
    body = {
        "service": service,
        "list": digest(source, service),
        "confirmed": confirmed,
        "endpoints": [_written(endpoint) for endpoint in endpoints],
    }
    return json.dumps({"schema": SCHEMA, "checksum": _checksum(body), **body}, indent=1).encode()


def decode(content: bytes, source: str, service: str) -> StoredList:
    """The list in `content`. Raises ValueError, with the reason, for all that `encode` did not write for this one."""
    try:
        return _decoded(json.loads(content), source, service)
    except RecursionError:
        msg = "it is nested too deeply"
        raise ValueError(msg) from None


def _decoded(document: object, source: str, service: str) -> StoredList:
    if not isinstance(document, dict) or document.pop("schema", None) != SCHEMA:
        msg = f"it is not a list in the form {SCHEMA}"
        raise ValueError(msg)
    if document.pop("checksum", None) != _checksum(document):
        msg = "its checksum does not fit its content"
        raise ValueError(msg)
    if document.get("list") != digest(source, service):
        msg = "it is the list of another service or registry"
        raise ValueError(msg)
    confirmed = document.get("confirmed")
    if not isinstance(confirmed, float) or not math.isfinite(confirmed):
        msg = "it does not say when it was confirmed"
        raise ValueError(msg)
    endpoints = parse_endpoints(document.get("endpoints"), "endpoints")
    if not endpoints:
        msg = "it holds no endpoint"
        raise ValueError(msg)
    return StoredList(endpoints, confirmed)


def _written(endpoint: Endpoint) -> dict[str, object]:
    values = {name: getattr(endpoint, name) for name in _FIELDS}
    return values | {"metadata": dict(endpoint.metadata), "health": str(endpoint.health)}


def _checksum(body: object) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"
