"""What telling of calls costs them.

    python benchmarks/telemetry.py [--calls 3000] [--rounds 7]

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
retries tells of every attempt. The last lines are the counter alone: what it costs to note one plain call.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import meshclient

HERE = Path(__file__).resolve().parent
VARIANTS = ("off", "counted", "API only", "SDK metrics", "SDK unsampled", "SDK sampled")
ROADS = ("plain", "long")
NOTES = 200_000


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


def measure(variant: str, road: str, origin: str, calls: int) -> float:
    prepare(variant)
    return note(variant) if road == "note" else asyncio.run(call(variant, road, origin, calls))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--one", nargs=3, metavar=("VARIANT", "ROAD", "ORIGIN"), help="one sample, for the rounds")
    given = parser.parse_args()
    if given.one:
        variant, road, origin = given.one
        print(measure(variant, road, origin, given.calls))
        return
    backend = subprocess.Popen(
        [sys.executable, str(HERE / "_backend.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert backend.stdout is not None
    assert backend.stdin is not None
    try:
        origin = f"http://127.0.0.1:{int(backend.stdout.readline())}"
        for road in (*ROADS, "note"):
            print_road(road, origin, given.calls, given.rounds)
    finally:
        backend.stdin.close()
        backend.wait(10)


def print_road(road: str, origin: str, calls: int, rounds: int) -> None:
    taken: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    for _ in range(rounds):
        for variant in VARIANTS:
            argv = [sys.executable, __file__, "--calls", str(calls), "--one", variant, road, origin]
            done = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=120)
            taken[variant].append(float(done.stdout))
    print(f"\n{road}")
    base = taken["off"]
    for variant, times in taken.items():
        more = statistics.median(own - off for own, off in zip(times, base, strict=True))
        print(f"  {variant:14} {statistics.median(times):7.1f} us ({min(times):.1f}-{max(times):.1f}), {more:+.1f} us")


if __name__ == "__main__":
    main()
