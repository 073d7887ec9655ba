"""DynamoDB: what reaches a stream, how much one batch takes, and TTL."""

from __future__ import annotations

import json
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

from servers.aws_overlay.state import LOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BATCH = 25


def patch() -> None:
    """Put the corrections in place of moto's own methods."""
    shard = import_module("moto.dynamodb.models.table").StreamShard
    shard.add = _add(shard.add)
    handler = import_module("moto.dynamodb.responses").DynamoHandler
    handler.batch_write_item = _batch_write_item(handler.batch_write_item)


def _add(original: Callable[..., None]) -> Callable[..., None]:
    def add(self: Any, old: Any, new: Any) -> None:
        if old is not None and new is not None and old.to_json() == new.to_json():
            return
        original(self, old, new)
        record = self.items[-1].record if self.items else None
        if record and getattr(self, "mc_ttl", False):
            record["userIdentity"] = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}

    return add


def _batch_write_item(original: Callable[..., Any]) -> Callable[..., Any]:
    def batch_write_item(self: Any) -> Any:
        body = self.body if isinstance(self.body, dict) else json.loads(self.body)
        if sum(len(requests) for requests in body.get("RequestItems", {}).values()) > _BATCH:
            refused = import_module("moto.dynamodb.exceptions").MockValidationException
            raise refused("Too many items requested for the BatchWriteItem call")
        return original(self)

    return batch_write_item


def all_tables() -> Iterator[Any]:
    """Every table of every account and region."""
    for account in list(import_module("moto.dynamodb.models").dynamodb_backends.values()):
        for backend in list(account.values()):
            yield from list(backend.tables.values())


def sweep_ttl() -> dict[str, int]:
    """Delete the items whose time has come, as the service does at its leisure; how many there were."""
    gone = 0
    with LOCK:
        for table in all_tables():
            settings = table.ttl or {}
            name = settings.get("AttributeName")
            if name and settings.get("TimeToLiveStatus") == "ENABLED":
                gone += _sweep(table, name)
    return {"deleted": gone}


def _sweep(table: Any, name: str) -> int:
    gone = 0
    for item in list(table.all_items()):
        stamp = item.attrs.get(name)
        if stamp is None or stamp.type != "N" or float(stamp.value) > time.time():
            continue
        shard = table.stream_shard
        if shard is not None:
            shard.mc_ttl = True
        try:
            table.delete_item(item.hash_key, item.range_key)
        finally:
            if shard is not None:
                shard.mc_ttl = False
        gone += 1
    return gone
