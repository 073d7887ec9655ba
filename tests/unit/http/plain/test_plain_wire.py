"""Both roads against a server on loopback: httpx with its own transport, and ours with the engine's reader."""

from __future__ import annotations

import gzip
import socket
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from meshclient.engine.limits import RESPONSE_LIMITS
from meshclient.engine.response_reader import ResponseReader
from meshclient.http.plain.request import PlainRequests
from meshclient.http.plain.response import respond
from unit.http.plain.roads import PROBES, outcome
from unit.http.rawserver import RawServer

if TYPE_CHECKING:
    from meshclient.http.plain.call import PlainCall
    from unit.http.rawserver import Connection

PACKED = gzip.compress(b"packed")
RESPONSES = {
    "plain": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n[1, 2]\n",
    "in pieces": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    "until the end": b"HTTP/1.0 200 OK\r\nX-Old: yes\r\n\r\neverything else",
    "nothing": b"HTTP/1.1 204 No Content\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\n\r\n",
    "as it was": b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n',
    "no words": b"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n",
    "odd words": b"HTTP/1.1 799 \xe4 B\r\nContent-Length: 0\r\n\r\n",
    "white space": b"HTTP/1.1 200 OK\r\nX-A: \t b \t\r\nX-Empty:\r\nx-a:c\r\nContent-Length: 0\r\n\r\n",
    "letters": b"HTTP/1.1 500 No\r\nX-Letters: \xc3\xa4\r\nX-Other: \xe4\r\ncontent-length: 1\r\n\r\n\xe4",
    "packed": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(PACKED), PACKED),
    "cookies": b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nSET-COOKIE: c=d; Path=/v1\r\nContent-Length: 0\r\n\r\n",
    "elsewhere": b"HTTP/1.1 302 Found\r\nLocation: ../else?a#b\r\nContent-Length: 0\r\n\r\n",
    "after a hint": b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
}
CALLS: dict[str, dict[str, Any]] = {
    "get": {"method": "GET"},
    "head": {"method": "HEAD"},
    "post": {"method": "POST", "json": {"a": "\xe4"}, "headers": {"X-A": "b"}, "params": {"p": [1, "\xe4 b"]}},
    "put": {"method": "put", "content": "text", "headers": [("Accept", "a"), ("accept", "b"), ("Cookie", "c=d")]},
    "bare": {"method": "PATCH", "headers": {"Host": "else.where"}},
}
SAME = {name: probe for name, probe in PROBES.items() if name != "extensions"}


def exchanged(call: PlainCall, port: int) -> ResponseReader:
    """The response to `call`."""
    reader = ResponseReader(RESPONSE_LIMITS)
    reader.expect(bodiless=call.method == "HEAD")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(call.head + b"\r\n" + call.content)
        while not reader.complete:
            data = sock.recv(65536)
            if not data:
                assert reader.feed_end()
                break
            reader.feed(data)
    return reader


@pytest.mark.parametrize("response", RESPONSES)
@pytest.mark.parametrize("call", CALLS)
def test_both_roads_say_and_hear_the_same(call: str, response: str) -> None:
    raw = RESPONSES[response]
    if call == "head":
        raw = raw[: raw.rindex(b"\r\n\r\n") + 4]

    def answer(connection: Connection) -> None:
        connection.request()
        connection.send(raw)

    judge, ours = (httpx.Client(trust_env=False, verify=False) for _ in range(2))
    with RawServer(answer) as server, judge, ours:
        url = f"http://127.0.0.1:{server.port}/v1/x"
        wanted = judge.request(url=url, **CALLS[call])
        prepared = PlainRequests(ours).prepare(url=url, **CALLS[call])
        assert prepared is not None
        heard = exchanged(prepared, server.port)
        body = heard.take()
        said = respond(prepared, heard.status, heard.reason, heard.version, heard.headers, body, 0.1, None, ours)
        assert server.requests[0] == server.requests[1]
        assert said.extensions == {key: wanted.extensions[key] for key in ("http_version", "reason_phrase")}
        for name, probe in SAME.items():
            assert outcome(probe, said) == outcome(probe, wanted), name
        assert dict(ours.cookies) == dict(judge.cookies)
