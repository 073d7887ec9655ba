"""What telling of calls costs them, and what the middleware costs the requests that are served.

    python benchmarks/telemetry.py [--quick] [--calls 3000] [--rounds 7]

CPU time (user + system) of the calling process for each GET of 100 bytes over one kept-alive loopback connection; the
backend is a process of its own. Each variant runs in processes of its own, since nobody can take a provider back, and
rounds go through all variants in turn:

    off              metrics = false, spans = "none"
    counted          as it is without OpenTelemetry: everything is counted, nobody is told
    API only         OpenTelemetry's API is imported, and no provider set
    SDK metrics      its SDK's meters, and no tracers
    SDK unsampled    its SDK's tracers as well, and no trace is recorded
    SDK sampled      every trace is recorded, and exported to nobody

Each is measured with plain calls, as nearly all are, and with calls over httpx's road ("long"), where the driver of
retries tells of every attempt. "Note" is the counter alone: what it costs to note one plain call.

"Inbound" is the middleware around an application that answers at once, without a server: ten times as many requests
with a traceparent and a deadline, by the defaults and with everything on (limit, max_lag, load report, and listening
for callers that go).

`--quick` makes 1,000 calls in 3 rounds. The report is printed, and kept as benchmarks/results/telemetry.md if it has at
least three rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    import meshclient
    from meshclient.integrations.asgi import Application, Message, Receive, Send

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "telemetry.md"
VARIANTS = ("off", "counted", "API only", "SDK metrics", "SDK unsampled", "SDK sampled")
INBOUND = ("ASGI bare", "ASGI", "ASGI, all", "WSGI bare", "WSGI", "WSGI, all")
TITLES = {
    "plain": "Plain calls",
    "long": "Calls over httpx's road",
    "note": "Note: the counter alone",
    "inbound": "Inbound: the middleware alone",
}
ROUNDS, CALLS = 7, 3000
QUICK_ROUNDS, QUICK_CALLS = 3, 1000
KEPT_FROM = 3  # rounds: fewer are a trial
NOTES = 200_000
FIELDS = {
    "host": "orders",
    "user-agent": "benchmark",
    "accept": "*/*",
    "accept-encoding": "gzip",
    "connection": "keep-alive",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "mesh-timeout": "900m",
}


def prepare(variant: str) -> None:
    """Bring OpenTelemetry into this process as far as the variant says."""
    if variant in {"off", "counted"}:
        return
    from opentelemetry import metrics, trace

    if variant == "API only":
        return
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    metrics.set_meter_provider(MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False))
    if variant == "SDK metrics":
        return
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

    sampler = ALWAYS_OFF if variant == "SDK unsampled" else ALWAYS_ON
    trace.set_tracer_provider(TracerProvider(sampler, shutdown_on_exit=False))


def client_of(variant: str, road: str, origin: str) -> meshclient.AsyncClient:
    """A client of its own mesh, which stays open: the process ends with the sample."""
    import meshclient

    service: dict[str, object] = {"endpoints": [origin]}
    if road == "long":
        # A limit is what the short road leaves to the driver.
        service["limit"] = {"concurrency": 256}
    telemetry = {"metrics": variant != "off", "spans": "none" if variant == "off" else "attempts"}
    return meshclient.AsyncClient(mesh=meshclient.Mesh(services={"orders": service}, telemetry=telemetry))


async def call(variant: str, road: str, origin: str, calls: int) -> float:
    async with client_of(variant, road, origin) as http:
        for _ in range(200):
            await http.get("http://orders/orders/42")
        begin = time.process_time()
        for _ in range(calls):
            if len((await http.get("http://orders/orders/42")).content) != 100:
                raise AssertionError
        return (time.process_time() - begin) / calls * 1e6


def note(variant: str) -> float:
    """Microseconds to note one plain call."""
    if variant == "off":
        return 0.0
    from meshclient.telemetry.calls import CallMeter

    meter = CallMeter("orders")
    count = NOTES // 20 if variant.startswith("SDK") else NOTES
    begin = time.process_time()
    for _ in range(count):
        meter.called("GET", 200, 0.0123, 80, "1.1")
    return (time.process_time() - begin) / count * 1e6


async def serve_asgi(variant: str, requests: int) -> float:
    from meshclient.integrations.asgi import MeshMiddleware

    async def bare(_scope: Message, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(_message: Message) -> None:
        pass

    app: Application = bare
    if variant == "ASGI":
        app = MeshMiddleware(bare)
    elif variant != "ASGI bare":
        # No lag that this program could have refuses anything.
        app = MeshMiddleware(bare, limit=64, max_lag=60.0, load_report=True, disconnect=True)
    headers = [(name.encode(), value.encode()) for name, value in FIELDS.items()]
    scope: Message = {"type": "http", "method": "GET", "path": "/orders/42", "headers": headers, "query_string": b""}
    for _ in range(1000):
        await app(scope, receive, send)
    # What the imports have left is looked through by the collector now, and not in one of the variants.
    gc.collect()
    begin = time.process_time()
    for at in range(requests):
        await app(scope, receive, send)
        if not at % 100:
            # As a server would, so that the loop's timer runs.
            await asyncio.sleep(0)
    return (time.process_time() - begin) / requests * 1e6


def serve_wsgi(variant: str, requests: int) -> float:
    from meshclient.integrations.wsgi import MeshMiddleware

    def bare(_environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [])
        return [b"ok"]

    def start(_status: str, _headers: object, _error: object = None) -> Callable[[bytes], object]:
        return print

    app: WSGIApplication = bare
    if variant == "WSGI":
        app = MeshMiddleware(bare)
    elif variant != "WSGI bare":
        app = MeshMiddleware(bare, limit=64, load_report=True)
    fields = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in FIELDS.items()}
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/orders/42", "QUERY_STRING": "", **fields}
    for _ in range(1000):
        app(environ, start)
    gc.collect()
    begin = time.process_time()
    for _ in range(requests):
        app(environ, start)
    return (time.process_time() - begin) / requests * 1e6


def measure(variant: str, road: str, origin: str, calls: int) -> float:
    if road == "inbound":
        requests = 10 * calls
        return asyncio.run(serve_asgi(variant, requests)) if "ASGI" in variant else serve_wsgi(variant, requests)
    prepare(variant)
    return note(variant) if road == "note" else asyncio.run(call(variant, road, origin, calls))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_CALLS} calls in {QUICK_ROUNDS} rounds")
    parser.add_argument("--calls", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--one", nargs=3, metavar=("VARIANT", "ROAD", "ORIGIN"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    calls = given.calls or (QUICK_CALLS if given.quick else CALLS)
    rounds = given.rounds or (QUICK_ROUNDS if given.quick else ROUNDS)
    if given.one:
        variant, road, origin = given.one
        print(measure(variant, road, origin, calls))
        return
    backend = subprocess.Popen(
        [sys.executable, str(HERE / "_backend.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert backend.stdout is not None
    assert backend.stdin is not None
    try:
        origin = f"http://127.0.0.1:{int(backend.stdout.readline())}"
        text = "\n".join(report(origin, calls, rounds)) + "\n"
    finally:
        backend.stdin.close()
        backend.wait(10)
    print(text)
    if rounds >= KEPT_FROM:
        RESULTS.write_text(text, "utf-8")


def report(origin: str, calls: int, rounds: int) -> Iterator[str]:
    """In Markdown."""
    yield "# What telemetry and the middleware cost"
    yield ""
    yield (
        f"Made by `python benchmarks/telemetry.py`: {rounds} rounds of {calls} calls each, every one in a process "
        f"of its own. {os.cpu_count()} cores, Python {platform.python_version()}, {platform.platform(terse=True)}."
    )
    yield ""
    yield "CPU of the calling process in us a call: medians over the rounds with the lowest and the highest, and the"
    yield "median of what a round had more than in its first row, or with the bare application. How to read it: the"
    yield "program's head."
    for road, title in TITLES.items():
        yield ""
        yield f"## {title}"
        yield ""
        yield "| | CPU us | more |"
        yield "|---|---:|---:|"
        yield from table(road, origin, calls, rounds)


def table(road: str, origin: str, calls: int, rounds: int) -> Iterator[str]:
    variants = INBOUND if road == "inbound" else VARIANTS
    taken: dict[str, list[float]] = {variant: [] for variant in variants}
    for number in range(rounds):
        print(f"{road}: round {number + 1} of {rounds}", file=sys.stderr)
        for variant in variants:
            argv = [sys.executable, __file__, "--calls", str(calls), "--one", variant, road, origin]
            done = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=120)
            taken[variant].append(float(done.stdout))
    base = taken[variants[0]]
    for variant, times in taken.items():
        if variant.endswith("bare"):
            base = times
        more = statistics.median(own - off for own, off in zip(times, base, strict=True))
        spread = f"{statistics.median(times):.1f} ({min(times):.1f}-{max(times):.1f})"
        yield f"| {variant} | {spread} | {more:+.1f} |"


if __name__ == "__main__":
    main()
