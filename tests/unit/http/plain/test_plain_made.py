"""Requests that come to a transport as httpx made them: which of them are plain, and what is answered to those."""

from __future__ import annotations

import asyncio
import pickle
from http.cookiejar import CookieJar
from typing import Any

import httpx
import pytest

from meshclient.http.filled import make_arrived
from meshclient.http.innards import QuickCookies, quicken
from meshclient.http.plain.made import arrived, made_call

URL = "http://orders/v1/a?b=c"


def made(method: str = "GET", url: str = URL, most: int = 1000, **arguments: Any) -> Any:
    return made_call(httpx.Request(method, url, **arguments), most)


def test_a_plain_one_goes_out_as_it_was_made() -> None:
    request = httpx.Request(
        "POST", URL, headers={"Authorization": "x", "A": "b"}, content=b"body", extensions={"timeout": {"read": 3.0}}
    )
    call = made_call(request, 4)
    assert call is not None
    assert call.head == (
        b"POST /v1/a?b=c HTTP/1.1\r\nHost: orders\r\nAuthorization: x\r\nA: b\r\nContent-Length: 4\r\n"
    )
    assert (call.content, call.place, call.method, call.path) == (b"body", ("http", "orders"), "POST", "/v1/a")
    assert (call.timeouts, call.mesh, call.header(b"a")) == ({"read": 3.0}, None, b"b")
    assert call.request() is request
    assert made(extensions={"mesh": {"deadline": 1}}).mesh == {"deadline": 1}


@pytest.mark.parametrize(
    "arguments",
    [
        {"content": iter([b"a"])},
        {"files": {"a": b"b"}},
        {"content": b"12345", "most": 4},
        {"extensions": {"trace": print}},
        {"extensions": {"sni_hostname": "a"}},
        {"url": "mesh://orders/a"},
        {"method": "CONNECT"},
        {"method": "G T"},
        {"headers": {"Content-Length": "3"}, "content": b"ab"},
        {"headers": {"Content-Length": "+2"}, "content": b"ab"},
        {"headers": [("Content-Length", "2"), ("Content-Length", "2")], "content": b"ab"},
        {"headers": {"Transfer-Encoding": "chunked"}, "content": b"ab"},
        {"headers": [("Host", "a"), ("Host", "b")]},
        {"headers": {"Expect": "100-continue"}},
        {"headers": {"Upgrade": "websocket"}},
        {"headers": {"mesh-timeout": "1S"}},
        {"headers": {"A": "b\r\nC: d"}},
        {"headers": {"A ": "b"}},
        {"headers": {"A:": "b"}},
    ],
    ids=range(19),
)
def test_what_is_odd_is_left_to_others(arguments: dict[str, Any]) -> None:
    assert made(**arguments) is None


def test_a_request_that_lost_its_host_or_its_length_is_left_to_others() -> None:
    request = httpx.Request("POST", URL, content=b"ab")
    del request.headers["content-length"]
    assert made_call(request, 10) is None
    request = httpx.Request("GET", URL)
    del request.headers["host"]
    assert made_call(request, 10) is None


def answered(body: bytes, *fields: tuple[bytes, bytes], most: int = 0) -> httpx.Response:
    call = made()
    response = arrived(call, 200, b"Fine", "1.1", list(fields), body, 0.1, lambda: {"mesh": 1}, None, most)
    response.request = call.request()
    return response


def stock(body: bytes, *fields: tuple[bytes, bytes]) -> httpx.Response:
    extensions = {"mesh": 1, "http_version": b"HTTP/1.1", "reason_phrase": b"Fine"}
    response = httpx.Response(200, headers=list(fields), stream=httpx.ByteStream(body), extensions=extensions)
    response.request = made().request()
    return response


def state(response: httpx.Response) -> object:
    facts = response.__getstate__() | {"extensions": response.extensions, "is_closed": response.is_closed}
    facts["headers"] = facts["headers"].raw
    facts.pop("_request")
    return facts


@pytest.mark.parametrize("fields", [(), ((b"Content-Type", b"text/plain "), (b"X", b"1"))])
@pytest.mark.parametrize("body", [b"", b"some text"])
def test_reading_one_leaves_behind_what_httpxs_reading_does(body: bytes, fields: Any) -> None:
    ours, theirs = answered(body, *fields), stock(body, *((n, v.strip()) for n, v in fields))
    before = ours.is_closed, ours.is_stream_consumed
    assert before == (theirs.is_closed, theirs.is_stream_consumed) == (False, False)
    assert ours.read() == theirs.read() == body
    assert state(ours) == state(theirs)
    assert (ours.text, ours.num_bytes_downloaded) == (theirs.text, len(body))
    assert asyncio.run(answered(body, *fields).aread()) == body
    again = pickle.loads(pickle.dumps(ours))
    assert (type(again), again.content, vars(again).get("_whole")) == (httpx.Response, body, None)
    with pytest.raises(httpx.StreamConsumed):
        list(ours.iter_raw())


def test_one_can_be_streamed_instead() -> None:
    response = answered(b"abcd")
    assert list(response.iter_raw(2)) == [b"ab", b"cd"]
    with pytest.raises(httpx.StreamConsumed):
        response.read()
    closed = answered(b"abcd")
    closed.close()
    with pytest.raises(httpx.StreamClosed):
        closed.read()


def test_one_whose_body_is_coded_is_decoded_within_its_bound() -> None:
    import gzip

    coded = gzip.compress(b"a" * 1000)
    assert answered(coded, (b"content-Encoding", b"gzip")).read() == b"a" * 1000
    with pytest.raises(httpx.DecodingError, match="max_response"):
        answered(coded, (b"Content-Encoding", b"gzip"), most=100).read()


class Watching(CookieJar):
    """A jar that wants to see every response."""

    seen = 0

    def extract_cookies(self, response: Any, request: Any) -> None:
        self.seen += 1


def test_cookies_are_looked_for_where_there_are_some() -> None:
    response = make_arrived(200, [(b"SET-cookie", b"a=b")], b"", {}, coded=False)
    response.request = made().request()
    with httpx.Client() as client:
        client.cookies.set("c", "d")
        quicken(client)
        assert isinstance(client.cookies, QuickCookies)
        client.cookies.extract_cookies(response)
        assert dict(client.cookies) == {"a": "b", "c": "d"}
    jar = Watching()
    with httpx.Client(cookies=jar) as client:
        quicken(client)
        client.cookies.extract_cookies(stock(b""))
        assert (client.cookies.jar, jar.seen) == (jar, 1)


def test_a_header_whose_name_only_ends_like_that_of_codings_says_nothing() -> None:
    assert answered(b"text", (b"X-Original-Content-Encoding", b"gzip"), most=100).read() == b"text"


class Upper(httpx.SyncByteStream):
    """A stream that somebody puts in the place of ours."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __iter__(self) -> Any:
        return (part.upper() for part in self.inner)


def test_a_stream_that_was_put_in_its_place_is_read() -> None:
    response = answered(b"text")
    response.stream = Upper(response.stream)
    assert response.read() == b"TEXT"
    with httpx.Client(transport=httpx.MockTransport(lambda _: answered(b"text"))) as client:
        assert client.get(URL).content == b"text"
