"""How soon a change of a registry is known, what watching costs, and whether a registry that hangs holds up others.

    python benchmarks/discovery.py [propagation] [watching] [hanging] [--only consul,etcd] [--changes 100]

propagation  From the moment a write is sent to the registry until the list that calls go by shows it: p50 and p99 over
             the changes, each an instance that comes or goes. A push registry is held against 500 ms; a polled one
             against its interval. The registries are real servers on loopback (``make servers`` installs them).
watching     50 services of 100 endpoints each watched in one process: memory over a process that watches nothing, and
             the share of a core while nothing changes; both processes run at the same time.
hanging      Calls to one service while the registries of others accept connections and never answer: the latest that
             the caller's event loop ran a timer, and its calls' median, with and without the hanging registries in the
             same interleaved run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests")]

import _registries as registries  # noqa: E402
from call import start_backend  # noqa: E402

import meshclient  # noqa: E402

if TYPE_CHECKING:
    from _registries import Registry

SERVICES, ENDPOINTS = 50, 100
SETTLE, IDLE = 3.0, 10.0
ROUNDS, CALLS = 5, 200
PART = ("propagation", "watching", "hanging")


def propagation(registry: Registry, changes: int) -> list[float]:
    """Seconds from each write to the snapshot that shows it."""
    times = []
    with meshclient.Mesh(registry.uri) as mesh:
        mesh.service("orders")
        registry.put(0)
        wait_for(mesh, 1)
        for change in range(changes):
            wanted = 2 - change % 2
            begin = time.perf_counter()
            (registry.put if wanted == 2 else registry.remove)(1)
            wait_for(mesh, wanted)
            times.append(time.perf_counter() - begin)
        registry.remove(0)
    return times


def wait_for(mesh: meshclient.Mesh, endpoints: int, limit: float = 60.0) -> None:
    """Block until the list of "orders" has this many endpoints."""
    watch, end = mesh.service("orders").watch, time.monotonic() + limit
    while len((seen := watch.snapshot).endpoints) != endpoints:
        if not watch.wait(seen, end - time.monotonic()):
            raise SystemExit(f"no change seen within {limit:g} s: {seen}")


def report_propagation(only: set[str], changes: int) -> None:
    print(f"propagation, {changes} changes; ms from the write to the list that calls go by")
    for name, start in registries.REGISTRIES.items():
        if only and name not in only:
            continue
        with ExitStack() as stack:
            try:
                registry = stack.enter_context(start())
            except registries.Missing as missing:
                print(f"  {name:12} not measured: {missing}")
                continue
            times = propagation(registry, changes if registry.interval is None else min(changes, 20))
        p99 = statistics.quantiles(times, n=100, method="inclusive")[98]
        bound = 0.5 if registry.interval is None else registry.interval
        kind = "push" if registry.interval is None else f"polled every {registry.interval:g} s"
        print(
            f"  {name:12} p50 {statistics.median(times) * 1e3:7.1f}  p99 {p99 * 1e3:7.1f}  "
            f"max {max(times) * 1e3:7.1f}  p99 / bound {p99 / bound:.2f}  "
            f"({kind}, {len(times)} changes, {registry.server})"
        )


def watch_many(uri: str) -> None:
    """In a process of its own: watch what `uri` lists, or nothing where it is empty, and print what that costs."""
    mesh = meshclient.Mesh(uri or "static://127.0.0.1:1")
    if uri:
        answers = mesh.warm(*(f"service-{number}" for number in range(SERVICES)), timeout=60)
        found = sum(len(snapshot.endpoints) for snapshot in answers.values())
        assert found == SERVICES * ENDPOINTS, f"{found} endpoints"
    time.sleep(SETTLE)
    begin = time.process_time()
    time.sleep(IDLE)
    resident = int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    print(json.dumps([resident, (time.process_time() - begin) / IDLE]))
    mesh.close()


def report_watching(only: set[str]) -> None:
    print(f"watching {SERVICES} services x {ENDPOINTS} endpoints; nothing changes for {IDLE:g} s")
    for name, fill in registries.CROWDS.items():
        if only and name not in only:
            continue
        with ExitStack() as stack:
            try:
                uri = stack.enter_context(fill(SERVICES, ENDPOINTS))
            except registries.Missing as missing:
                print(f"  {name:12} not measured: {missing}")
                continue
            workers = [worker("--watch", each) for each in (uri, "")]
            (watching, share), (idle, base) = (json.loads(each.communicate(timeout=180)[0]) for each in workers)
        print(
            f"  {name:12} {(watching - idle) / 2**20:5.1f} MiB over an idle process ({watching / idle:.2f} times its "
            f"{idle / 2**20:.0f} MiB), {share:.2%} of a core (idle {base:.2%})"
        )


def worker(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True)


async def calls_beside(origin: str, hanging: list[str]) -> tuple[float, float, float]:
    """Seconds: the latest timer at the start, the latest after that, the median call, beside registries that hang."""
    meshes = [meshclient.Mesh(uri) for uri in hanging]
    late = 0.0

    async def tick() -> None:
        nonlocal late
        while True:
            begin = time.perf_counter()
            await asyncio.sleep(0.001)
            late = max(late, time.perf_counter() - begin - 0.001)

    times = []
    async with meshclient.AsyncClient(services={"orders": {"endpoints": [origin]}}) as http:
        await http.get("http://orders/orders/42")
        ticker = asyncio.create_task(tick())
        for number, mesh in enumerate(meshes):
            mesh.service(f"stuck-{number}")
        # boto3 reads megabytes of JSON for its first client, which holds the interpreter's lock, thread or no thread.
        await asyncio.sleep(SETTLE)
        start, late = late, 0.0
        for _ in range(CALLS):
            begin = time.perf_counter()
            (await http.get("http://orders/orders/42")).raise_for_status()
            times.append(time.perf_counter() - begin)
            await asyncio.sleep(0.002)
        ticker.cancel()
    for mesh in meshes:
        await mesh.aclose()
    return start, late, statistics.median(times)


def report_hanging() -> None:
    with ExitStack() as stack:
        origin = start_backend(stack)
        deaf = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0), backlog=64)))
        silent = stack.enter_context(closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
        silent.bind(("127.0.0.1", 0))
        uris = registries.hanging(deaf.getsockname()[1], silent.getsockname()[1])
        alone, beside = [], []
        for _ in range(ROUNDS):
            alone.append(asyncio.run(calls_beside(origin, [])))
            beside.append(asyncio.run(calls_beside(origin, uris)))
    print(f"hanging, {ROUNDS} rounds of {CALLS} calls beside {len(uris)} registries that never answer")
    for what, rounds in (("alone", alone), ("beside", beside)):
        starts, lates, calls = ([seconds * 1e3 for seconds in column] for column in zip(*rounds, strict=True))
        print(
            f"  {what:7} latest timer {statistics.median(lates):5.2f} ms ({min(lates):.2f}-{max(lates):.2f}), "
            f"while the first questions are put {max(starts):.2f} ms; "
            f"median call {statistics.median(calls):5.2f} ms ({min(calls):.2f}-{max(calls):.2f})"
        )
    ratio = statistics.median(b[2] / a[2] for a, b in zip(alone, beside, strict=True))
    print(f"  ratio of median calls, beside / alone: {ratio:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="*", choices=[*PART, []], default=[])
    parser.add_argument("--only", default="", help="registries, separated by commas")
    parser.add_argument("--changes", type=int, default=100)
    parser.add_argument("--watch", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.watch is not None:
        watch_many(arguments.watch)
        return
    only = set(filter(None, arguments.only.split(",")))
    parts = arguments.part or PART
    if "propagation" in parts:
        report_propagation(only, arguments.changes)
    if "watching" in parts:
        report_watching(only)
    if "hanging" in parts:
        report_hanging()


if __name__ == "__main__":
    os.environ.pop("MESHCLIENT_CONFIG", None)
    main()
