"""Three services call each other, and all that happens is one trace. Needs fastapi, uvicorn and opentelemetry-sdk.

python examples/chain/chain.py
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread

import httpx
import uvicorn
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

import meshclient
from meshclient.integrations.fastapi import MeshMiddleware


def service(name: str, below: str, url: str) -> FastAPI:
    """`name`, which asks the service `below`, if there is one, before it answers."""
    mesh = meshclient.Mesh(services={below: {"endpoints": [url]}} if below else {})
    app = FastAPI()
    app.add_middleware(MeshMiddleware, mesh=mesh)

    @app.get("/")
    async def answer() -> str:
        if not below:
            return name
        async with meshclient.AsyncClient(mesh=mesh) as http:
            return f"{name} -> {(await http.get(f'http://{below}/')).json()}"

    return app


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Its URL, until the block ends."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def main() -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    trace.set_tracer_provider(provider)
    with ExitStack() as stack:
        url = ""
        for name, below in (("stock", ""), ("orders", "stock"), ("web", "orders")):
            url = stack.enter_context(served(service(name, below, url)))
        print(httpx.get(url).json())
    hops = [span for span in spans.get_finished_spans() if span.kind in (SpanKind.CLIENT, SpanKind.SERVER)]
    print(f"{len(hops)} hops in {len({span.context.trace_id for span in hops})} trace")
    for span in sorted(hops, key=lambda span: span.start_time or 0):
        print(f"{span.kind.name.lower()}: {span.name} {(span.attributes or {})['server.address']!s}")


if __name__ == "__main__":
    main()
