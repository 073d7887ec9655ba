"""Responses in any pieces, broken in any way, and as another implementation reads them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import h11
from hypothesis import given
from hypothesis import strategies as st

from meshclient.engine.errors import MalformedResponse
from meshclient.engine.limits import ResponseLimits
from meshclient.engine.response_reader import ResponseReader

if TYPE_CHECKING:
    from collections.abc import Iterable

LIMITS = ResponseLimits(head=600, fields=12, between=400, body=400)
TOKEN = st.text("abcdefgXYZ0189!#$%&'*+-.^_`|~", min_size=1, max_size=12).map(str.encode)
VALUE = st.text('abc XYZ,;="()\t/0189\u00e4\u00ff', max_size=20).map(lambda text: text.strip(" \t").encode("latin-1"))
# Fields whose meaning is told by the message itself.
FRAMING = {b"connection", b"content-length", b"transfer-encoding", b"upgrade", b"keep-alive", b"proxy-connection"}
FIELDS = st.lists(st.tuples(TOKEN, VALUE).filter(lambda field: field[0].lower() not in FRAMING), max_size=5)
OPTIONS = st.sampled_from([b"", b"close", b"keep-alive", b"foo, Close", b"KEEP-ALIVE , x", b"closed"])


@dataclass(frozen=True)
class Message:
    """A response as a server means it, and the request that it answers."""

    data: bytes
    bodiless: bool = False
    upgrade: bool = False
    open_ended: bool = False


@st.composite
def chunked(draw: st.DrawFn, body: bytes) -> bytes:
    """The same body in chunks, with extensions and trailers."""
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=4)))
    parts = [body[start:end] for start, end in pairwise([0, *cuts, len(body)]) if end > start]
    extension = st.sampled_from([b"", b";a", b";a=b", b';a="b c"', b";a=b;c=d"])
    size = draw(st.sampled_from([b"%x", b"%X", b"0%x"]))
    lines = [(size % len(part)) + draw(extension) + b"\r\n" + part + b"\r\n" for part in parts]
    trailers = b"".join(b"%b: %b\r\n" % field for field in draw(FIELDS))
    return b"".join([*lines, b"0", draw(extension), b"\r\n", trailers, b"\r\n"])


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """Well-formed responses."""
    interim = b"".join(
        b"HTTP/1.1 %d X\r\nHint: %d\r\n\r\n" % (status, status)
        for status in draw(st.lists(st.sampled_from([100, 102, 103, 199]), max_size=2))
    )
    status = draw(st.one_of(st.sampled_from([200, 204, 304, 404, 500]), st.integers(200, 999)))
    bodiless = draw(st.booleans())
    version = draw(st.sampled_from([b"1.1", b"1.1", b"1.0"]))
    fields = draw(FIELDS)
    option = draw(OPTIONS)
    if option:
        fields.append((b"Connection", option))
    body = b"" if status in (204, 304) else draw(st.binary(max_size=60))
    framing = draw(st.sampled_from(["length", "chunks", "end"]))
    if version == b"1.0" and framing == "chunks":
        framing = "length"
    if framing == "length":
        # A 204 or 304, and the answer to a HEAD, may have one all the same.
        fields.insert(draw(st.integers(0, len(fields))), (b"content-Length", b"%d" % len(body)))
        sent = body
    elif framing == "chunks" and status not in (204, 304):
        fields.insert(
            draw(st.integers(0, len(fields))), (b"Transfer-Encoding", draw(st.sampled_from([b"chunked", b"CHUNKED"])))
        )
        sent = draw(chunked(body))
    else:
        sent = body
    reason = draw(st.sampled_from([b"", b" ", b" OK", b" Not so \xff good"]))
    head = b"HTTP/%b %d%b\r\n" % (version, status, reason)
    head += b"".join(
        b"%b:%b%b\r\n" % (name, draw(st.sampled_from([b" ", b"", b"\t "])), value) for name, value in fields
    )
    data = interim + head + b"\r\n" + (b"" if bodiless else sent)
    return Message(data, bodiless, open_ended=framing == "end" and not bodiless and status not in (204, 304))


@st.composite
def broken(draw: st.DrawFn) -> Message:
    """Responses in which something was changed."""
    message = draw(messages())
    data = bytearray(message.data)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(["put", "cut", "swap", "again", "token"])):
            case "put":
                data[at:at] = draw(
                    st.sampled_from([b"\r", b"\n", b"\r\n", b"\x00", b" ", b":", b"x", b"0", b"\xff", b"\t"])
                )
            case "cut":
                del data[at : at + draw(st.integers(1, 4))]
            case "swap":
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "again":
                data[at:at] = data[at : at + draw(st.integers(1, 30))]
            case _:
                line = draw(
                    st.sampled_from([
                        b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n",
                        b"Connection: close\r\n", b"Upgrade: x\r\nConnection: upgrade\r\n", b"\r\n\r\n", b"a" * 700,
                        b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", b"A: b\r\n" * 14,
                        b"5;" + b"e" * 500,
                    ])
                )  # fmt: skip
                # At the beginning of a line, where it is most likely to be understood.
                at = data.find(b"\n", at) + 1
                data[at:at] = line
    return Message(bytes(data), message.bodiless, upgrade=draw(st.booleans()))


@st.composite
def pieces(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """The same bytes, cut anywhere."""
    if draw(st.booleans()):
        return [data[at : at + 1] for at in range(len(data))]
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [data[start:end] for start, end in pairwise([0, *cuts, len(data)]) if end > start]


def outcome(message: Message, parts: Iterable[bytes]) -> object:
    """All that is to be known of a response; None of one that failed or did not come to its end."""
    reader = ResponseReader(LIMITS)
    reader.expect(bodiless=message.bodiless, upgrade=message.upgrade)
    try:
        for part in parts:
            reader.feed(part)
    except MalformedResponse:
        return None
    if not reader.complete and not reader.feed_end():
        return None
    return (
        reader.status, reader.reason, reader.version, reader.headers, reader.trailers, reader.take(), reader.received,
        reader.complete, reader.keep, reader.continued, reader.upgraded, reader.surplus,
    )  # fmt: skip


@given(st.data(), st.one_of(messages(), broken()))
def test_any_split_gives_the_same(data: st.DataObject, message: Message) -> None:
    whole = outcome(message, [message.data])
    assert outcome(message, data.draw(pieces(message.data))) == whole


@given(messages())
def test_what_is_well_formed_is_read(message: Message) -> None:
    assert outcome(message, [message.data]) is not None


@given(broken(), st.binary(max_size=200))
def test_nothing_but_a_fault_is_raised(message: Message, noise: bytes) -> None:
    outcome(message, [message.data])
    outcome(message, [noise])
    outcome(message, [message.data, noise])
    outcome(message, [noise, message.data])


@given(st.data(), st.lists(messages().filter(lambda message: not message.open_ended), min_size=2, max_size=5))
def test_one_after_another(data: st.DataObject, sequence: list[Message]) -> None:
    reader = ResponseReader(LIMITS)
    for message in sequence:
        reader.expect(bodiless=message.bodiless)
        for part in data.draw(pieces(message.data)):
            reader.feed(part)
        alone = outcome(message, [message.data])
        assert alone is not None
        assert isinstance(alone, tuple)
        assert (reader.status, reader.reason, reader.version, reader.headers, reader.trailers) == alone[:5]
        assert (reader.take(), reader.complete, reader.keep) == (alone[5], True, alone[8])
        if not reader.keep:
            break


@dataclass(frozen=True)
class Reading:
    """A response as somebody understands it; `kept` is None where opinions may differ."""

    status: int
    reason: bytes
    headers: list[tuple[bytes, bytes]]
    trailers: list[tuple[bytes, bytes]]
    body: bytes
    kept: bool | None


def as_h11_reads_it(message: Message) -> Reading | None:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    method = b"HEAD" if message.bodiless else b"GET"
    connection.send(h11.Request(method=method, target=b"/", headers=[(b"host", b"test")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(message.data)
    head: h11.Response | None = None
    body = b""
    ended = False
    try:
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                connection.receive_data(b"")
                ended = True
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif not isinstance(event, h11.InformationalResponse):
                return None
    except h11.RemoteProtocolError:
        return None
    assert head is not None
    # It never keeps a connection of HTTP/1.0, and has not to do with what follows until the next request.
    kept = connection.their_state is h11.DONE and not connection.trailing_data[0].strip(b"\r\n")
    unsure = ended or head.http_version == b"1.0"
    headers, trailers = lowered(head.headers), lowered(event.headers)
    return Reading(head.status_code, head.reason.strip(), headers, trailers, body, None if unsure else kept)


def lowered(fields: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    # h11 writes the value of Transfer-Encoding in lower case.
    return [
        (name.lower(), value.strip(b" \t").lower() if name.lower() == b"transfer-encoding" else value.strip(b" \t"))
        for name, value in fields
    ]


def as_we_read_it(message: Message) -> Reading | None:
    reader = ResponseReader(LIMITS)
    reader.expect(bodiless=message.bodiless)
    try:
        reader.feed(message.data)
    except MalformedResponse:
        return None
    if not reader.complete and not reader.feed_end():
        return None
    headers, trailers = lowered(reader.headers), lowered(reader.trailers)
    return Reading(reader.status, reader.reason.strip(), headers, trailers, reader.take(), reader.keep)


@given(messages())
def test_another_implementation_reads_the_same(message: Message) -> None:
    ours, theirs = as_we_read_it(message), as_h11_reads_it(message)
    assert ours is not None
    assert theirs is not None
    assert replace(ours, kept=None) == replace(theirs, kept=None)
    assert theirs.kept in (None, ours.kept)


@given(broken())
def test_what_is_broken_and_still_read_is_read_alike(message: Message) -> None:
    """Two readers that see different responses in the same bytes are what smuggling lives of."""
    ours, theirs = as_we_read_it(message), as_h11_reads_it(message)
    if ours is not None and theirs is not None:
        assert (ours.status, ours.body) == (theirs.status, theirs.body)
        # Whoever keeps a connection that the other closes meets the next response where there is none.
        assert theirs.kept is not False or not ours.kept
