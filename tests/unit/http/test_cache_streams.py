"""Bodies that are kept while they are read: whole ones only, and none that is too large."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from meshclient.core.caching.policy import Policy
from meshclient.http._sync.caching.download import Download
from meshclient.http.caching.memory import MemoryStore
from meshclient.http.caching.room import Claim, Room
from meshclient.http.caching.shelf import Rule, Shelf
from unit.http.cached import BOUND, MEGABYTE, Kept, Site, answer, kept
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture
from unit.http.gate import URL, Gate, gates_fixture  # noqa: F401 - a fixture
from unit.http.rawserver import Connection, RawServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FRESH = "Cache-Control: max-age=60"
CHUNKED = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def in_two_parts(go_on: threading.Event, *, end: bool = True) -> Callable[[Connection], None]:
    """The first half at once; the second when told."""

    def rule(connection: Connection) -> None:
        while connection.request() is not None:
            connection.send(CHUNKED + chunk(b"first,"))
            assert go_on.wait(BOUND)
            if not end:
                return
            connection.send(chunk(b"second") + END)

    return rule


def streaming(client: Kept) -> Any:
    return client.face.stream(client.client, "GET", "http://orders/")


def test_a_body_arrives_piece_by_piece_and_is_kept(face: Face) -> None:
    go_on = threading.Event()
    with RawServer(in_two_parts(go_on)) as server:
        client = kept(face, server.url)
        with streaming(client) as response:
            pieces = face.chunks(response)
            # Before the rest was sent.
            assert next(pieces) == b"first,"
            go_on.set()
            assert b"".join(pieces) == b"second"
        assert client.get().content == b"first,second"
        assert len(server.requests) == 1


def test_of_a_read_that_is_given_up_nothing_is_kept(face: Face) -> None:
    go_on = threading.Event()
    with RawServer(in_two_parts(go_on)) as server:
        client = kept(face, server.url)
        with streaming(client) as response:
            assert next(face.chunks(response)) == b"first,"
        go_on.set()
        assert client.urls == 0
        assert len(client.cache._flights) == 0
        assert client.get().content == b"first,second"
        assert len(server.requests) == 2


def test_of_a_response_that_nobody_reads_nothing_is_kept(face: Face) -> None:
    go_on = threading.Event()
    with RawServer(in_two_parts(go_on)) as server:
        client = kept(face, server.url)
        with streaming(client):
            pass
        # Not before, or all of it may come at once: what is here as a whole is kept, read or not.
        go_on.set()
        assert client.urls == 0
        assert len(client.cache._flights) == 0


def test_of_a_body_that_breaks_nothing_is_kept(face: Face) -> None:
    go_on = threading.Event()
    go_on.set()
    with RawServer(in_two_parts(go_on, end=False)) as server:
        client = kept(face, server.url)
        for _ in range(2):
            with streaming(client) as response, pytest.raises(httpx.RemoteProtocolError):
                face.read(response)
        assert client.urls == 0
        assert len(client.cache._flights) == 0
        assert len(server.requests) >= 2


def test_a_body_that_is_shorter_than_it_says(face: Face) -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 10\r\n\r\nshort")

    with RawServer(rule) as server:
        client = kept(face, server.url, service={"retry": False})
        with pytest.raises(httpx.RemoteProtocolError):
            client.get()
        assert client.urls == 0


@pytest.mark.parametrize("length", [True, False])
def test_a_body_that_is_too_large_passes(face: Face, length: bool) -> None:
    large = bytes(range(256)) * 64

    def rule(connection: Connection) -> None:
        while connection.request() is not None:
            whole = answer(FRESH, body=large)
            parts = [chunk(large[at : at + 4096]) for at in range(0, len(large), 4096)]
            connection.send(whole if length else CHUNKED + b"".join(parts) + END)

    with RawServer(rule) as server:
        store = MemoryStore(32 * 1024)
        assert store.max_body < len(large)
        client = kept(face, server.url, store=store)
        assert [client.get().content for _ in range(2)] == [large, large]
        assert len(store._items) == 0
        assert len(client.cache._flights) == 0
        assert len(server.requests) == 2


def test_a_response_without_coalescing_is_kept_too(face: Face) -> None:
    go_on = threading.Event()
    go_on.set()
    with RawServer(in_two_parts(go_on)) as server:
        client = kept(face, server.url, coalesce=False)
        assert [client.get().content for _ in range(2)] == [b"first,second"] * 2
        assert len(server.requests) == 1


def test_an_empty_body(face: Face) -> None:
    with Site(lambda *_: answer(FRESH)) as site:
        client = kept(face, site.url)
        assert [client.get().content for _ in range(2)] == [b"", b""]
        assert len(site.asked) == 1


def test_a_stream_without_an_end_keeps_nobody_waiting(face: Face) -> None:
    end = threading.Event()

    def events(connection: Connection) -> None:
        while connection.request() is not None:
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"event"))
            end.wait(BOUND)
            connection.send(END)

    with RawServer(events) as server:
        client = kept(face, server.url)
        with streaming(client) as first:
            assert next(face.chunks(first)) == b"event"
            with streaming(client) as second:
                assert next(face.chunks(second)) == b"event"
                assert not end.is_set()
        end.set()


def test_who_comes_after_the_head_of_a_response_that_says_nothing_asks_anew(face: Face) -> None:
    go_on = threading.Event()
    whole = answer(body="old")

    def rule(connection: Connection) -> None:
        while connection.request() is not None:
            if len(server.requests) > 1:
                connection.send(answer(body="new"))
                continue
            connection.send(whole[:-2])
            go_on.wait(BOUND)
            connection.send(whole[-2:])

    with RawServer(rule) as server:
        client = kept(face, server.url)
        with streaming(client) as response:
            pieces = face.chunks(response)
            assert next(pieces) == b"o"
            assert client.get().text == "new"
            go_on.set()
            assert b"".join(pieces) == b"ld"


def test_a_body_that_the_clients_end_breaks_off_is_never_whole(face: Face) -> None:
    go_on = threading.Event()
    with RawServer(in_two_parts(go_on, end=False)) as server:
        client = kept(face, server.url)
        with streaming(client) as response:
            pieces = face.chunks(response)
            assert next(pieces) == b"first,"
            face.close(client.client)
            with pytest.raises(httpx.CloseError):
                next(pieces)
        go_on.set()
        assert client.urls == 0


def test_a_response_that_nobody_closes_takes_no_room_for_good(face: Face) -> None:
    go_on = threading.Event()
    with RawServer(in_two_parts(go_on)) as server:
        shelf = Shelf("orders", lambda _: Rule(Policy()), MemoryStore(MEGABYTE), room=100)
        client = kept(face, server.url, shelf=shelf)
        response = face.run(client.client.send(client.client.build_request("GET", URL), stream=True))
        pieces = face.chunks(response)
        assert next(pieces) == b"first,"
        assert not shelf.room.take(95)
        del response, pieces
        end = time.monotonic() + BOUND
        gc.collect()
        while face.is_async and len(client.cache._flights) and time.monotonic() < end:
            # Its generators are closed by the loop, when that runs.
            face.run(asyncio.sleep(0))
            gc.collect()
        assert len(client.cache._flights) == 0
        assert shelf.room.take(100)
        go_on.set()


class Breaking(httpx.SyncByteStream):
    def __init__(self, error: BaseException) -> None:
        self.error, self.closed = error, 0

    def __iter__(self) -> Iterator[bytes]:
        yield b"first"
        raise self.error

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("error", [httpx.ReadError("reset"), KeyboardInterrupt()])
def test_a_body_that_is_broken_off_is_closed_and_never_whole(error: BaseException) -> None:
    source, ended = Breaking(error), list[bytes | None]()
    download = Download(source, 100, ended.append, Claim(Room(MEGABYTE)), shared=True)
    assert download.chunk(0) == b"first"
    with pytest.raises(type(error)):
        download.chunk(1)
    with pytest.raises(httpx.ReadError):
        download.chunk(1)
    assert (source.closed, ended, download.body) == (1, [None], None)
    download.close()
    assert source.closed == 1


@pytest.mark.parametrize(("room", "cached"), [(500, None), (2000, "hit")])
def test_a_body_for_which_there_is_no_room_is_not_kept(
    face: Face, gates: list[Gate], room: int, cached: str | None
) -> None:
    whole = answer("Cache-Control: max-age=60", body="x" * 1000)
    gates.append(gate := Gate(lambda _: whole[-10:], whole[:-10]))
    shelf = Shelf("orders", lambda _: Rule(Policy()), MemoryStore(MEGABYTE), room=room)
    client = kept(face, gate.server.url, shelf=shelf)
    with face.stream(client.client, "GET", URL) as response:
        gate.open.set()
        assert face.read(response) == b"x" * 1000
    again = client.get()
    assert (again.text, again.extensions["mesh"].cache) == ("x" * 1000, cached)
