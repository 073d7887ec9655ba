"""Three services in processes of their own: `front` (FastAPI) calls `middle` (Flask), which calls `last` (ASGI).

Each writes what it gets, and what becomes of it, to the file that ``CHAIN_LOG`` names, and its spans too where
``CHAIN_SPANS`` is set.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, FastAPI, Request
from flask import Flask, request

import meshclient
from meshclient.core.hedge import SAMPLES
from meshclient.integrations.asgi import MeshMiddleware
from meshclient.integrations.fastapi import client, lifespan
from meshclient.integrations.flask import client as flask_client
from meshclient.integrations.flask import init_app

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from meshclient.integrations.asgi import Message, Receive, Send

NAME = os.environ["CHAIN_NAME"]
# Seconds that most answers of `last` take, as far as `middle` knows: a second attempt follows soon.
USUAL = 0.05
SEEN = ("traceparent", "x-amzn-trace-id", "mesh-timeout", "mesh-attempt")


def note(**said: object) -> None:
    """Write a line."""
    line = json.dumps({"service": NAME, "at": time.monotonic(), **said}) + "\n"
    descriptor = os.open(os.environ["CHAIN_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


@contextmanager
def noted(path: str, headers: Mapping[str, str]) -> Iterator[None]:
    """Write that a request came, and how its work ended."""
    note(event="came", path=path, **{name: headers[name] for name in SEEN if name in headers})
    try:
        yield
    except BaseException as exc:
        late = isinstance(exc, meshclient.DeadlineExceeded)
        note(event="DeadlineExceeded" if late else type(exc).__name__, path=path)
        raise
    note(event="done", path=path)


class Noting:
    """Exports spans into the same file."""

    def export(self, spans: Sequence[ReadableSpan]) -> Any:
        """Write a line for each."""
        from opentelemetry.sdk.trace.export import SpanExportResult

        for span in spans:
            told = span.context
            assert told is not None
            note(
                event="span",
                trace=f"{told.trace_id:032x}",
                span=f"{told.span_id:016x}",
                parent=span.parent and f"{span.parent.span_id:016x}",
                kind=span.kind.name,
                resend=(span.attributes or {}).get("http.request.resend_count"),
                peer=(span.attributes or {}).get("server.address"),
            )
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing is kept."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is kept."""
        return bool(timeout_millis)


if os.environ.get("CHAIN_SPANS"):
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(Noting()))  # type: ignore[arg-type]
    trace.set_tracer_provider(provider)

mesh = meshclient.Mesh()

front = FastAPI(lifespan=lifespan(mesh))
front.add_middleware(MeshMiddleware, disconnect=True)


@front.get("/{path}")
async def ask_middle(path: str, given: Request, http: Annotated[meshclient.AsyncClient, Depends(client)]) -> Any:
    """Hand it on."""
    with noted(path, given.headers):
        answer = await http.get(f"http://middle/{path}")
        return {"status": answer.status_code, "answer": answer.json()}


middle = Flask(__name__)
init_app(middle, mesh)


@middle.get("/<path>")
def ask_last(path: str) -> Any:
    """Ask twice where it is "both"."""
    with noted(path, {name.lower(): value for name, value in request.headers.items()}):
        told = []
        service = mesh.service("last")
        assert service.hedging is not None
        for _ in range(SAMPLES):
            service.hedging.observe(USUAL, service.clock())
        for each in ["flaky", "slow"] if path == "both" else [path]:
            answer = flask_client().get(f"http://last/{each}", extensions={"mesh": {"hedge": each == "slow"}})
            told.append([attempt.hedge for attempt in answer.extensions["mesh"].attempts])
        return told


async def answer(scope: Message, _: Receive, send: Send) -> None:
    """Fail at first ("flaky"), or wait at first ("slow"), or wait for ever."""
    if scope["type"] != "http":
        raise RuntimeError("HTTP only")
    raw: list[tuple[bytes, bytes]] = scope["headers"]  # type: ignore[assignment]
    headers = {name.decode(): value.decode() for name, value in raw}
    path = str(scope["path"]).strip("/")
    with noted(path, headers):
        first = "mesh-attempt" not in headers
        if path == "hang" or (path == "slow" and first):
            await asyncio.sleep(30)
        status = 503 if path == "flaky" and first else 200
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


last = MeshMiddleware(answer, disconnect=True)
