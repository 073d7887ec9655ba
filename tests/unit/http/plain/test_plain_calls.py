"""Which calls are plain, what goes on the wire for them, and what is remembered of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from meshclient.http.plain import body
from meshclient.http.plain.body import body_of
from meshclient.http.plain.place import LONGEST, REMEMBERED
from meshclient.http.plain.request import PlainRequests
from unit.http.plain.roads import facts, road

if TYPE_CHECKING:
    from meshclient.http.plain.call import PlainCall

URL = "http://orders/v1/42?a=b"
LINES = (
    b"Accept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\n"
    b"User-Agent: python-httpx/" + httpx.__version__.encode() + b"\r\n"
)


def requests(**settings: Any) -> PlainRequests:
    return PlainRequests(road(**settings).client)


def test_a_plain_call_is_ready_for_the_wire() -> None:
    call = requests(timeout=3).prepare("get", URL)
    assert call is not None
    assert call.head == b"GET /v1/42?a=b HTTP/1.1\r\nHost: orders\r\n" + LINES
    assert (call.method, call.scheme, call.host, call.port, call.path, call.content) == (
        "GET", "http", "orders", None, "/v1/42", b"",
    )  # fmt: skip
    assert call.timeouts == {"connect": 3, "read": 3, "write": 3, "pool": 3}
    assert (call.mesh, call.follow, call.blocking) == (None, False, True)
    assert call.header(b"host") == b"orders"
    assert call.header(b"orders") is None


def test_a_body_is_described_as_httpx_does() -> None:
    ours = requests()
    document = {"a": [1, 2.5, None, "\xe4"]}
    call = ours.prepare("POST", URL, json=document, headers={"X-A": "1"})
    assert call is not None
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    described = b"Content-Length: %d\r\nContent-Type: application/json\r\n" % len(body)
    assert call.content == body
    assert call.head == b"POST /v1/42?a=b HTTP/1.1\r\nHost: orders\r\n" + LINES + b"X-A: 1\r\n" + described
    bare = ours.prepare("POST", URL)
    assert bare is not None
    assert bare.head.startswith(b"POST /v1/42?a=b HTTP/1.1\r\nHost: orders\r\nContent-Length: 0\r\nAccept: ")


ORDINARY: dict[str, dict[str, Any]] = {
    "text": {"content": "\xe4"},
    "octets": {"content": b"a"},
    "nothing at all": {"content": b""},
    "JSON": {"json": [1]},
    "a header": {"headers": {"x-a": "b"}},
    "a header in place of one's own": {"headers": [("accept", "b")]},
    "httpx's headers": {"headers": httpx.Headers({"a": "b"})},
    "octets in headers": {"headers": ((b"a", b"\xe4"),)},
    "a host": {"headers": {"Host": "else"}},
    "parameters": {"params": {"a": [1, True]}},
    "parameters, none": {"params": {}},
    "a number of seconds": {"timeout": 2},
    "no timeout": {"timeout": None},
    "a timeout": {"timeout": httpx.Timeout(1, read=2)},
    "no auth": {"auth": None},
    "redirects": {"follow_redirects": True},
    "options of the mesh": {"extensions": {"mesh": {"deadline": 1}}},
    "no extensions": {"extensions": {}},
    "another URL": {"url": "HTTPS://[::1]:8443/a b/../c?\xe4#d"},
    "a URL that is one": {"url": httpx.URL("http://orders/x")},
    "a relative URL": {"url": "/x/y?z"},
    "another method": {"method": "purge"},
}
# httpx's own road has to see to these.
ODD: dict[str, dict[str, Any]] = {
    "a stream": {"content": iter([b"a"])},
    "a form": {"data": {"a": "b"}},
    "files": {"files": {"a": b"b"}},
    "cookies": {"cookies": {"a": "b"}},
    "auth": {"auth": ("a", "b")},
    "a user in the URL": {"url": "http://a:b@orders/"},
    "another scheme": {"url": "ftp://orders/"},
    "no host": {"url": "http:///x"},
    "no URL": {"url": 5},
    "a URL that is wrong": {"url": "http://300.1.1.1/"},
    "a port that is wrong": {"url": "http://orders:99999/"},
    "a tunnel": {"method": "CONNECT"},
    "a method that is wrong": {"method": "A B"},
    "a method that is none": {"method": None},
    "another extension": {"extensions": {"mesh": {}, "trace": 1}},
    "a length of one's own": {"headers": {"Content-Length": "1"}},
    "a coding of one's own": {"headers": {"transfer-encoding": "chunked"}},
    "an expectation": {"headers": {"Expect": "100-continue"}},
    "an upgrade": {"headers": {"upgrade": "websocket"}},
    "two hosts": {"headers": [("Host", "a"), ("host", "b")]},
    "a line break in a value": {"headers": {"a": "b\r\nc: d"}},
    "a line break in a name": {"headers": {"a\n": "b"}},
    "white space at an end": {"headers": {"a": " b"}},
    "a control character": {"headers": {"a": "b\x01"}},
    "a value that is no text": {"headers": {"a": 1}},
    "a name that is no text": {"headers": {1: "a"}},
    "a value beyond ASCII": {"headers": {"a": "\xe4"}},
    "headers that can be read once": {"headers": iter([("a", "b")])},
    "what is no JSON": {"json": {1, 2}},
    "not a number": {"json": float("nan")},
    "half a character": {"content": "\ud800"},
    "parameters that are none": {"params": 5},
    "a redirect rule that is none": {"follow_redirects": 1},
}


@pytest.mark.parametrize("arguments", ORDINARY.values(), ids=ORDINARY)
def test_an_ordinary_call_is_plain(arguments: dict[str, Any]) -> None:
    ours = requests(base_url="https://base")
    assert ours.prepare(**{"method": "GET", "url": URL} | arguments) is not None


def told(call: PlainCall | None) -> Any:
    assert call is not None
    return facts([call.head, call.content, call.timeouts, call.mesh, call.follow, call.request()])


@pytest.mark.parametrize("arguments", ORDINARY.values(), ids=ORDINARY)
def test_a_call_is_the_same_whatever_came_before_it(arguments: dict[str, Any]) -> None:
    ours = requests()
    call: dict[str, Any] = {"method": "GET", "url": URL}
    special = call | {key: value for key, value in arguments.items() if key not in call}
    assert told(ours.prepare(**call)) == told(requests().prepare(**call))
    assert told(ours.prepare(**special)) == told(requests().prepare(**special))
    assert told(ours.prepare(**call)) == told(requests().prepare(**call))


@pytest.mark.parametrize("arguments", ODD.values(), ids=ODD)
def test_an_odd_call_is_left_to_httpx(arguments: dict[str, Any]) -> None:
    ours = requests()
    assert ours.prepare("GET", URL) is not None
    assert ours.prepare(**{"method": "GET", "url": URL} | arguments) is None


def test_what_can_be_read_once_is_still_there_for_httpx() -> None:
    headers, content = iter([("a", "b")]), iter([b"a"])
    ours = requests()
    assert ours.prepare("GET", URL, headers=headers) is None  # type: ignore[arg-type]
    assert ours.prepare("GET", URL, content=content, headers={"a": "b"}) is None
    assert (list(headers), list(content)) == ([("a", "b")], [b"a"])


def test_json_that_holds_itself_is_left_to_httpx() -> None:
    circle: list[Any] = []
    circle.append(circle)
    assert requests().prepare("POST", URL, json=circle) is None


def test_a_default_from_elsewhere_is_a_default() -> None:
    call = requests(timeout=4).prepare("GET", URL, timeout=type(httpx.USE_CLIENT_DEFAULT)())
    assert call is not None
    assert call.timeouts["read"] == 4


def test_json_is_encoded_the_same_where_that_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    document = {"a": [1, 2.5, None, "\xe4"], "b": {}}
    compiled = body_of(None, document)
    monkeypatch.setattr("json.encoder.c_make_encoder", None)
    monkeypatch.setattr(body, "_json", body._encode())
    assert body_of(None, document) == compiled


def test_equal_calls_are_one_and_each_has_a_request_of_its_own() -> None:
    ours = requests()
    call = ours.prepare("GET", URL)
    assert call is ours.prepare("GET", URL)
    assert call is not None
    one, two = call.request(), call.request()
    one.headers["x"] = "y"
    one.extensions["timeout"]["read"] = 7
    assert one is not two
    assert "x" not in two.headers
    assert two.extensions["timeout"]["read"] == 5
    assert call.timeouts["read"] == 5


def test_a_rule_for_redirects_is_each_calls_own() -> None:
    ours = requests()
    seen = [ours.prepare("GET", URL, follow_redirects=rule) for rule in (False, True, False)]
    assert [call is not None and call.follow for call in seen] == [False, True, False]


def test_no_more_is_remembered_than_was_promised() -> None:
    ours = requests()
    for number in range(REMEMBERED + 10):
        assert ours.prepare("GET", f"http://orders-{number}/{number}", headers={f"x-{number}": "a"}) is not None
        assert ours.prepare("GET", f"http://orders-{number}/{number}") is not None
    common = ours._groundwork
    assert common is not None
    assert max(len(common.calls), len(common._places._origins), len(common._fields._known)) <= REMEMBERED
    many = requests(headers={f"x-{number}": "a" for number in range(13)})
    for number in range(REMEMBERED + 10):
        replaced = {f"x-{bit}": "b" for bit in range(13) if number >> bit & 1}
        assert many.prepare(f"A{number}", URL, headers=replaced) is not None
    assert many._groundwork is not None
    assert max(len(many._groundwork._methods), len(many._groundwork._fields._without)) <= REMEMBERED
    assert ours.prepare("GET", "http://orders/" + "a" * 5000) is not None
    assert not any(len(url) > LONGEST for _, url in common.calls)
