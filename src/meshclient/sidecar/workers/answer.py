"""An answer of a registry on its way from the process that asked to those that want to know."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING

from meshclient.discovery.services_table import parse_endpoints
from meshclient.model.endpoint import Endpoint
from meshclient.model.snapshot import Empty, Failed, Ready

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELDS = tuple(field.name for field in fields(Endpoint))


def encode(answer: Ready | Empty | Failed) -> bytes:
    """Without times: these are the receiver's to give."""
    return json.dumps(_written(answer), separators=(",", ":")).encode()


def decode(told: Mapping[str, object]) -> Ready | Empty | Failed:
    """What `encode` was given. Raises ValueError for anything else."""
    source = str(told["source"])
    if told["state"] == Failed.state:
        last = told["last"]
        held = decode(last) if isinstance(last, dict) else None
        return Failed(str(told["cause"]), source, None if isinstance(held, Failed) else held)
    ttl = told["ttl"] if isinstance(told["ttl"], int | float) else None
    if told["state"] == Empty.state:
        return Empty(bool(told["exists"]), source, ttl)
    return Ready(parse_endpoints(told["endpoints"], "endpoints"), source, ttl)


def _written(answer: Ready | Empty | Failed) -> dict[str, object]:
    said: dict[str, object] = {"state": answer.state, "source": answer.source}
    if isinstance(answer, Failed):
        return said | {"cause": answer.cause, "last": None if answer.last is None else _written(answer.last)}
    said["ttl"] = answer.ttl
    if isinstance(answer, Empty):
        return said | {"exists": answer.exists}
    return said | {"endpoints": [_endpoint(each) for each in answer.endpoints]}


def _endpoint(endpoint: Endpoint) -> dict[str, object]:
    values = {name: getattr(endpoint, name) for name in _FIELDS}
    return values | {"metadata": dict(endpoint.metadata), "health": str(endpoint.health)}
