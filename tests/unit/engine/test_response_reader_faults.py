"""Responses that break a rule, each from its bytes, and what is said of them."""

from __future__ import annotations

import pytest

from meshclient.engine.errors import MalformedResponse
from meshclient.engine.limits import RESPONSE_LIMITS, ResponseLimits
from meshclient.engine.response_reader import ResponseReader

HEAD = b"HTTP/1.1 200 OK\r\n"
EMPTY = b"Content-Length: 0\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

FAULTS = {
    # The first line.
    "an empty line before it": (b"\r\n" + HEAD + EMPTY, "an empty line"),
    "a line feed before it": (b"\n" + HEAD + EMPTY, "an empty line"),
    "a space before it": (b" " + HEAD + EMPTY, "instead of HTTP/1.1"),
    "no HTTP at all": (b"SSH-2.0-OpenSSH_9.2\r\n", "instead of HTTP/1.1"),
    "a TLS alert": (b"\x15\x03\x01\x00\x02\x02\x16", "instead of HTTP/1.1"),
    "lower case": (b"http/1.1 200 OK\r\n" + EMPTY, "instead of HTTP/1.1"),
    "RTSP": (b"RTSP/1.0 200 OK\r\n" + EMPTY, "instead of HTTP/1.1"),
    "ICE": (b"ICE/1.0 200 OK\r\n" + EMPTY, "instead of HTTP/1.1"),
    "HTTP/0.9": (b"HTTP/0.9 200 OK\r\n" + EMPTY, "neither HTTP/1.1 nor HTTP/1.0"),
    "HTTP/1.2": (b"HTTP/1.2 200 OK\r\n" + EMPTY, "neither HTTP/1.1 nor HTTP/1.0"),
    "HTTP/2.0": (b"HTTP/2.0 200 OK\r\n" + EMPTY, "neither HTTP/1.1 nor HTTP/1.0"),
    "HTTP/1.10": (b"HTTP/1.10 200 OK\r\n" + EMPTY, "neither HTTP/1.1 nor HTTP/1.0"),
    "two digits": (b"HTTP/1.1 20 OK\r\n" + EMPTY, "three digits"),
    "four digits": (b"HTTP/1.1 2000 OK\r\n" + EMPTY, "three digits"),
    "a signed status": (b"HTTP/1.1 +20 OK\r\n" + EMPTY, "three digits"),
    "a status without a space": (b"HTTP/1.1 200OK\r\n" + EMPTY, "three digits"),
    "two spaces": (b"HTTP/1.1  200 OK\r\n" + EMPTY, "three digits"),
    "a status below 100": (b"HTTP/1.1 099 OK\r\n" + EMPTY, "status 99"),
    "status 0": (b"HTTP/1.1 000 OK\r\n" + EMPTY, "status 0"),
    "a bare LF after the status": (b"HTTP/1.1 200 OK\n" + EMPTY, "without a carriage return"),
    "a bare CR in the reason": (b"HTTP/1.1 200 O\rK\r\n" + EMPTY, "stands alone"),
    # Header lines.
    "a bare LF after a header": (HEAD + b"A: b\n" + EMPTY, "without a carriage return"),
    "a bare CR in a header": (HEAD + b"A: b\rc\r\n" + EMPTY, "stands alone"),
    "a folded line": (HEAD + b"A: b\r\n c\r\n" + EMPTY, "folded"),
    "a line folded with a tab": (HEAD + b"A: b\r\n\tc\r\n" + EMPTY, "folded"),
    "a fold at once": (HEAD + b" A: b\r\n" + EMPTY, "white space"),
    "a space before the colon": (HEAD + b"A : b\r\n" + EMPTY, "name of a header"),
    "no name": (HEAD + b": b\r\n" + EMPTY, "name of a header"),
    "no colon": (HEAD + b"A\r\n" + EMPTY, "name of a header"),
    "a name that is no token": (HEAD + b"A(b): c\r\n" + EMPTY, "name of a header"),
    "a NUL in a value": (HEAD + b"A: b\x00c\r\n" + EMPTY, "control character"),
    "a control character in a value": (HEAD + b"A: b\x01c\r\n" + EMPTY, "control character"),
    # Lengths and codings.
    "two equal lengths": (HEAD + b"Content-Length: 0\r\n" + EMPTY, "more than one Content-Length"),
    "two lengths": (HEAD + b"content-length: 5\r\n" + EMPTY, "more than one Content-Length"),
    "a list of lengths": (HEAD + b"Content-Length: 2, 2\r\n\r\nok", "no plain number"),
    "a positive length": (HEAD + b"Content-Length: +2\r\n\r\nok", "no plain number"),
    "a negative length": (HEAD + b"Content-Length: -2\r\n\r\nok", "no plain number"),
    "a length with a space": (HEAD + b"Content-Length: 2 2\r\n\r\nok", "no plain number"),
    "a hexadecimal length": (HEAD + b"Content-Length: 0x2\r\n\r\nok", "no plain number"),
    "an empty length": (HEAD + b"Content-Length: \r\n\r\nok", "Content-Length is empty"),
    "an endless length": (HEAD + b"Content-Length: 99999999999999999999\r\n\r\nok", "too large"),
    "a length and a coding": (HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", "both"),
    "a coding and a length": (HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n", "both"),
    "a length among the trailers": (CHUNKED + b"0\r\nContent-Length: 2\r\n\r\n", "both"),
    "gzip, chunked": (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "not chunked alone"),
    "gzip": (HEAD + b"Transfer-Encoding: gzip\r\n\r\nabc", "not chunked alone"),
    "identity": (HEAD + b"Transfer-Encoding: identity\r\n\r\nabc", "not chunked alone"),
    "chunked, gzip": (HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", "not chunked alone"),
    "xchunked": (HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "not chunked alone"),
    "chunked twice": (
        HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "not chunked alone",
    ),
    "gzip in one line, chunked in the next": (
        HEAD + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "not chunked alone",
    ),
    "an empty coding": (HEAD + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n", "Transfer-Encoding is empty"),
    # Chunks.
    "a size with a prefix": (CHUNKED + b"0x2\r\nok\r\n0\r\n\r\n", "hexadecimal"),
    "a negative size": (CHUNKED + b"-2\r\nok\r\n0\r\n\r\n", "hexadecimal"),
    "a positive size": (CHUNKED + b"+2\r\nok\r\n0\r\n\r\n", "hexadecimal"),
    "a size with a space": (CHUNKED + b"2 \r\nok\r\n0\r\n\r\n", "hexadecimal"),
    "a space before a size": (CHUNKED + b" 2\r\nok\r\n0\r\n\r\n", "hexadecimal"),
    "no size": (CHUNKED + b"\r\nok\r\n0\r\n\r\n", "hexadecimal"),
    "an endless size": (CHUNKED + b"fffffffffffffffff\r\nok", "too large"),
    "a bare LF after a size": (CHUNKED + b"2\nok\r\n0\r\n\r\n", "without a carriage return"),
    "a bare LF after an extension": (CHUNKED + b"2;a=b\nok\r\n0\r\n\r\n", "without a carriage return"),
    "a bare CR after a size": (CHUNKED + b"2\rok\r\n0\r\n\r\n", "LF after chunk size"),
    "a chunk that is too long": (CHUNKED + b"2\r\nokay\r\n0\r\n\r\n", "longer than it says"),
    "a bare LF after a chunk": (CHUNKED + b"2\r\nok\n0\r\n\r\n", "longer than it says"),
    "a folded trailer": (CHUNKED + b"0\r\nA: b\r\n c\r\n\r\n", "folded"),
    "a bare LF after a trailer": (CHUNKED + b"0\r\nA: b\n\r\n", "without a carriage return"),
    # Interim responses.
    "an interim response with a length": (b"HTTP/1.1 103 X\r\nContent-Length: 2\r\n\r\n" + OK, "has no body"),
    "a continue with a length": (b"HTTP/1.1 100 X\r\nContent-Length: 2\r\n\r\n" + OK, "has no body"),
    "an unknown interim response with a coding": (
        b"HTTP/1.1 150 X\r\nTransfer-Encoding: chunked\r\n\r\n" + OK, "has no body",
    ),
    "endless interim responses": (b"HTTP/1.1 102 Processing\r\n\r\n" * 101 + OK, "more than 100 interim"),
    "another protocol after an interim response": (
        b"HTTP/1.1 100 Continue\r\n\r\nRTSP/1.0 200 OK\r\n" + EMPTY, "instead of HTTP/1.1",
    ),
    "an empty line after an interim response": (b"HTTP/1.1 100 Continue\r\n\r\n\r\n" + OK, "an empty line"),
    "a 101 that nobody asked for": (
        b"HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "nobody asked for it",
    ),
}  # fmt: skip


def feed(reader: ResponseReader, data: bytes, step: int) -> None:
    for start in range(0, len(data), step):
        reader.feed(data[start : start + step])


def fault(data: bytes, step: int, *, limits: ResponseLimits = RESPONSE_LIMITS, upgrade: bool = False) -> str:
    """What is said of these bytes, when they come so many at a time."""
    reader = ResponseReader(limits)
    reader.expect(upgrade=upgrade)
    with pytest.raises(MalformedResponse) as caught:
        feed(reader, data, step)
    return str(caught.value)


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_named(name: str, step: int) -> None:
    data, said = FAULTS[name]
    assert said in fault(data, step)


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
@pytest.mark.parametrize("name", FAULTS)
def test_on_a_connection_that_was_used_before_as_well(name: str, step: int) -> None:
    data, said = FAULTS[name]
    reader = ResponseReader(RESPONSE_LIMITS)
    reader.expect()
    reader.feed(OK)
    reader.expect()
    with pytest.raises(MalformedResponse, match=said):
        feed(reader, data, step)


def test_a_switch_of_protocols_has_to_name_one() -> None:
    assert "without saying to which" in fault(b"HTTP/1.1 101 Go\r\n\r\n", 1 << 20, upgrade=True)


@pytest.mark.parametrize("step", [1, 1000, 1 << 20])
def test_a_head_may_be_as_large_as_allowed_to_the_byte(step: int) -> None:
    limits = ResponseLimits(head=2000)
    for first in (b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200 OK\r\n"):
        padding = b"x" * (2000 - len(first + b"Content-Length: 2\r\nA: \r\n\r\n"))
        reader = ResponseReader(limits)
        reader.expect()
        data = first + b"Content-Length: 2\r\nA: " + padding + b"\r\n\r\nok"
        feed(reader, data, step)
        assert reader.take() == b"ok"
        larger = data.replace(b"A: x", b"A: xx")
        assert "its head is larger than 2000 bytes" in fault(larger, step, limits=limits)


def test_each_head_has_its_own_bound() -> None:
    reader = ResponseReader(ResponseLimits(head=200))
    reader.expect()
    feed(reader, (b"HTTP/1.1 103 X\r\nHint: " + b"x" * 150 + b"\r\n\r\n") * 3 + OK, 50)
    assert (reader.status, reader.take()) == (200, b"ok")


def test_a_head_without_an_end_is_bounded() -> None:
    limits = ResponseLimits(head=2000)
    assert "larger than 2000" in fault(b"HTTP/1.1 200 " + b"x" * 3000, 100, limits=limits)
    assert "larger than 2000" in fault(b"HTTP/1.1 200 OK\r\nA:" + b" " * 3000, 100, limits=limits)


@pytest.mark.parametrize("step", [1, 1 << 20])
def test_the_number_of_fields_is_bounded(step: int) -> None:
    limits = ResponseLimits(fields=3)
    reader = ResponseReader(limits)
    reader.expect()
    reader.feed(HEAD + b"A: b\r\n" * 2 + b"Content-Length: 2\r\n\r\nok")
    assert len(reader.headers) == 3
    assert "4 header fields are more than 3" in fault(HEAD + b"A: b\r\n" * 3 + EMPTY, step, limits=limits)


@pytest.mark.parametrize("step", [1, 1 << 20])
def test_trailers_are_bounded(step: int) -> None:
    limits = ResponseLimits(head=100, fields=3, between=100)
    many = CHUNKED + b"2\r\nok\r\n0\r\n" + b"A: b\r\n" * 4 + b"\r\n"
    assert "4 trailer fields are more than 3" in fault(many, step, limits=limits)
    large = CHUNKED + b"2\r\nok\r\n0\r\nA: " + b"b" * 101 + b"\r\n\r\n"
    assert "trailers are larger than 100" in fault(large, step, limits=limits)


@pytest.mark.parametrize("endless", [b"2;" + b"a" * 3000, b"0\r\n" + b"A: b\r\n" * 500])
def test_extensions_and_trailers_without_an_end_are_bounded(endless: bytes) -> None:
    limits = ResponseLimits(head=1000, between=1000)
    assert "in a row" in fault(CHUNKED + b"2\r\nok\r\n" + endless, 100, limits=limits)


def test_many_small_chunks_are_no_such_thing() -> None:
    reader = ResponseReader(ResponseLimits(head=100, between=100))
    reader.expect()
    for piece in (CHUNKED, *[b"1;a=" + b"b" * 50 + b"\r\n", b"x\r\n"] * 1000, b"0\r\n\r\n"):
        reader.feed(piece)
    assert (reader.complete, reader.take()) == (True, b"x" * 1000)


@pytest.mark.parametrize("step", [1, 1 << 20])
def test_the_body_is_bounded_where_that_is_wanted(step: int) -> None:
    limits = ResponseLimits(body=5)
    for data in (
        HEAD + b"Content-Length: 6\r\n\r\n123456",
        CHUNKED + b"3\r\n123\r\n3\r\n456\r\n0\r\n\r\n",
        HEAD + b"\r\n123456",
    ):
        said = fault(data, step, limits=limits)
        assert said == (
            "the body of its response is larger than 5 bytes: max_response sets that bound, "
            "raise it if the server is right"
        )
    reader = ResponseReader(limits)
    reader.expect()
    reader.feed(CHUNKED + b"3\r\n123\r\n2\r\n45\r\n0\r\n\r\n")
    assert (reader.complete, reader.take()) == (True, b"12345")


class Interrupted(ResponseReader):
    """One that is interrupted while llhttp calls it."""

    __slots__ = ()

    def on_headers_complete(self) -> None:
        raise KeyboardInterrupt


def test_an_interrupt_within_a_callback_is_raised_as_what_it_is() -> None:
    reader = Interrupted(RESPONSE_LIMITS)
    reader.expect()
    with pytest.raises(KeyboardInterrupt):
        reader.feed(OK)
