"""Which shards of a stream are read, and from where: a walk down their tree.

DynamoDB closes a shard every few hours, or splits it when the table grows, and what happens next is written to its
children. Changes of one item stay in order only for a reader who finishes a parent before its children ("Capturing
changes with DynamoDB Streams", Amazon DynamoDB Developer Guide). The walk is a value: it is told what DescribeStream
and GetRecords say, and decides. Where it may have passed over something it says "list again", and the base comes from
the table itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

TRIM_HORIZON = "TRIM_HORIZON"
LATEST = "LATEST"
AFTER_SEQUENCE_NUMBER = "AFTER_SEQUENCE_NUMBER"


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard as DescribeStream lists it; `parent` may be empty, or gone from the listing."""

    id: str
    parent: str = ""
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """Where the reading of a shard goes on: a ShardIteratorType, and the sequence number that one of them needs."""

    kind: str
    sequence: str = ""


@dataclass(frozen=True, slots=True)
class Walk:
    """Where a reader stands.

    Args:
        reading: the shards that are read now, each with its position.
        done: shards that need not be read (again), as long as they matter.
    """

    reading: Mapping[str, Position] = field(default_factory=lambda: MappingProxyType({}))
    done: frozenset[str] = frozenset()

    @classmethod
    def begin(cls, shards: Iterable[Shard]) -> Walk:
        """A walk that sees what happens from now on; the list of now has to be read once its iterators are there."""
        listed = tuple(shards)
        reading = {shard.id: Position(LATEST) for shard in listed if not shard.closed}
        return cls(MappingProxyType(reading), frozenset(shard.id for shard in listed if shard.closed))

    def discover(self, shards: Iterable[Shard]) -> tuple[Walk, bool]:
        """The walk after another DescribeStream, and whether to list again.

        A new shard is read from its beginning once its parent is done. One whose parent was never read has a past that
        nobody has seen, and where the parent has left the listing, so may the first records of its child have.
        """
        listed = {shard.id: shard for shard in shards}
        known = self.reading.keys() | self.done
        fresh = [shard for shard in listed.values() if shard.id not in known]
        ready = [s for s in fresh if s.parent not in self.reading and (s.parent in self.done or s.parent not in listed)]
        orphaned = any(shard.parent not in self.done or shard.parent not in listed for shard in ready)
        reading = dict(self.reading) | {shard.id: Position(TRIM_HORIZON) for shard in ready}
        needed = listed.keys() | {shard.parent for shard in listed.values()}
        return Walk(MappingProxyType(reading), self.done & needed), orphaned

    def childless(self, shards: Iterable[Shard]) -> bool:
        """Whether this listing holds a shard that is done, and no child of it.

        DescribeStream may list the children later than it closes the parent; AWS's own reader describes the stream
        again with growing pauses in that case (DynamoDBStreamsProxy in its Streams adapter for Kinesis).
        """
        listed = tuple(shards)
        return bool(self.done & {shard.id for shard in listed} - {shard.parent for shard in listed})

    def advance(self, shard: str, sequence: str, *, ended: bool) -> Walk:
        """The walk after a page of `shard`.

        Args:
            shard: its id.
            sequence: the last sequence number of the page; empty where the page was.
            ended: there is no next page, the shard is closed and read.
        """
        if shard not in self.reading:
            return self
        rest = dict(self.reading)
        if ended:
            del rest[shard]
            return Walk(MappingProxyType(rest), self.done | {shard})
        if sequence:
            rest[shard] = Position(AFTER_SEQUENCE_NUMBER, sequence)
        return replace(self, reading=MappingProxyType(rest))

    def expired(self, shard: str) -> bool:
        """Whether to list again after the iterator of `shard` has expired: where it had seen nothing yet.

        What was written since then is behind LATEST now, and may have been trimmed before TRIM_HORIZON. A sequence
        number says by itself where to go on, and is refused once it is trimmed.
        """
        position = self.reading.get(shard)
        return position is not None and position.kind != AFTER_SEQUENCE_NUMBER

    def trimmed(self, shard: str) -> Walk:
        """The walk once records of `shard` that were not read yet are gone; the service has to be listed again."""
        if shard not in self.reading:
            return self
        return replace(self, reading=MappingProxyType({**self.reading, shard: Position(TRIM_HORIZON)}))
