"""What requests bring holds for the calls made while they are served, and for nothing else."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from integration.hop import BOUND, asgi_server, wsgi_server
from meshclient.http.ambient import AMBIENT
from meshclient.integrations.asgi import MeshMiddleware
from meshclient.integrations.wsgi import MeshMiddleware as WsgiMiddleware
from meshclient.telemetry.propagation.context import TRACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

    from meshclient.integrations.asgi import Message, Receive, Send

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
W3C = f"00-{TRACE_ID}-b7ad6b7169203331-01"
XRAY = f"Root=1-{TRACE_ID[:8]}-{TRACE_ID[8:]};Parent=b7ad6b7169203331;Sampled=1"
COLOURS = pytest.mark.parametrize("colour", ["sync", "async"])


def said() -> bytes:
    """What holds here."""
    trace = TRACE.get()
    told = trace and [trace.trace_id, trace.span_id, trace.sampled]
    return json.dumps([told, AMBIENT.get().ends < float("inf"), AMBIENT.get().chained]).encode()


class Telling:
    """An application that says what holds, at once and after `meet` has come so many times."""

    def __init__(self, together: int = 1) -> None:
        self._together = together
        self._came = 0
        self._all = asyncio.Event()
        self._barrier = threading.Barrier(together)

    async def asgi(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        while (await receive()).get("more_body"):
            pass
        first = said()
        self._came += 1
        if self._came >= self._together:
            self._all.set()
        await asyncio.wait_for(self._all.wait(), BOUND)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"[" + first, "more_body": True})
        await send({"type": "http.response.body", "body": b"," + said() + b"]"})

    def wsgi(self, _environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        first = said()
        self._barrier.wait(BOUND)
        start_response("200 OK", [])
        yield b"[" + first
        yield b"," + said() + b"]"


@contextmanager
def served(colour: str, app: Telling, **options: Any) -> Iterator[httpx.Client]:
    server = (
        asgi_server(MeshMiddleware(app.asgi, **options))
        if colour == "async"
        else wsgi_server(WsgiMiddleware(app.wsgi, **options))
    )
    with server as url, httpx.Client(base_url=url, timeout=BOUND) as http:
        yield http


@COLOURS
@pytest.mark.parametrize("headers", [{"traceparent": W3C}, {"x-amzn-trace-id": XRAY}], ids=["w3c", "x-ray"])
def test_a_trace_holds_from_the_first_line_to_the_last_part(colour: str, headers: dict[str, str]) -> None:
    with served(colour, Telling()) as http:
        answer = http.get("/", headers=headers)
        here = [[TRACE_ID, "b7ad6b7169203331", True], False, False]
        assert answer.json() == [here, here]
        assert not {"traceparent", "x-amzn-trace-id"} & set(answer.headers)


@COLOURS
def test_nothing_of_it_holds_for_the_next_request(colour: str) -> None:
    """A large body makes uvicorn read on in the context of the request whose body it is."""
    with served(colour, Telling()) as http:
        content = bytes(1_000_000 if colour == "async" else 0)
        assert (
            http.put("/", content=content, headers={"traceparent": W3C, "mesh-timeout": "9S"}).json()[0][0] is not None
        )
        assert http.get("/").json() == [[None, False, False]] * 2


@COLOURS
def test_only_the_formats_that_were_asked_for_are_read(colour: str) -> None:
    with served(colour, Telling(), propagators=["xray"]) as http:
        assert http.get("/", headers={"traceparent": W3C}).json()[0][0] is None
        assert http.get("/", headers={"x-amzn-trace-id": XRAY}).json()[0][0][0] == TRACE_ID


@COLOURS
def test_requests_at_the_same_time_do_not_mix(colour: str) -> None:
    """All of them are under way when each says a second time what holds."""
    count = 16
    with served(colour, Telling(count)) as http, ThreadPoolExecutor(count) as pool:

        def ask(number: int) -> tuple[int, Any]:
            # Half of them have a deadline, and a third are repeats.
            headers = {"traceparent": f"00-{number + 1:032x}-{number + 1:016x}-01"}
            headers |= {"mesh-timeout": "9S"} if number % 2 else {}
            headers |= {"mesh-attempt": "2"} if number % 3 == 0 else {}
            return number, http.get("/", headers=headers).json()

        for number, answer in pool.map(ask, range(count)):
            here = [[f"{number + 1:032x}", f"{number + 1:016x}", True], number % 2 == 1, number % 3 == 0]
            assert answer == [here, here]


@COLOURS
@pytest.mark.parametrize(
    "headers",
    [
        [("traceparent", "00-" + "0" * 32 + "-b7ad6b7169203331-01")],
        [("traceparent", W3C), ("traceparent", W3C.replace("b7", "c7"))],
        [("traceparent", "\xff\xfe"), ("tracestate", "=" * 4000), ("b3", "1-2-3-4-5-6")],
        [("x-amzn-trace-id", "Root=;;;=;Parent=Root=" + "x" * 3000)],
        [("mesh-timeout", "-1S"), ("grpc-timeout", "99999999999H"), ("mesh-attempt", "\xb2")],
        [("mesh-timeout", "1"), ("x-envoy-expected-rq-timeout-ms", "1e400"), ("mesh-attempt", "two")],
        [("baggage", ",".join(f"k{n}=%zz" for n in range(300))), ("x-request-id", "a b;c\x80")],
    ],
)
def test_nonsense_counts_as_nothing(colour: str, headers: list[tuple[str, str]]) -> None:
    with served(colour, Telling(), limit=4, load_report=True, trust_priority=True) as http:
        raw = [(name.encode(), value.encode("latin-1")) for name, value in [*headers, ("priority", "u=\xff,,=;u=9")]]
        answer = http.get("/", headers=raw)
        assert answer.status_code == 200
        trace, limited, chained = answer.json()[0]
        assert (limited, chained) == (False, False)
        # Baggage and request ids without a trace begin one.
        assert trace is None or headers[0][0] == "baggage"
