"""The stream of a table, read in rounds: a page of each open shard, the tree of shards followed as it grows.

I/O only; where to read is decided by `shards.Walk`. Nothing is kept beyond the process: what happened before the
reading began, or was lost on the way, is in the table, and "list again" fetches it from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from meshclient_aws.dynamodb.change import Change, read_change
from meshclient_aws.dynamodb.shards import AFTER_SEQUENCE_NUMBER, Shard, Walk
from meshclient_aws.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable

# Seconds between two looks at the tree while no shard is open: DescribeStream may be called ten times a second, by the
# whole account.
_SEARCH = 1.0
# A shard that ends leads to its children, at once or with pauses that double up to this one, where they are not listed
# yet; otherwise it is for what nobody has thought of.
_LOOK_AROUND = 60.0

_TRIMMED = "TrimmedDataAccessException"
_EXPIRED = "ExpiredIteratorException"
_GONE = "ResourceNotFoundException"


class StreamOff(AwsError):
    """The table has no stream, or no longer."""


class Client(Protocol):
    """What is needed of `AwsClient`."""

    async def call(self, operation: str, about: str, **parameters: object) -> Mapping[str, object]:
        """The answer to `operation`."""
        ...


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of reading brought.

    Args:
        changes: in order for each item; None for a record that does not say which item it is about.
        relist: whether something may have been passed over.
        failure: why a part of the stream could not be read; the rest was.
    """

    changes: tuple[Change | None, ...] = ()
    relist: bool = False
    failure: AwsError | None = None


class Stream:
    """Reads the stream of one table from now on.

    Args:
        table: its name.
        dynamodb: a client of DynamoDB.
        streams: a client of DynamoDB Streams.
        clock: monotonic seconds.
    """

    def __init__(self, table: str, dynamodb: Client, streams: Client, clock: Callable[[], float]) -> None:
        self._table = table
        self._dynamodb = dynamodb
        self._streams = streams
        self._clock = clock
        self._arn = ""
        self._walk = Walk()
        self._iterators: dict[str, str] = {}
        self._searched: float | None = None
        self._pause = 0.0
        self._relist = True

    async def read(self) -> Round:
        """Read a page of each shard that is open to this reader.

        Raises StreamOff where there is no stream, AwsError where it cannot be found or described. Whoever goes on
        after an error misses nothing: the next round begins where the last one ended, or says "list again".
        """
        try:
            if not self._arn:
                self._arn = await self._found()
            if self._search_due():
                await self._search()
        except AwsError as exc:
            if exc.code == _GONE or isinstance(exc, StreamOff):
                self._reset()
            raise
        pages = await asyncio.gather(*(self._page(shard) for shard in self._walk.reading))
        changes = tuple(change for page in pages if not isinstance(page, AwsError) for change in page)
        failures = [page for page in pages if isinstance(page, AwsError)]
        if any(failure.code == _GONE for failure in failures):
            self._reset()
        # Only where every shard has its iterator can nothing slip through between it and the list to come.
        relist = self._relist and not failures
        self._relist = self._relist and not relist
        return Round(changes, relist, failures[0] if failures else None)

    def _reset(self) -> None:
        """Begin anew, with the stream that the table has then."""
        self._arn = ""
        self._walk = Walk()
        self._iterators.clear()
        self._searched = None
        self._pause = 0.0
        self._relist = True

    async def _found(self) -> str:
        """The ARN of the table's present stream."""
        answer = await self._dynamodb.call("describe_table", self._about, TableName=self._table)
        table = answer.get("Table")
        specification = table.get("StreamSpecification") if isinstance(table, Mapping) else None
        arn = table.get("LatestStreamArn") if isinstance(table, Mapping) else None
        if not isinstance(table, Mapping):
            raise self._malformed("DescribeTable")
        if not (isinstance(specification, Mapping) and specification.get("StreamEnabled") and isinstance(arn, str)):
            raise StreamOff(
                f"{self._about} has no stream; `meshclient aws dynamodb-table {self._table}` enables it, "
                "streams=off does without"
            )
        return arn

    def _search_due(self) -> bool:
        return self._searched is None or self._clock() - self._searched >= self._pause

    async def _search(self) -> None:
        shards, enabled = await self._described()
        if self._searched is None:
            self._walk = Walk.begin(shards)
        else:
            self._walk, orphaned = self._walk.discover(shards)
            self._relist = self._relist or orphaned
        self._searched = self._clock()
        if not self._walk.reading:
            self._pause = _SEARCH
        elif self._walk.childless(shards):
            self._pause = min(_LOOK_AROUND, max(_SEARCH, 2 * self._pause))
        else:
            self._pause = _LOOK_AROUND
        if not (enabled or self._walk.reading):
            raise StreamOff(f"the stream of {self._about} was disabled")

    async def _described(self) -> tuple[list[Shard], bool]:
        """All shards that DescribeStream lists, and whether the stream is still written to."""
        shards: list[Shard] = []
        further: dict[str, object] = {}
        while True:
            answer = await self._streams.call("describe_stream", self._about, StreamArn=self._arn, **further)
            description = answer.get("StreamDescription")
            listed = description.get("Shards") if isinstance(description, Mapping) else None
            if not isinstance(description, Mapping) or not isinstance(listed, list):
                raise self._malformed("DescribeStream")
            shards += [_shard(each) for each in listed if isinstance(each, Mapping)]
            last = description.get("LastEvaluatedShardId")
            if not last:
                return shards, description.get("StreamStatus") in ("ENABLED", "ENABLING")
            if last == further.get("ExclusiveStartShardId"):
                raise self._malformed("DescribeStream")
            further = {"ExclusiveStartShardId": last}

    async def _page(self, shard: str) -> tuple[Change | None, ...] | AwsError:
        try:
            return await self._records(shard)
        except AwsError as exc:
            return await self._set_right(shard, exc)
        except Exception as exc:  # noqa: BLE001 - what one shard stumbles over must not leave the others unheard
            return AwsError(f"AWS GetRecords for {self._about} was answered with something malformed: {exc!r}")

    async def _records(self, shard: str) -> tuple[Change | None, ...]:
        iterator = self._iterators.get(shard) or await self._seek(shard)
        answer = await self._streams.call("get_records", self._about, ShardIterator=iterator)
        records, following = answer.get("Records"), answer.get("NextShardIterator")
        # Without this, an answer of something else in between would look like the end of the shard.
        if not isinstance(records, list) or not all(isinstance(record, Mapping) for record in records):
            raise self._malformed("GetRecords")
        self._walk = self._walk.advance(shard, _sequence(records), ended=not following)
        if isinstance(following, str) and following:
            self._iterators[shard] = following
        else:
            self._iterators.pop(shard, None)
            self._pause = 0.0
        return tuple(read_change(record) for record in records)

    async def _set_right(self, shard: str, error: AwsError) -> tuple[Change | None, ...] | AwsError:
        """Take up a new position in the shard, where `error` says no more than that the old one is lost."""
        self._iterators.pop(shard, None)
        if error.code == _EXPIRED:
            self._relist = self._relist or self._walk.expired(shard)
        elif error.code == _TRIMMED:
            self._walk, self._relist = self._walk.trimmed(shard), True
        else:
            return error
        try:
            await self._seek(shard)
        except AwsError as exc:
            return exc
        return ()

    async def _seek(self, shard: str) -> str:
        """An iterator where the walk stands in this shard."""
        position = self._walk.reading[shard]
        further = {"SequenceNumber": position.sequence} if position.kind == AFTER_SEQUENCE_NUMBER else {}
        answer = await self._streams.call(
            "get_shard_iterator",
            self._about,
            StreamArn=self._arn,
            ShardId=shard,
            ShardIteratorType=position.kind,
            **further,
        )
        iterator = answer.get("ShardIterator")
        if not isinstance(iterator, str) or not iterator:
            raise self._malformed("GetShardIterator")
        self._iterators[shard] = iterator
        return iterator

    @property
    def _about(self) -> str:
        return f"table '{self._table}'"

    def _malformed(self, operation: str) -> AwsError:
        return AwsError(f"AWS {operation} for {self._about} was answered with something malformed")


def _shard(described: Mapping[str, object]) -> Shard:
    span = described.get("SequenceNumberRange")
    closed = isinstance(span, Mapping) and bool(span.get("EndingSequenceNumber"))
    return Shard(str(described.get("ShardId", "")), str(described.get("ParentShardId") or ""), closed)


def _sequence(records: list[Mapping[str, object]]) -> str:
    """The sequence number of the last record that has one."""
    for record in reversed(records):
        dynamodb = record.get("dynamodb")
        number = dynamodb.get("SequenceNumber") if isinstance(dynamodb, Mapping) else None
        if isinstance(number, str) and number:
            return number
    return ""
