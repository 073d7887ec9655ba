"""What a call through the mesh costs beside the same call through bare httpx.

    python benchmarks/call.py [--calls 3000] [--rounds 7] [--concurrency 1,10]

CPU time (user + system, all threads) of the calling process for each GET of 100 bytes over kept-alive loopback
connections; the backends are processes of their own. Every round runs each variant once, in rotated order, and the
ratio is taken inside the round, so that a busy neighbour slows both sides of it. Bare httpx is at its best here:
sniffio is installed, and it talks to a single host.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

import meshclient

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).resolve().parent
ENDPOINTS = 3
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=None)
# (what it costs, beside what)
PAIRS = (
    ("sync mesh Client", "sync httpx"),
    ("sync MeshTransport", "sync httpx"),
    ("async mesh AsyncClient", "async httpx"),
    ("async AsyncMeshTransport", "async httpx"),
)
VARIANTS = ("sync httpx", "sync mesh Client", "sync MeshTransport", "async httpx", "async mesh AsyncClient",
            "async AsyncMeshTransport")  # fmt: skip


def sync_client(variant: str, origins: list[str]) -> tuple[httpx.Client, str]:
    services = {"orders": {"endpoints": origins}}
    if variant == "sync httpx":
        return httpx.Client(limits=LIMITS), f"{origins[0]}/orders/42"
    if variant == "sync mesh Client":
        return meshclient.Client(services=services, limits=LIMITS), "http://orders/orders/42"
    transport = meshclient.MeshTransport(meshclient.Mesh(services=services), httpx.HTTPTransport(limits=LIMITS))
    return httpx.Client(transport=transport), "http://orders/orders/42"


def async_client(variant: str, origins: list[str]) -> tuple[httpx.AsyncClient, str]:
    services = {"orders": {"endpoints": origins}}
    if variant == "async httpx":
        return httpx.AsyncClient(limits=LIMITS), f"{origins[0]}/orders/42"
    if variant == "async mesh AsyncClient":
        return meshclient.AsyncClient(services=services, limits=LIMITS), "http://orders/orders/42"
    wire = httpx.AsyncHTTPTransport(limits=LIMITS)
    transport = meshclient.AsyncMeshTransport(meshclient.Mesh(services=services), wire)
    return httpx.AsyncClient(transport=transport), "http://orders/orders/42"


def measure_sync(variant: str, origins: list[str], calls: int, concurrency: int) -> float:
    client, url = sync_client(variant, origins)

    def work(count: int) -> None:
        for _ in range(count):
            if len(client.get(url).content) != 100:
                raise AssertionError

    def run(count: int) -> None:
        threads = [threading.Thread(target=work, args=(count // concurrency,)) for _ in range(concurrency)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    with client:
        return cpu_per_call(run, calls)


def cpu_per_call(run: Callable[[int], None], calls: int) -> float:
    run(calls // 5)
    begin = time.process_time()
    run(calls)
    return (time.process_time() - begin) / calls


async def measure_async(variant: str, origins: list[str], calls: int, concurrency: int) -> float:
    client, url = async_client(variant, origins)

    async def work(count: int) -> None:
        for _ in range(count):
            if len((await client.get(url)).content) != 100:
                raise AssertionError

    async def run(count: int) -> None:
        await asyncio.gather(*(work(count // concurrency) for _ in range(concurrency)))

    async with client:
        await run(calls // 5)
        begin = time.process_time()
        await run(calls)
        return (time.process_time() - begin) / calls


def worker(variant: str, origins: list[str], calls: int, concurrency: int) -> float:
    if variant.startswith("sync"):
        return measure_sync(variant, origins, calls, concurrency)
    return asyncio.run(measure_async(variant, origins, calls, concurrency))


def one(variant: str, origins: list[str], calls: int, concurrency: int) -> float:
    command = [sys.executable, __file__, "--worker", json.dumps([variant, origins, calls, concurrency])]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--concurrency", default="1,10")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(worker(*json.loads(arguments.worker)))
        return
    with ExitStack() as stack:
        origins = [start_backend(stack) for _ in range(ENDPOINTS)]
        for concurrency in map(int, arguments.concurrency.split(",")):
            rounds = []
            for turn in range(arguments.rounds):
                order = VARIANTS[turn % len(VARIANTS) :] + VARIANTS[: turn % len(VARIANTS)]
                rounds.append({variant: one(variant, origins, arguments.calls, concurrency) for variant in order})
            report(concurrency, rounds)


def start_backend(stack: ExitStack) -> str:
    process = subprocess.Popen(
        [sys.executable, str(HERE / "_backend.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    stack.callback(process.wait, 10)
    assert process.stdin is not None
    assert process.stdout is not None
    stack.callback(process.stdin.close)
    return f"http://127.0.0.1:{int(process.stdout.readline())}"


def report(concurrency: int, rounds: list[dict[str, float]]) -> None:
    print(f"concurrency {concurrency}, {len(rounds)} rounds; median (min-max)")
    for variant in VARIANTS:
        costs = [each[variant] * 1e6 for each in rounds]
        print(f"  {variant:26} {statistics.median(costs):7.0f} us CPU a call ({min(costs):.0f}-{max(costs):.0f})")
    for ours, theirs in PAIRS:
        ratios = [each[ours] / each[theirs] for each in rounds]
        print(f"  ratio {ours} / {theirs}: {statistics.median(ratios):.3f} ({min(ratios):.2f}-{max(ratios):.2f})")


if __name__ == "__main__":
    os.environ.pop("MESHCLIENT_CONFIG", None)
    main()
