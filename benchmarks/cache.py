"""What a call costs that the cache answers, or has a part in, beside the same call without a cache.

    python benchmarks/cache.py [--quick] [--calls 5000] [--rounds 5] [--together 1000]

CPU time (user + system, all threads) of the calling process for each GET of 100 bytes; the backend is a process of its
own. Each measurement is a process, each round makes all of them in rotated order, and a ratio is taken inside a round.

- hit: what is fresh in memory, through a client, a channel, and a plain httpx client over our transport.
- miss: every URL is new, so that each response is kept, and room is made for it.
- revalidate: what is stale at once, so that each call is a 304.
- together: so many equal calls at one time, which make one call; the backend takes 50 ms. The peer makes all of them.

Every answer's length is checked, and after each measurement how often the backend was asked. `--quick` makes a fifth
of the calls in three rounds. The report is printed, and kept as benchmarks/results/cache.md if it has at least three
rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

import meshclient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

HERE = Path(__file__).resolve().parent
RESULT = HERE / "results" / "cache.md"
SIZE = 100
KEPT_FROM = 3  # rounds: fewer are a trial
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=None)
GOAL = 6.0  # us for a hit through the asynchronous channel
FACES = ("sync client", "sync channel", "async client", "async channel", "async httpx")

KINDS = ("hit", "miss", "revalidate", "together")


def services(origin: str, *, cached: bool) -> dict[str, Any]:
    cache = {"cache": {"kind": "private", "max_bytes": 16 * 2**20}} if cached else {}
    return {"orders": {"endpoints": [origin], "deadline": "60s", **cache}}


def path_of(kind: str, number: int) -> str:
    if kind == "revalidate":
        return "/validate"
    return f"/fresh/{number}" if kind == "miss" else ("/held/1" if kind == "together" else "/fresh/1")


def checked(response: httpx.Response) -> None:
    if len(response.content) != SIZE:
        raise AssertionError(response)


def blocking(face: str, kind: str, origin: str, calls: int, *, cached: bool) -> float:
    given = services(origin, cached=cached)
    with (
        meshclient.Mesh(services=given) as mesh,
        mesh.sync_channel("orders") as channel,
        meshclient.Client(services=given) as client,
    ):
        get = channel.get if face == "sync channel" else lambda path: client.get(f"http://orders{path}")
        for number in range(calls // 5):
            checked(get(path_of(kind, -number)))
        begin = time.process_time()
        for number in range(calls):
            checked(get(path_of(kind, number)))
        return (time.process_time() - begin) / calls


async def asynchronous(face: str, kind: str, origin: str, calls: int, *, cached: bool) -> float:
    given = services(origin, cached=cached)
    async with AsyncExitStack() as stack:
        mesh = stack.enter_context(meshclient.Mesh(services=given))
        get: Callable[[str], Awaitable[httpx.Response]]
        if face == "async channel":
            get = (await stack.enter_async_context(mesh.channel("orders"))).get
        else:
            client = await stack.enter_async_context(
                meshclient.AsyncClient(services=given, limits=LIMITS)
                if face == "async client"
                else httpx.AsyncClient(transport=meshclient.AsyncMeshTransport(mesh), timeout=60)
            )

            def get(path: str) -> Awaitable[httpx.Response]:
                return client.get(f"http://orders{path}")

        if kind == "together":
            begin = time.process_time()
            for response in await asyncio.gather(*(get(path_of(kind, 0)) for _ in range(calls))):
                checked(response)
            return (time.process_time() - begin) / calls
        for number in range(calls // 5):
            checked(await get(path_of(kind, -number)))
        begin = time.process_time()
        for number in range(calls):
            checked(await get(path_of(kind, number)))
        return (time.process_time() - begin) / calls


def worker(face: str, kind: str, origin: str, calls: int, cached: bool) -> dict[str, float]:  # noqa: FBT001 - from JSON
    before = count(origin)
    if face.startswith("sync"):
        seconds = blocking(face, kind, origin, calls, cached=cached)
    else:
        seconds = asyncio.run(asynchronous(face, kind, origin, calls, cached=cached))
    asked = count(origin) - before
    least = {"hit": 1, "together": 1, "revalidate": calls, "miss": calls}[kind]
    if cached and kind in {"hit", "together"} and asked != least:
        raise AssertionError(
            f"{face}, {kind}: the backend was asked {asked} times instead of {least}: is there a cache?"
        )
    return {"us": seconds * 1e6, "asked": asked}


def count(origin: str) -> int:
    return int(httpx.get(f"{origin}/count", trust_env=False).text)


def one(face: str, kind: str, origin: str, calls: int, *, cached: bool) -> dict[str, float]:
    command = [sys.executable, __file__, "--worker", json.dumps([face, kind, origin, calls, cached])]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    if done.returncode:
        sys.exit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def plan() -> list[tuple[str, str]]:
    return [(face, kind) for kind in KINDS for face in FACES if kind != "together" or face.startswith("async")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the calls, in three rounds")
    parser.add_argument("--calls", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--together", type=int, default=1000)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(worker(*json.loads(arguments.worker))))
        return
    calls = arguments.calls or (1000 if arguments.quick else 5000)
    count_of_rounds = arguments.rounds or (KEPT_FROM if arguments.quick else 5)
    cells = plan()
    rounds: list[dict[tuple[str, str, bool], dict[str, float]]] = []
    with ExitStack() as stack:
        origin = start_backend(stack)
        for turn in range(count_of_rounds):
            print(f"round {turn + 1} of {count_of_rounds}", file=sys.stderr)
            at = turn % len(cells)
            found = {}
            for face, kind in cells[at:] + cells[:at]:
                times = arguments.together if kind == "together" else calls
                for cached in (True, False):
                    found[face, kind, cached] = one(face, kind, origin, times, cached=cached)
            rounds.append(found)
    text = report(rounds, calls, arguments.together)
    print(text)
    if count_of_rounds >= KEPT_FROM:
        RESULT.write_text(text, "utf-8")


def start_backend(stack: ExitStack) -> str:
    process = subprocess.Popen(
        [sys.executable, str(HERE / "_cache_backend.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    stack.callback(process.wait, 10)
    assert process.stdin is not None
    assert process.stdout is not None
    stack.callback(process.stdin.close)
    return f"http://127.0.0.1:{int(process.stdout.readline())}"


def report(rounds: list[dict[tuple[str, str, bool], dict[str, float]]], calls: int, together: int) -> str:
    """In Markdown."""
    lines = [
        "# Calls that the cache has a part in",
        "",
        (
            f"Made by `python benchmarks/cache.py`: {len(rounds)} rounds of {calls} calls a measurement, {together} at "
            f"a time for `together`. Python {platform.python_version()}, Linux {platform.release()}, {os.cpu_count()} "
            "cores."
        ),
        "",
        "Microseconds of CPU a call, and their ratio to the same call without a cache: medians over the rounds, with",
        "the lowest and the highest. What is measured: the head of `benchmarks/cache.py`.",
        "",
        "| call | through | us of CPU | ratio | backend asked |",
        "|---|---|---:|---:|---:|",
    ]
    for face, kind in plan():
        with_cache = [each[face, kind, True]["us"] for each in rounds]
        ratios = [each[face, kind, True]["us"] / each[face, kind, False]["us"] for each in rounds]
        asked = rounds[-1][face, kind, True]["asked"]
        cost = f"{statistics.median(with_cache):.1f} ({min(with_cache):.1f}-{max(with_cache):.1f})"
        ratio = f"{statistics.median(ratios):.3f} ({min(ratios):.3f}-{max(ratios):.3f})"
        lines.append(f"| {kind} | {face} | {cost} | {ratio} | {asked:.0f} |")
    hit = statistics.median([each["async channel", "hit", True]["us"] for each in rounds])
    wanted = f"at most {GOAL:g} us wanted: {'met' if hit <= GOAL else 'MISSED'}"
    return "\n".join([*lines, "", f"A hit through the asynchronous channel: {hit:.1f} us; {wanted}.", ""])


if __name__ == "__main__":
    os.environ.pop("MESHCLIENT_CONFIG", None)
    main()
