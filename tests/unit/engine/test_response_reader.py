"""Responses as they should be, read from their bytes."""

from __future__ import annotations

import pytest

from meshclient.engine.limits import RESPONSE_LIMITS
from meshclient.engine.response_reader import ResponseReader

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


def read(*pieces: bytes, bodiless: bool = False, upgrade: bool = False) -> ResponseReader:
    reader = ResponseReader(RESPONSE_LIMITS)
    reader.expect(bodiless=bodiless, upgrade=upgrade)
    for piece in pieces:
        reader.feed(piece)
    return reader


def test_a_plain_response() -> None:
    reader = read(OK)
    assert (reader.status, reader.reason, reader.version) == (200, b"OK", "1.1")
    assert reader.headers == [(b"Content-Length", b"2")]
    assert reader.take() == b"ok"
    assert reader.take() == b""
    assert (reader.complete, reader.keep, reader.headed) == (True, True, True)


def test_one_after_another_on_the_same_connection() -> None:
    reader = read(OK)
    for number in range(3):
        reader.expect()
        assert not reader.complete
        reader.feed(
            b"HTTP/1.1 201 Made\r\nNumber: %d\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n" % number
        )
        assert (reader.status, reader.reason, reader.headers[0]) == (201, b"Made", (b"Number", b"%d" % number))
        assert (reader.take(), reader.complete, reader.keep) == (b"x", True, True)


def test_a_head_in_pieces_and_a_body_in_pieces() -> None:
    reader = read(b"HT", b"TP/1.1 200 O", b"K\r\nContent-Le", b"ngth: 5\r\n\r", b"\nhe", b"ll")
    assert (reader.headed, reader.complete, reader.reason) == (True, False, b"OK")
    assert reader.headers == [(b"Content-Length", b"5")]
    assert reader.take() == b"hell"
    reader.feed(b"o")
    assert (reader.take(), reader.complete, reader.keep, reader.received) == (b"o", True, True, 5)


@pytest.mark.parametrize("reason", [b"", b" ", b" Not \x80\xff here"])
def test_a_status_line_with_any_reason_or_none(reason: bytes) -> None:
    reader = read(b"HTTP/1.1 404%s\r\nContent-Length: 0\r\n\r\n" % reason)
    assert (reader.status, reader.reason, reader.complete) == (404, reason[1:], True)


def test_a_status_of_no_known_class() -> None:
    reader = read(b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n")
    assert (reader.status, reader.complete, reader.keep) == (999, True, True)


def test_a_chunked_body_with_extensions_and_trailers() -> None:
    reader = read(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nTrailer: Sum\r\n\r\n"
        b'4;a=b;c="d"\r\nbody\r\nA\r\n0123456789\r\n0\r\nSum: 42\r\nMore:\r\n\r\n'
    )
    assert reader.take() == b"body0123456789"
    assert reader.headers == [(b"Transfer-Encoding", b"Chunked"), (b"Trailer", b"Sum")]
    assert reader.trailers == [(b"Sum", b"42"), (b"More", b"")]
    assert (reader.complete, reader.keep) == (True, True)


@pytest.mark.parametrize("field", [b"Transfer-Encoding: chunked", b"Set-Cookie: a=b", b"LOCATION: /", b"Trailer: x"])
def test_a_trailer_that_must_not_be_one_is_left_out(field: bytes) -> None:
    reader = read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + field + b"\r\nSum: 1\r\n\r\n")
    assert reader.trailers == [(b"Sum", b"1")]
    assert reader.headers == [(b"Transfer-Encoding", b"chunked")]


def test_a_trailer_that_closes_the_connection() -> None:
    reader = read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nConnection: close\r\n\r\n")
    assert (reader.complete, reader.keep, reader.trailers) == (True, False, [])


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (b"HTTP/1.1 200 OK\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n", False),
        (b"HTTP/1.1 200 OK\r\nconnection: upgrade , CLOSE\r\n", False),
        (b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nConnection: close\r\n", False),
        (b"HTTP/1.1 200 OK\r\nConnection: enclose\r\n", True),
        (b"HTTP/1.0 200 OK\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n", True),
    ],
)
@pytest.mark.parametrize("bodiless", [False, True])
def test_which_connections_are_kept(head: bytes, kept: bool, bodiless: bool) -> None:
    reader = read(head + b"Content-Length: 0\r\n\r\n", bodiless=bodiless)
    assert (reader.complete, reader.keep) == (True, kept)
    assert reader.version == head[5:8].decode()


def test_a_body_that_ends_with_the_connection() -> None:
    reader = read(b"HTTP/1.1 200 OK\r\n\r\n", b"all of ", b"it")
    assert not reader.complete
    assert reader.feed_end()
    assert (reader.take(), reader.complete, reader.keep) == (b"all of it", True, False)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nA: b\r\n",
        OK[:-1],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
def test_an_end_that_completes_nothing(data: bytes) -> None:
    reader = read(data)
    assert not reader.feed_end()
    assert not reader.complete


@pytest.mark.parametrize(
    "rest", [b"Content-Length: 9\r\n\r\n", b"\r\n", b"Transfer-Encoding: chunked\r\n\r\n", b"Content-Length: 0\r\n\r\n"]
)
def test_the_response_to_a_head_request_has_no_body(rest: bytes) -> None:
    for _ in range(2):
        reader = read(b"HTTP/1.1 200 OK\r\n" + rest, bodiless=True)
        assert (reader.complete, reader.keep, reader.take()) == (True, True, b"")
        reader.expect()
        reader.feed(OK)
        assert (reader.complete, reader.keep, reader.take()) == (True, True, b"ok")
        reader.expect(bodiless=True)


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize(
    "rest", [b"", b"Content-Length: 0\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: gzip\r\n"]
)
def test_a_status_without_a_body_has_none_whatever_its_head_says(status: int, rest: bytes) -> None:
    for head in (b"HTTP/1.1 %d X\r\n" % status, b"HTTP/1.1 %d" % status):
        reader = read(head, (b"\r\n" if head[-1:] != b"\n" else b"") + rest + b"\r\n")
        assert (reader.status, reader.complete, reader.keep, reader.take()) == (status, True, True, b"")
        reader.expect()
        reader.feed(OK)
        assert reader.take() == b"ok"


def test_interim_responses_are_passed_over() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    reader = read(early + early)
    assert (reader.headed, reader.complete, reader.continued, reader.status) == (False, False, False, 0)
    reader.feed(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert (reader.headed, reader.complete, reader.continued) == (False, False, True)
    reader.feed(early + OK)
    assert (reader.status, reader.reason, reader.headers) == (200, b"OK", [(b"Content-Length", b"2")])
    assert (reader.take(), reader.keep) == (b"ok", True)


def test_an_upgrade_that_was_asked_for() -> None:
    reader = read(SWITCHING + b"\x81\x02", b"hi", upgrade=True)
    assert (reader.status, reader.upgraded, reader.complete, reader.keep) == (101, True, True, False)
    assert reader.headers == [(b"Upgrade", b"websocket"), (b"Connection", b"Upgrade")]
    assert reader.surplus == b"\x81\x02hi"


def test_an_upgrade_that_was_asked_for_and_not_granted() -> None:
    reader = read(OK, upgrade=True)
    assert (reader.status, reader.upgraded, reader.keep, reader.take()) == (200, False, True, b"ok")


@pytest.mark.parametrize("surplus", [b"x", b"HTTP/1.1 200 OK\r\n", OK, b"\x00", b"HTTP/1.1 100 Continue\r\n\r\n"])
@pytest.mark.parametrize("bodiless", [False, True])
def test_what_follows_a_response_ends_the_connection_and_does_not_change_it(surplus: bytes, bodiless: bool) -> None:
    whole = OK[:-2] if bodiless else OK
    for reader in (read(whole + surplus, bodiless=bodiless), read(whole, surplus, bodiless=bodiless)):
        assert (reader.complete, reader.keep, reader.status, reader.reason) == (True, False, 200, b"OK")
        assert reader.headers == [(b"Content-Length", b"2")]
        assert reader.take() == (b"" if bodiless else b"ok")


def test_what_comes_unasked_is_no_response() -> None:
    reader = ResponseReader(RESPONSE_LIMITS)
    reader.feed(OK)
    assert (reader.complete, reader.keep, reader.status) == (True, False, 0)
    for piece in (b"HT", b"TP/1.1 408 Request Timeout\r\n\r\n"):
        reader.feed(piece)
    assert (reader.complete, reader.keep, reader.status) == (True, False, 0)
