"""Requests made of bytes, however they are cut, within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.sidecar.admin.limits import Limits
from meshclient.sidecar.admin.reply import Refused
from meshclient.sidecar.admin.request import Reader, Request

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMITS = Limits(head=200, body=50)
POST = b'POST /eject?service=a%20b&x= HTTP/1.1\r\nHost: h\r\nX-A:  b \r\nContent-Length: 9\r\n\r\n{"for":1}'


@given(st.lists(st.integers(1, len(POST) - 1), unique=True).map(sorted))
def test_it_does_not_matter_where_it_is_cut(cuts: list[int]) -> None:
    reader = Reader(LIMITS)
    whole: list[Request] = []
    for start, end in zip([0, *cuts], [*cuts, len(POST)], strict=True):
        assert whole == []
        whole = reader.feed(POST[start:end])
        assert reader.reading is (end < len(POST))
    [request] = whole
    assert (request.method, request.path, request.query) == ("POST", "/eject", "service=a%20b&x=")
    assert request.headers == (("host", "h"), ("x-a", "b"), ("content-length", "9"))
    assert request.body == b'{"for":1}'
    assert request.keep


@pytest.mark.parametrize(
    ("head", "keep"),
    [
        (b"GET / HTTP/1.1\r\n", True),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n", False),
        (b"GET / HTTP/1.0\r\n", False),
        (b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\n", False),
    ],
)
def test_it_is_known_whether_the_connection_goes_on(head: bytes, keep: bool) -> None:
    [request] = Reader(LIMITS).feed(head + b"Host: h\r\n\r\n")
    assert request.keep is keep


def refused(*parts: bytes) -> str:
    with pytest.raises(Refused) as raised:
        feed(Reader(LIMITS), parts)
    return raised.value.error


def feed(reader: Reader, parts: Sequence[bytes]) -> None:
    for part in parts:
        reader.feed(part)


def test_a_head_has_its_bound_however_it_is_made_long() -> None:
    assert refused(b"GET /" + b"a" * 201 + b" HTTP/1.1\r\n\r\n") == "head_too_large"
    assert refused(b"GET / HTTP/1.1\r\nA: " + b"a" * 201 + b"\r\n\r\n") == "head_too_large"
    assert refused(b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 40 + b"\r\n") == "head_too_large"
    # Byte by byte, no part of it ever complete.
    assert refused(*[b"G", b"E", b"T", b" ", b"/", *[b"a"] * 300]) == "head_too_large"
    assert refused(b"GET / HTTP/1.1\r\n", *[b"a"] * 300) == "head_too_large"
    assert refused(b"GET / HTTP/1.1\r\nA:", *[b" "] * 300) == "head_too_large"


def test_a_body_has_its_bound_and_no_other_framing() -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\n"
    assert refused(head + b"Content-Length: 51\r\n\r\n") == "body_too_large"
    assert refused(head + b"Content-Length: 99999999999999999999\r\n\r\n") in {"body_too_large", "bad_request"}
    assert refused(head + b"Transfer-Encoding: chunked\r\n\r\n") == "length_required"
    assert refused(head + b"Transfer-Encoding: identity\r\n\r\n") in {"length_required", "bad_request"}
    assert refused(head + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n") == "bad_request"
    [request] = Reader(LIMITS).feed(head + b"Content-Length: 50\r\n\r\n" + b"x" * 50)
    assert len(request.body) == 50


@given(st.binary(max_size=300))
def test_any_bytes_are_requests_or_refused(data: bytes) -> None:
    try:
        statuses = {request.method for request in Reader(LIMITS).feed(data)}
    except Refused as error:
        statuses = {str(error.status.value)}
    assert statuses <= {"400", "411", "413", "431"} or all(method.isalpha() for method in statuses)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (Request("POST", "/", "service=orders&for=30s"), {"service": "orders", "for": "30s"}),
        (Request("POST", "/", "endpoint=http%3A%2F%2Fh%3A1"), {"endpoint": "http://h:1"}),
        (
            Request("POST", "/", "a=1", (("content-type", "application/json; charset=utf-8"),), b'{"a": 2, "b": 0.5}'),
            {"a": "2", "b": "0.5"},
        ),
        (Request("POST", "/", "", (), b"  \n"), {}),
    ],
)
def test_arguments_come_from_query_and_body(request_: Request, expected: dict[str, str]) -> None:
    assert request_.arguments() == expected


@pytest.mark.parametrize(
    ("kind", "body", "error"),
    [
        ("application/json", b"[1]", "bad_request"),
        ("application/json", b'{"a": {}}', "bad_request"),
        ("application/json", b"\xff", "bad_request"),
        ("application/x-www-form-urlencoded", b"a=1", "unsupported_media_type"),
        ("text/plain", b'{"a": 1}', "unsupported_media_type"),
        ("", b'{"a": 1}', "unsupported_media_type"),
    ],
)
def test_other_bodies_are_refused(kind: str, body: bytes, error: str) -> None:
    with pytest.raises(Refused) as raised:
        Request("POST", "/", "", (("content-type", kind),) if kind else (), body).arguments()
    assert raised.value.error == error
