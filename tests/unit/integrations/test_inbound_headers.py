"""Whatever a request's headers are, it is served or answered, and nothing of them stands in an answer of ours."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from meshclient.http.ambient import AMBIENT, NOTHING
from meshclient.integrations.asgi import MeshMiddleware
from meshclient.integrations.wsgi import MeshMiddleware as WsgiMiddleware
from meshclient.telemetry.propagation.context import TRACE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from meshclient.integrations.asgi import Message, Receive, Send

NAMES = (
    "mesh-timeout", "grpc-timeout", "x-envoy-expected-rq-timeout-ms", "mesh-attempt", "priority", "traceparent",
    "tracestate", "baggage", "x-amzn-trace-id", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-request-id",
)  # fmt: skip
HEX = "0af7651916cd43dd8448eb211c80319c"
TYPICAL = st.sampled_from([
    b"", b"0", b"0m", b"1S", b"99999999H", b"100000000H", b"\xb2m", b"1 S", b"-1S", b"u=0", b"u=0,u=1",
    f"00-{HEX}-b7ad6b7169203331-01".encode(), f"00-{HEX}-0000000000000000-01".encode(), b"ff-1-2-3",
    f"Root=1-{HEX[:8]}-{HEX[8:]};Parent=b7ad6b7169203331;Sampled=?".encode(), b"Root=;=;;", b"a=b,c=d", b"=", b"k=%zz",
    b"x\r\nset-cookie: evil=1", b"\x00", b"\xff\xfe", b"1" * 5000,
])  # fmt: skip
HEADERS = st.lists(st.tuples(st.sampled_from(NAMES), TYPICAL | st.binary(max_size=80)), max_size=8)
OPTIONS: dict[str, Any] = {"limit": 1, "load_report": True, "trust_priority": True, "new_trace": True}
OWN = re.compile(r"content-type|content-length|retry-after")


def check(status: int, headers: Iterable[tuple[str, str]], body: bytes, served: int) -> None:
    if served:
        assert (status, body) == (200, b"own")
        return
    assert status in {503, 504}
    assert json.loads(body)["status"] == status
    for name, value in headers:
        assert OWN.fullmatch(name.lower())
        assert value.isdecimal() or value == "application/problem+json"


@given(HEADERS, st.booleans())
def test_asgi(headers: list[tuple[str, bytes]], full: bool) -> None:
    served = 0
    sent: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        nonlocal served
        served += 1
        if full and served == 1:
            # One more while this one has the only place.
            await middleware(other, receive, keep)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"own"})

    async def keep(message: Message) -> None:
        sent.append(message)

    async def forget(_: Message) -> None:
        pass

    async def receive() -> Message:
        return {"type": "http.request"}

    async def main() -> None:
        nonlocal served
        if full:
            await middleware({**other, "headers": []}, receive, forget)
            served -= 1
        else:
            await middleware(other, receive, keep)
        assert (AMBIENT.get(), TRACE.get()) == (NOTHING, None)

    raw = [(name.encode(), value) for name, value in headers]
    other: Message = {"type": "http", "path": "/", "method": "GET", "headers": raw}
    middleware = MeshMiddleware(app, **OPTIONS)
    asyncio.run(main())
    start, body = sent
    told: Any = [(name.decode(), value.decode()) for name, value in start["headers"]]  # type: ignore[attr-defined]
    check(start["status"], told, body["body"], served)  # type: ignore[arg-type]
    assert middleware.in_flight == 0


@given(HEADERS, st.booleans())
def test_wsgi(headers: list[tuple[str, bytes]], full: bool) -> None:
    served = 0
    heads: list[tuple[str, list[tuple[str, str]]]] = []

    def start(status: str, fields: list[tuple[str, str]], *_: object) -> Any:
        heads.append((status, fields))

    def app(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        nonlocal served
        served += 1
        start_response("200 OK", [])
        return iter([b"own"])

    def ask(environ: dict[str, Any]) -> Any:
        return middleware({"PATH_INFO": "/", "REQUEST_METHOD": "GET", **environ}, start)

    middleware = WsgiMiddleware(app, **OPTIONS)
    held = ask({}) if full else None
    served -= full
    parts = ask({f"HTTP_{name.upper().replace('-', '_')}": value.decode("latin-1") for name, value in headers})
    body = b"".join(parts)
    for each in (parts, held):
        getattr(each, "close", tuple)()
    status, fields = heads[-1]
    check(int(status[:3]), fields, body, served)
    assert middleware.in_flight == 0
    assert (AMBIENT.get(), TRACE.get()) == (NOTHING, None)


def test_a_visit_that_nobody_ends_gives_its_place_back() -> None:
    """A server that forgets to close the body, against PEP 3333."""

    def app(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return iter([b"own"])

    heads: list[str] = []

    def start(status: str, *_: object) -> Any:
        heads.append(status)

    middleware = WsgiMiddleware(app, limit=1)
    for _ in range(3):
        parts = middleware({"PATH_INFO": "/", "REQUEST_METHOD": "GET"}, start)
        del parts
        assert middleware.in_flight == 0
    assert heads == ["200 OK"] * 3
