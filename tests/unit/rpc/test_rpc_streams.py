"""Streams of records: lines of JSON and server-sent events, whatever the pieces they come in."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable, Iterator
from typing import Any, Protocol

import httpx
import pytest

from meshclient.rpc import DecodeError, ServerSentEvent, StatusError, get, service
from meshclient.rpc.codec import events, lines
from meshclient.rpc.codec.events import Events
from meshclient.rpc.codec.lines import Lines
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture
from unit.rpc.shop import Order, Wire, json, overridden, wire_fixture  # noqa: F401 - a fixture


@service("orders")
class Orders(Protocol):
    @get("/orders", deadline=3)
    def orders(self, since: int = 0) -> Iterator[Order]: ...

    @get("/text")
    def text(self) -> Generator[str, None, None]: ...

    @get("/bytes")
    def raw(self) -> Iterator[bytes]: ...

    @get("/events")
    def events(self) -> Iterator[ServerSentEvent]: ...


@service("orders")
class AsyncOrders(Protocol):
    @get("/orders", deadline=3)
    def orders(self, since: int = 0) -> AsyncIterator[Order]: ...

    @get("/text")
    def text(self) -> AsyncGenerator[str, None]: ...

    @get("/bytes")
    def raw(self) -> AsyncIterator[bytes]: ...

    @get("/events")
    def events(self) -> AsyncIterator[ServerSentEvent]: ...


@pytest.fixture
def orders(wire: Wire) -> Any:
    return wire.stub(Orders, AsyncOrders)


def drained(face: Face, stream: Any) -> list[Any]:
    """All that a stream gives."""
    if not face.is_async:
        return list(stream)

    async def drain() -> list[Any]:
        return [each async for each in stream]

    values: list[Any] = face.run(drain())
    return values


def streaming(face: Face, media_type: str, *parts: bytes, status: int = 200) -> httpx.Response:
    return httpx.Response(status, content=face.body(parts), headers={"content-type": media_type})


@pytest.mark.parametrize(
    "media_type",
    ["application/x-ndjson", "application/jsonl; charset=utf-8", "application/json", "application/json-seq"],
)
def test_lines(face: Face, wire: Wire, orders: Any, media_type: str) -> None:
    wire.answer = streaming(face, media_type, b'{"id":1}\r\n{"i', b'd":2}\n\n', b'\x1e{"id":3}')
    assert drained(face, orders.orders(since=5)) == [Order(1), Order(2), Order(3)]
    assert wire.target == "/orders?since=5"
    assert wire.last.headers["accept"] == "application/x-ndjson, text/event-stream"


def test_events_with_json_in_them(face: Face, wire: Wire, orders: Any) -> None:
    wire.answer = streaming(face, "text/event-stream", b'data: {"id":1}\n\n: ping\n\ndata: {"id"', b":2}\n\ndata: {")
    assert drained(face, orders.orders()) == [Order(1), Order(2)]


def test_events_as_they_are(face: Face, wire: Wire, orders: Any) -> None:
    wire.answer = streaming(face, "text/event-stream", b"event: made\nid: 7\ndata: a\ndata: b\n\n")
    assert drained(face, orders.events()) == [ServerSentEvent("a\nb", "made", "7")]
    assert wire.last.headers["accept"] == "text/event-stream"


def test_text(face: Face, wire: Wire, orders: Any) -> None:
    wire.answer = streaming(face, "text/plain", b"one\ntw", b"o\n\xff")
    assert drained(face, orders.text()) == ["one", "two", "\ufffd"]
    wire.answer = streaming(face, "text/event-stream", b"data: one\n\n")
    assert drained(face, orders.text()) == ["one"]


def test_bytes_in_whatever_pieces(face: Face, wire: Wire, orders: Any) -> None:
    wire.answer = streaming(face, "image/png", b"a", b"bc")
    assert b"".join(drained(face, orders.raw())) == b"abc"


def test_no_records(face: Face, wire: Wire, orders: Any) -> None:
    wire.answer = httpx.Response(204)
    assert drained(face, orders.orders()) == []


def test_what_came_before_a_bad_record_was_given(face: Face, wire: Wire, orders: Any) -> None:
    wire.answer = streaming(face, "application/x-ndjson", b'{"id":1}\n{"id":"x"}\n{"id":3}\n')
    seen: list[Order] = []

    async def collect() -> None:
        async for each in orders.orders():
            seen.append(each)  # noqa: PERF401 - what came before the error counts

    def collect_blocking() -> None:
        for each in orders.orders():
            seen.append(each)  # noqa: PERF402

    with pytest.raises(DecodeError, match=r"record 2: Expected `int`") as caught:
        collect_blocking() if not face.is_async else face.run(collect())
    assert seen == [Order(1)]
    assert (caught.value.path, caught.value.excerpt) == ("$.id", '\'{"id":"x"}\'')


@pytest.mark.parametrize("method", ["orders", "events"])
def test_an_answer_that_is_no_stream(face: Face, wire: Wire, orders: Any, method: str) -> None:
    wire.answer = streaming(face, "text/html", b"<html>")
    with pytest.raises(DecodeError, match=r"it is text/html, and this stream has to be .*text/event-stream"):
        drained(face, getattr(orders, method)())


def test_lines_are_no_events(face: Face, wire: Wire, orders: Any) -> None:
    wire.answer = streaming(face, "application/x-ndjson", b"1\n")
    with pytest.raises(DecodeError, match="has to be text/event-stream"):
        drained(face, orders.events())


@pytest.mark.parametrize("method", ["orders", "raw"])
def test_an_error_is_read_and_raised(face: Face, wire: Wire, orders: Any, method: str) -> None:
    wire.answer = json({"title": "Gone", "detail": "long ago"}, 410, "application/problem+json")
    with pytest.raises(StatusError, match="with 410: Gone: long ago"):
        drained(face, getattr(orders, method)())


def test_arguments_are_checked_by_the_call_itself(face: Face, wire: Wire, orders: Any) -> None:
    with pytest.raises(TypeError, match="no text form"):
        orders.orders([])
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        orders.orders(until=1)
    assert wire.requests == []


def test_options(face: Face, wire: Wire, orders: Any) -> None:
    wire.answer = httpx.Response(204)
    drained(face, orders.orders())
    assert wire.last.extensions["mesh"] == {"deadline": 3}

    def call() -> Any:
        if not face.is_async:
            return drained(face, orders.orders())

        async def drain() -> list[Any]:
            return [each async for each in orders.orders()]

        return drain()

    overridden(face, call, deadline=None)
    assert wire.last.extensions["mesh"] == {"deadline": None}


def fed(reader: Lines | Events, parts: Iterable[bytes]) -> list[Any]:
    return [each for part in parts for each in reader.feed(part)] + list(reader.end())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # The examples of the specification, section 9.2.6.
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [ServerSentEvent("YHOO\n+2\n10")]),
        (
            b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            [ServerSentEvent("first event", id="1"), ServerSentEvent("second event"), ServerSentEvent(" third event")],
        ),
        (b"data\n\ndata\ndata\n\ndata:", [ServerSentEvent(""), ServerSentEvent("\n")]),
        (b"data:test\n\ndata: test\n\n", [ServerSentEvent("test"), ServerSentEvent("test")]),
        # Line ends, the byte order mark, and what is to be ignored.
        (b"\xef\xbb\xbfdata: a\r\rdata: b\r\n\r\ndata: c\n\n", [ServerSentEvent(each) for each in "abc"]),
        (b"event: x\n\ndata: a\n\n", [ServerSentEvent("a")]),
        (b"id: 1\n\ndata: a\n\nid: 2\0\ndata: b\n\n", [ServerSentEvent("a", id="1"), ServerSentEvent("b", id="1")]),
        (b"retry: 10\nretry: 1x\ndata: a\n\n", [ServerSentEvent("a", retry=10)]),
        (b"nonsense: 1\n Data: 2\ndata: a\n\n", [ServerSentEvent("a")]),
        (b"data: \xe2\x80\xa8\xc2\x85\x0b\n\n", [ServerSentEvent("\u2028\x85\x0b")]),
    ],
)
def test_the_grammar_of_events(body: bytes, expected: list[ServerSentEvent]) -> None:
    assert fed(Events(), [body]) == expected
    assert fed(Events(), [body[at : at + 1] for at in range(len(body))]) == expected


def test_records_without_an_end_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LONGEST", 10)
    monkeypatch.setattr(events, "LONGEST", 10)
    assert fed(Lines(), [b"123456789\n"] * 3) == [b"123456789"] * 3
    with pytest.raises(ValueError, match="a line is longer than 10 bytes"):
        fed(Lines(), [b"12345"] * 3)
    assert len(fed(Events(), [b"data:1\n\n"] * 5)) == 5
    for parts in ([b"data:1\n"] * 5, [b"12345"] * 3):
        with pytest.raises(ValueError, match="an event is longer than 10 bytes"):
            fed(Events(), parts)
