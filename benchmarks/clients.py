"""meshclient beside the clients that one would use instead: CPU, rate, latency, memory and connections of each.

    make bench-setup                       once: the other clients, in an environment of their own
    python benchmarks/clients.py [--quick] [--rows client,httpx] [--rounds 5] [--seconds 1] [--loop uvloop]
                                 [--concurrency 1,10]

Every cell of the tables (client, workload, concurrency) is a process of its own with a core of its own; the backend has
another. A round runs each cell once, and what is compared with each other one after the other. `--quick` measures what
the table "must reach, aim, measured" needs and nothing else. The report is printed, and kept as
benchmarks/results/clients.md if it has all rows and at least three rounds.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from _clients.backend import serving
from _clients.cell import TITLES
from _clients.goal import IDLE
from _clients.report import report
from _clients.rounds import Course, groups, work

HERE = Path(__file__).resolve().parent
PEERS = HERE.parent / ".venv-bench" / "bin" / "python"
RESULTS = HERE / "results" / "clients.md"
ROUNDS, SECONDS = 5, 1.0
KEPT_FROM = 3  # rounds: fewer are a trial


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only what the goals need")
    parser.add_argument("--rows", default="", help=f"of {', '.join(TITLES)}, {IDLE.row}")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement")
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    parser.add_argument("--concurrency", default="", help="instead of what is usual for each workload")
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cell:
        work(arguments.cell)
    if PEERS.exists() and Path(sys.prefix).resolve() != PEERS.parents[1].resolve():
        os.execv(PEERS, [str(PEERS), __file__, *sys.argv[1:]])
    alone = find_spec("aiohttp") is None
    if alone:
        print("without other clients: `make bench-setup` installs them", file=sys.stderr)
    rows = list(filter(None, arguments.rows.split(",")))
    unknown = set(rows) - {*TITLES, IDLE.row}
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(TITLES)}, {IDLE.row}")
    counts = [int(each) for each in filter(None, arguments.concurrency.split(","))]
    plan = groups(rows, counts, quick=arguments.quick)
    cores = sorted(os.sched_getaffinity(0))
    with serving(sys.executable, cores[0] if len(cores) > 1 else None) as backend:
        core = cores[-1] if len(cores) > 1 else None
        course = Course(sys.executable, __file__, backend, arguments.seconds, arguments.loop, core)
        for number in range(arguments.rounds):
            print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr)
            course.round(plan)
        text = report(course, plan)
    print(text)
    if not (alone or rows or counts) and arguments.rounds >= KEPT_FROM:
        RESULTS.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
