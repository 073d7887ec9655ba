"""Parts of the cache by themselves: bodies that are read once for several, and what has changed since."""

from __future__ import annotations

import gc
from math import inf
from typing import TYPE_CHECKING

import httpx
import pytest

from meshclient.http._sync.caching.download import Download, DownloadStream
from meshclient.http.caching.changes import Changes
from meshclient.http.caching.lonely import Lonely
from meshclient.http.caching.room import Claim, Room
from unit.http.cached import MEGABYTE

if TYPE_CHECKING:
    from collections.abc import Iterator


class Source(httpx.SyncByteStream):
    def __init__(self, pieces: int, size: int, error: Exception | None = None) -> None:
        self.pieces, self.size, self.error, self.given, self.closed = pieces, size, error, 0, 0

    def __iter__(self) -> Iterator[bytes]:
        while self.given < self.pieces:
            self.given += 1
            yield bytes([self.given % 256]) * self.size
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        self.closed += 1


def downloading(source: Source, most: int, room: Room | None = None) -> tuple[Download, list[bytes | None]]:
    ended: list[bytes | None] = []
    return Download(source, most, ended.append, Claim(room or Room(MEGABYTE)), shared=True), ended


def test_several_read_what_is_read_once() -> None:
    source = Source(5, 10)
    download, ended = downloading(source, 1000)
    one, other = (iter(DownloadStream(download, lambda: None)) for _ in range(2))
    whole = b"".join(bytes([number]) * 10 for number in range(1, 6))
    assert next(one) == whole[:10]
    assert b"".join(other) == whole
    assert b"".join(one) == whole[10:]
    assert (source.given, source.closed, ended) == (5, 1, [whole])
    assert download.whole(lambda: inf)
    assert download.body == whole
    download.close()
    assert (source.closed, ended) == (1, [whole])


def test_of_an_endless_body_nothing_is_kept_behind_its_reader() -> None:
    source = Source(10_000, 100)
    download, ended = downloading(source, 1000)
    seen = 0
    for _ in DownloadStream(download, lambda: None):
        seen += 1
        if seen > 12:
            assert len(download._chunks) == 0
    assert seen == 10_000
    assert ended == [None]
    assert download.body is None
    assert not download.kept


def test_a_body_that_breaks_breaks_for_all() -> None:
    source = Source(2, 10, httpx.ReadError("broken"))
    download, ended = downloading(source, 1000)
    for _ in range(2):
        stream = iter(DownloadStream(download, lambda: None))
        assert [len(next(stream)) for _ in range(2)] == [10, 10]
        with pytest.raises(httpx.ReadError):
            next(stream)
    assert download.whole(lambda: inf)
    assert isinstance(download.error, httpx.ReadError)
    assert ended == [None]


def test_what_nobody_wants_is_closed() -> None:
    source = Source(5, 10)
    download, ended = downloading(source, 1000)
    left: list[None] = []
    stream = DownloadStream(download, lambda: left.append(None))
    assert next(iter(stream))
    for _ in range(2):
        stream.close()
    assert left == [None]
    download.close()
    assert (source.closed, ended) == (1, [None])


def test_changes_are_numbered_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from meshclient.http.caching import changes

    monkeypatch.setattr(changes, "_REMEMBERED", 10)
    known = Changes()
    begun = known.now
    assert known.latest("a") <= begun
    known.add("a")
    assert known.latest("a") > begun
    assert known.latest("b") <= begun
    for number in range(100):
        before = known.now
        known.add(str(number))
        assert known.latest(str(number)) > before
        assert known.latest("other") <= known.now
        assert len(known._of) <= 10
    # What is no longer known counts as changed for all that began before.
    assert known.latest("a") > begun


def test_nobody_waits_for_ten_seconds() -> None:
    lonely = Lonely()
    lonely.add("a", 100.0)
    assert [lonely.knows("a", now) for now in (100.0, 109.0, 111.0)] == [True, True, False]
    for number in range(5000):
        lonely.add(number, 100.0)
        assert len(lonely._until) <= 1024
    assert not lonely.knows("b", 100.0)


def test_bodies_under_way_have_one_bound_together() -> None:
    room = Room(100)
    (one, kept), (other, passed) = (downloading(Source(8, 10), 1000, room) for _ in range(2))
    for number in range(5):
        assert one.chunk(number) == other.chunk(number) != b""
    # There is no room for more of either: the next to come is no longer collected, and goes by whole all the same.
    assert b"".join(DownloadStream(other, lambda: None)) == b"".join(bytes([number]) * 10 for number in range(1, 9))
    assert (passed, other.body) == ([None], None)
    assert one.whole(lambda: inf)
    assert kept == [one.body]
    one.close()
    assert room.take(100)


@pytest.mark.parametrize("most", [1000, 50])
def test_what_a_slow_reader_has_still_to_get_takes_room(most: int) -> None:
    room = Room(100)
    download, _ = downloading(Source(10, 10), most, room)
    reader = iter(DownloadStream(download, lambda: None))
    assert len(next(reader)) == 10
    # Others, who were waiting, have all that they can get.
    assert download.whole(lambda: inf)
    assert not room.take(60)
    assert len(b"".join(reader)) == 90
    download.close()
    assert room.take(100)


@pytest.mark.parametrize("end", ["closed", "broken", "forgotten"])
def test_a_body_gives_its_room_back(end: str) -> None:
    room = Room(100)
    download, _ = downloading(Source(2, 50, httpx.ReadError("reset")), 1000, room)
    assert download.chunk(1)
    assert not room.take(1)
    if end == "closed":
        download.close()
    elif end == "broken":
        with pytest.raises(httpx.ReadError):
            download.chunk(2)
    else:
        del download
        gc.collect()
    assert room.take(100)


def test_a_forked_child_has_all_the_room() -> None:
    room = Room(100)
    claim = Claim(room)
    assert claim.more(100)
    room.bereave()
    assert room.take(60)
    # What its parent took is not given back here once more.
    claim.end()
    assert not room.take(41)
    assert room.take(40)


def test_a_body_that_cannot_be_kept_is_there_all_the_same() -> None:
    times: list[None] = []

    def ended(_: bytes | None) -> None:
        times.append(None)
        raise ValueError("no place")

    room = Room(100)
    download = Download(Source(2, 50), 1000, ended, Claim(room), shared=True)
    with pytest.raises(ValueError, match="no place"):
        download.whole(lambda: inf)
    assert download.whole(lambda: inf)
    assert download.body == b"\1" * 50 + b"\2" * 50
    download.close()
    assert len(times) == 1
    assert room.take(100)
