"""The walk down a stream's shards, against a stream that writes, rolls, splits, trims and lets iterators expire."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import example, given
from hypothesis import strategies as st

from meshclient_aws.dynamodb.shards import AFTER_SEQUENCE_NUMBER, LATEST, TRIM_HORIZON, Position, Shard, Walk

KEYS = 4
PAGE = 2


@dataclass
class Line:
    """A shard: the keys that it takes, and its records as pairs of sequence number and key."""

    shard: str
    parent: str
    keys: tuple[int, ...]
    closed: bool = False
    records: list[tuple[int, int]] = field(default_factory=list)
    lost: int = 0


class Stream:
    """DynamoDB's side."""

    def __init__(self) -> None:
        self.lines: dict[str, Line] = {}
        self.gone: set[str] = set()
        self.sequence = 0
        self._open("", tuple(range(KEYS)))

    def _open(self, parent: str, keys: tuple[int, ...]) -> None:
        name = f"s{len(self.lines):03d}"
        self.lines[name] = Line(name, parent, keys)

    def leaf(self, key: int) -> Line:
        return next(line for line in self.lines.values() if not line.closed and key in line.keys)

    def write(self, key: int) -> None:
        self.sequence += 1
        self.leaf(key).records.append((self.sequence, key))

    def roll(self, key: int) -> None:
        line = self.leaf(key)
        line.closed = True
        self._open(line.shard, line.keys)

    def split(self, key: int) -> None:
        line = self.leaf(key)
        if len(line.keys) > 1:
            line.closed = True
            self._open(line.shard, line.keys[:1])
            self._open(line.shard, line.keys[1:])

    def trim(self) -> None:
        for line in self.lines.values():
            line.lost = len(line.records)
            if line.closed:
                self.gone.add(line.shard)

    def describe(self) -> list[Shard]:
        lines = [line for line in self.lines.values() if line.shard not in self.gone]
        return [Shard(line.shard, line.parent, line.closed) for line in reversed(lines)]


class Reader:
    """What `meshclient_aws.dynamodb.stream` does with a walk, without the network."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.walk = Walk.begin(stream.describe())
        self.at: dict[str, int] = {}
        self.read: list[tuple[int, int]] = []
        self.listed = 0
        for shard in self.walk.reading:
            self._seek(shard)
        self._list()

    def _list(self) -> None:
        """The table itself knows everything up to now."""
        self.listed = self.stream.sequence

    def _seek(self, shard: str) -> bool:
        """Take an iterator; whether records were trimmed that the position needs."""
        line, position = self.stream.lines[shard], self.walk.reading[shard]
        if position.kind == LATEST:
            self.at[shard] = len(line.records)
        elif position.kind == TRIM_HORIZON:
            self.at[shard] = line.lost
        else:
            self.at[shard] = [number for number, _ in line.records].index(int(position.sequence)) + 1
        return self.at[shard] < line.lost

    def turn(self) -> None:
        relist = False
        for shard in tuple(self.walk.reading):
            line = self.stream.lines[shard]
            if shard not in self.at:
                relist |= self.walk.expired(shard)
                self._seek(shard)
            if self.at[shard] < line.lost:
                self.walk, relist = self.walk.trimmed(shard), True
                self._seek(shard)
            page = line.records[self.at[shard] : self.at[shard] + PAGE]
            self.at[shard] += len(page)
            self.read += page
            ended = line.closed and self.at[shard] == len(line.records)
            self.walk = self.walk.advance(shard, str(page[-1][0]) if page else "", ended=ended)
        self.walk, orphaned = self.walk.discover(self.stream.describe())
        for shard in self.walk.reading.keys() - self.at.keys():
            self._seek(shard)
        if relist or orphaned:
            self._list()

    def expire(self) -> None:
        self.at.clear()


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["write", "write", "write", "roll", "split", "turn", "expire"]), st.integers(0, KEYS - 1)
    ),
    max_size=60,
)
WITH_TRIMMING = st.lists(
    st.tuples(st.sampled_from(["write", "write", "roll", "split", "turn", "expire", "trim"]), st.integers(0, KEYS - 1)),
    max_size=60,
)


def played(actions: list[tuple[str, int]], before: list[tuple[str, int]]) -> tuple[Stream, Reader, int]:
    """The stream and a reader that began after `before` and has caught up; and the sequence number at its beginning."""
    stream = Stream()
    for what, key in before:
        if what in ("write", "roll", "split"):
            getattr(stream, what)(key)
    reader, begun = Reader(stream), stream.sequence
    for what, key in actions:
        if what in ("write", "roll", "split"):
            getattr(stream, what)(key)
        elif what == "trim":
            stream.trim()
        else:
            getattr(reader, what)()
    for _ in range(len(actions) + len(stream.lines) + 2):
        reader.turn()
    return stream, reader, begun


@given(ACTIONS, ACTIONS)
def test_every_record_is_read_once_and_in_the_order_of_its_key(
    before: list[tuple[str, int]], actions: list[tuple[str, int]]
) -> None:
    stream, reader, begun = played(actions, before)
    for key in range(KEYS):
        written = sorted(r for line in stream.lines.values() for r in line.records if r[1] == key and r[0] > begun)
        read = [record for record in reader.read if record[1] == key]
        missing = [number for number, _ in written if number not in {number for number, _ in read}]
        assert all(number <= reader.listed for number in missing), "lost, and nothing was listed again since"
        assert read == sorted(set(read)), "twice, or a child before its parent"
    if not any(what == "expire" for what, _ in actions):
        assert len(reader.read) == stream.sequence - begun, "an iterator that does not expire loses nothing"


# A shard that was about to be read from its horizon, which moved on before it was.
@example(before=[], actions=[("roll", 0), ("turn", 0), ("write", 0), ("expire", 0), ("trim", 0)])
@given(ACTIONS, WITH_TRIMMING)
def test_what_was_trimmed_is_listed_again(before: list[tuple[str, int]], actions: list[tuple[str, int]]) -> None:
    stream, reader, begun = played(actions, before)
    seen = {number for number, _ in reader.read}
    assert all(number in seen or number <= reader.listed for number in range(begun + 1, stream.sequence + 1))


@given(ACTIONS, WITH_TRIMMING)
def test_the_walk_forgets_shards_that_are_gone(before: list[tuple[str, int]], actions: list[tuple[str, int]]) -> None:
    stream, reader, _ = played(actions, before)
    open_shards = {shard.id for shard in stream.describe() if not shard.closed}
    assert set(reader.walk.reading) == open_shards
    described = {shard.id for shard in stream.describe()} | {shard.parent for shard in stream.describe()}
    assert reader.walk.done <= described


def test_a_walk_begins_at_the_end_of_what_is_open() -> None:
    walk = Walk.begin([Shard("a", closed=True), Shard("b", "a"), Shard("c", "a")])
    assert dict(walk.reading) == {"b": Position(LATEST), "c": Position(LATEST)}
    assert walk.done == {"a"}


def test_a_child_waits_for_its_parent() -> None:
    listed = [Shard("b", "a"), Shard("a", closed=True)]
    walk = Walk.begin([Shard("a")]).advance("a", "17", ended=False)
    assert walk.reading == {"a": Position(AFTER_SEQUENCE_NUMBER, "17")}
    assert walk.discover(listed) == (walk, False)
    walk, orphaned = walk.advance("a", "", ended=True).discover(listed)
    assert walk.reading == {"b": Position(TRIM_HORIZON)}
    assert not orphaned


def test_a_shard_without_a_known_parent_has_an_unread_past() -> None:
    walk, orphaned = Walk.begin([Shard("a")]).discover([Shard("a"), Shard("z", "lost")])
    assert walk.reading == {"a": Position(LATEST), "z": Position(TRIM_HORIZON)}
    assert orphaned


def test_shards_that_nobody_reads_change_nothing() -> None:
    walk = Walk.begin([Shard("a")])
    assert walk.advance("b", "1", ended=True) is walk
    assert walk.trimmed("b") is walk
    assert not walk.expired("b")
