"""DynamoDB Streams: shards that roll, iterators that expire, records that are trimmed."""

from __future__ import annotations

import base64
import json
import time
import types
import uuid
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from servers.aws_overlay.dynamodb import all_tables
from servers.aws_overlay.errors import json_error
from servers.aws_overlay.state import LOCK

if TYPE_CHECKING:
    from collections.abc import Callable

_PREFIX = "com.amazonaws.dynamodb.v20120810#"
_ITERATOR_LIFE = 900  # seconds, as AWS documents it
_ANSWER_BYTES = 1_000_000
_TRIMMED = "The operation attempted to read past the oldest stream record in a shard."


@dataclass
class Shard:
    """A half-open range of indices into a table's records; open while `end` is None."""

    start: int
    parent: str | None = None
    end: int | None = None
    id: str = field(default_factory=lambda: f"shardId-{int(time.time() * 1000):020d}-{uuid.uuid4().hex[:8]}")


@dataclass
class Streams:
    """All that moto does not keep: shards and trim points of each stream, streams that were disabled."""

    generation: int = 0
    trim: dict[str, int] = field(default_factory=dict)
    shards: dict[tuple[str, ...], list[Shard]] = field(default_factory=dict)
    old: dict[str, Any] = field(default_factory=dict)


STREAMS = Streams()


def patch() -> None:
    """Put the corrections in place of moto's own methods."""
    table = import_module("moto.dynamodb.models.table").Table
    table.set_stream_specification = _set_stream_specification(table.set_stream_specification)
    handler = import_module("moto.dynamodbstreams.responses").DynamoDBStreamsHandler
    handler.describe_stream = describe
    handler.get_shard_iterator = get_shard_iterator
    handler.get_records = get_records


def error(code: str, message: str) -> Exception:
    """An error under DynamoDB's full name of it."""
    return json_error(_PREFIX + code, message)


def shards_of(table: Any) -> list[Shard]:
    """The shards of the table's present stream, oldest first."""
    key = (table.account_id, table.region_name, table.name, str(table.latest_stream_label))
    return STREAMS.shards.setdefault(key, [Shard(0)])


def table_of(backend: Any, arn: str) -> Any:
    """What serves this stream: the table, or the rest of a stream that was disabled."""
    if arn in STREAMS.old:
        return STREAMS.old[arn]
    absent = error("ResourceNotFoundException", f"Requested resource not found: Stream: {arn} not found")
    try:
        table = backend.dynamodb.get_table(arn.split(":", 6)[5].split("/")[1])
    except Exception as exc:
        raise absent from exc
    if table.stream_shard is None or not arn.endswith(str(table.latest_stream_label)):
        raise absent
    return table


def _set_stream_specification(original: Callable[..., None]) -> Callable[..., None]:
    def set_stream_specification(self: Any, streams: Any) -> None:
        """Disabling closes the stream and keeps it readable; enabling again makes another one."""
        wanted = bool(streams and (streams.get("StreamEnabled") or streams.get("StreamViewType")))
        if not wanted and getattr(self, "stream_shard", None) is not None:
            last = shards_of(self)[-1]
            if last.end is None:
                last.end = len(self.stream_shard.items)
            kept = (
                *("stream_shard", "latest_stream_label", "stream_specification"),
                *("name", "region_name", "account_id", "schema"),
            )
            rest = types.SimpleNamespace(**{name: getattr(self, name) for name in kept})
            STREAMS.old[f"{self.table_arn}/stream/{self.latest_stream_label}"] = rest
            self.stream_shard = self.latest_stream_label = None
        original(self, streams)

    return set_stream_specification


def _answer(reply: dict[str, Any]) -> Any:
    return import_module("moto.dynamodbstreams.responses").ActionResult(reply)


def _sequence(table: Any, index: int) -> str:
    return str(table.stream_shard.starting_sequence_number + index)


def describe(self: Any) -> Any:
    """DescribeStream."""
    arn = self._get_param("StreamArn")
    limit, after = self._get_param("Limit") or 100, self._get_param("ExclusiveStartShardId")
    with LOCK:
        table = table_of(self.backend, arn)
        trim = STREAMS.trim.get(table.name, 0)
        rows = [_described(table, shard) for shard in shards_of(table) if shard.end is None or shard.end > trim]
        if after:
            ids = [row["ShardId"] for row in rows]
            rows = rows[ids.index(after) + 1 :] if after in ids else []
        reply = {
            "StreamArn": arn,
            "StreamLabel": table.latest_stream_label,
            "StreamStatus": "DISABLED" if arn in STREAMS.old else "ENABLED",
            "StreamViewType": table.stream_specification["StreamViewType"],
            "CreationRequestDateTime": table.stream_shard.created_on,
            "TableName": table.name,
            "KeySchema": table.schema,
            "Shards": rows[:limit],
        }
        if len(rows) > limit:
            reply["LastEvaluatedShardId"] = rows[limit - 1]["ShardId"]
    return _answer({"StreamDescription": reply})


def _described(table: Any, shard: Shard) -> dict[str, Any]:
    reach = {"StartingSequenceNumber": _sequence(table, shard.start)}
    if shard.end is not None:
        reach["EndingSequenceNumber"] = _sequence(table, max(shard.start, shard.end - 1))
    row: dict[str, Any] = {"ShardId": shard.id, "SequenceNumberRange": reach}
    return {**row, "ParentShardId": shard.parent} if shard.parent else row


def _iterator(arn: str, shard: str, index: int) -> str:
    raw = json.dumps({"shard": shard, "index": index, "generation": STREAMS.generation, "at": time.time()})
    return f"{arn}|1|{base64.urlsafe_b64encode(raw.encode()).decode()}"


def _find(table: Any, shard_id: str) -> Shard:
    for shard in shards_of(table):
        if shard.id == shard_id:
            return shard
    raise error("ResourceNotFoundException", f"Requested resource not found: Shard does not exist: {shard_id}")


def get_shard_iterator(self: Any) -> Any:
    """GetShardIterator."""
    arn, shard_id = self._get_param("StreamArn"), self._get_param("ShardId")
    kind, number = self._get_param("ShardIteratorType"), self._get_param("SequenceNumber")
    with LOCK:
        table = table_of(self.backend, arn)
        shard, trim = _find(table, shard_id), STREAMS.trim.get(table.name, 0)
        end = len(table.stream_shard.items) if shard.end is None else shard.end
        if kind == "TRIM_HORIZON":
            index = max(shard.start, trim)
        elif kind == "LATEST":
            index = end
        elif kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
            if not str(number or "").isdigit():
                raise error("ValidationException", "Invalid SequenceNumber")
            index = int(number) - table.stream_shard.starting_sequence_number
            if index < trim:
                raise error("TrimmedDataAccessException", _TRIMMED)
            if not shard.start <= index <= end:
                raise error("ValidationException", f"Invalid SequenceNumber {number} for shard {shard_id}")
            index += kind == "AFTER_SEQUENCE_NUMBER"
        else:
            raise error("ValidationException", f"Invalid ShardIteratorType {kind}")
    return _answer({"ShardIterator": _iterator(arn, shard_id, index)})


def get_records(self: Any) -> Any:
    """GetRecords."""
    given, limit = self._get_param("ShardIterator") or "", int(self._get_param("Limit") or 1000)
    if not 1 <= limit <= 1000:
        raise error("ValidationException", "Value at 'limit' must be at most 1000")
    try:
        arn, _, raw = given.split("|")
        at = json.loads(base64.urlsafe_b64decode(raw))
    except ValueError as exc:
        raise error("ValidationException", "Invalid ShardIterator") from exc
    if at["generation"] != STREAMS.generation or time.time() - at["at"] > _ITERATOR_LIFE:
        raise error("ExpiredIteratorException", "Iterator expired")
    with LOCK:
        table = table_of(self.backend, arn)
        shard, index = _find(table, at["shard"]), at["index"]
        if index < STREAMS.trim.get(table.name, 0):
            raise error("TrimmedDataAccessException", _TRIMMED)
        items = table.stream_shard.items
        end = len(items) if shard.end is None else shard.end
        rows: list[dict[str, Any]] = []
        size = 0
        for item in items[index : min(end, index + limit)]:
            record = item.to_json()
            size += record["dynamodb"]["SizeBytes"]
            if rows and size > _ANSWER_BYTES:
                break
            rows.append({**record, "awsRegion": table.region_name})
        reply: dict[str, Any] = {"Records": rows}
        if shard.end is None or index + len(rows) < shard.end:
            reply["NextShardIterator"] = _iterator(arn, at["shard"], index + len(rows))
    return _answer(reply)


def control(what: str, body: dict[str, Any]) -> dict[str, Any]:
    """Roll, trim or expire, as a test asks."""
    with LOCK:
        if what == "expire":
            STREAMS.generation += 1
            return {"generation": STREAMS.generation}
        table = next(t for t in all_tables() if t.name == body["table"] and t.stream_shard is not None)
        shards = shards_of(table)
        total = len(table.stream_shard.items)
        if what == "roll":
            shards[-1].end = total
            shards.append(Shard(total, parent=shards[-1].id))
        elif what == "trim":
            STREAMS.trim[table.name] = max(0, total - int(body.get("keep", 0)))
        else:
            raise KeyError(what)
        ids = [shard.id for shard in shards]
        return {"shards": ids, "records": total, "trimmed": STREAMS.trim.get(table.name, 0)}
