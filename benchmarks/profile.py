"""Where the microseconds of a plain meshclient call go.

    python benchmarks/profile.py [--rounds 5] [--seconds 1] [--loop uvloop] [--concurrency 1,10]

A tracing profiler makes short functions look dear, so that two other ways are taken:

1. The layers are measured apart from each other, each with those below it and in a process of its own: what one adds
   is the difference to the one before, taken inside a round.
2. The whole call is looked at every millisecond of CPU, or as often as the kernel's clock lets, and not touched in
   between; each look counts for the layer whose code runs. A write belongs to who calls it, its kernel time included.
   Function calls are counted apart from that; they tell in which layer there is something to remove.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from _clients import rung, trace
from _clients.backend import serving
from _clients.cell import Cell, Result
from _clients.site import Site

if TYPE_CHECKING:
    from collections.abc import Sequence

    from _clients.backend import Backend

PEERS = Path(__file__).resolve().parent.parent / ".venv-bench" / "bin" / "python"
CONCURRENCY = {"async": (1, 10), "sync": (1, 10)}
PATIENCE = 60.0


def work(order: str) -> None:
    """In the measured process."""
    what, *arguments = json.loads(order)
    if what == "trace":
        site, *others = arguments
        print(json.dumps(trace.traced(Site(**site), *others)), flush=True)
    else:
        cell, site, *others = arguments
        print(json.dumps(asdict(rung.measured(Cell(**cell), Site(**site), *others))), flush=True)
    os._exit(0)


def asked(*order: object) -> dict[str, object] | str:
    """What a measured process says, or why it does not."""
    command = [sys.executable, __file__, "--order", json.dumps(order)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode:
        return next(iter(done.stderr.strip().splitlines()[-1:]), f"ended with {done.returncode}")[:200]
    said: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return said


def ladder(colour: str, count: int, site: Site, rounds: int, settings: Sequence[object]) -> None:
    rungs = rung.LADDERS[colour]
    taken: list[dict[str, Result]] = []
    missing: dict[str, str] = {}
    for _ in range(rounds):
        results = {}
        for name in rungs:
            said = asked("rung", asdict(Cell(colour, "get", name, count)), asdict(site), *settings)
            if isinstance(said, str):
                missing[name] = said
            else:
                results[name] = Result(**said)  # type: ignore[arg-type]
        taken.append(results)
    print(f"\n{colour}, {count} {'tasks' if colour == 'async' else 'threads'}: CPU us a call")
    print(f"  {'':46} {'in all':>8} {'kernel':>8} {'adds':>8}")
    below = ""
    for name, (says, _) in rungs.items():
        found = [each[name] for each in taken if name in each]
        if not found:
            print(f"  {says:46} {missing.get(name, '')}")
            continue
        adds = [each[name].cpu - each[below].cpu for each in taken if name in each and below in each]
        added = f"{statistics.median(adds):8.1f} ({min(adds):.1f} to {max(adds):.1f})" if adds else ""
        cpu, system = (statistics.median(getattr(each, field) for each in found) for field in ("cpu", "system"))
        print(f"  {says:46} {cpu:8.1f} {system:8.1f} {added}")
        # What only changes the way in is compared with the plain call, not with each other.
        if says.startswith(("+", "kernel")):
            below = name


def looked(count: int, site: Site, settings: Sequence[object]) -> None:
    seconds, *others = settings
    said = asked("trace", asdict(site), count, seconds, *others)
    if isinstance(said, str):
        print(f"\nnot looked at: {said}")
        return
    print(f"\nasync, {count} tasks, the whole call: {said['samples']} looks")
    for title, key, form in (
        ("where the time goes", "times", "{:7.1%}"),
        ("the lines it goes to", "lines", "{:7.1%}"),
        ("functions called in one call", "called", "{:7.1f}"),
    ):
        print(f"  {title}")
        shares = said[key]
        assert isinstance(shares, dict)
        for name, share in shares.items():
            print(f"    {form.format(share)} {name}")


def profile(backend: Backend, arguments: argparse.Namespace, core: int | None) -> None:
    site = Site(backend.plain, "")
    settings = (arguments.seconds, arguments.loop, core)
    counts = [int(each) for each in filter(None, arguments.concurrency.split(","))]
    print(f"loop {arguments.loop}, {arguments.rounds} rounds of {arguments.seconds:g} s; medians (lowest to highest)")
    for colour, usual in CONCURRENCY.items():
        for count in counts or usual:
            ladder(colour, count, site, arguments.rounds, settings)
    for count in counts or CONCURRENCY["async"]:
        looked(count, site, settings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    parser.add_argument("--concurrency", default="", help="tasks and threads, instead of 1 and 10")
    parser.add_argument("--order", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.order:
        work(arguments.order)
    if PEERS.exists() and Path(sys.prefix).resolve() != PEERS.parents[1].resolve():
        os.execv(PEERS, [str(PEERS), __file__, *sys.argv[1:]])
    cores = sorted(os.sched_getaffinity(0))
    alone = len(cores) > 1
    with serving(sys.executable, cores[0] if alone else None) as backend:
        profile(backend, arguments, cores[-1] if alone else None)


if __name__ == "__main__":
    main()
