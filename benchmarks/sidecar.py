"""The sidecar beside the proxies that one would use instead: CPU, rate, latency and memory of each.

    python benchmarks/sidecar.py [--quick] [--rows builtin,envoy] [--kinds get,paced] [--rounds 5] [--seconds 2]

Every cell of the tables (proxy, kind of load) is a fresh process with a core of its own; load and backend have another.
A round runs each cell once, and what is compared with each other one after the other. `--quick` leaves out what the
table "must reach, aim, measured" does not need. The report is printed, and kept as benchmarks/results/sidecar.md if it
has all rows and kinds and at least three rounds.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests")]

from _sidecar.backend import serving  # noqa: E402 - needs the path set before it
from _sidecar.cell import KINDS  # noqa: E402
from _sidecar.contestant import TITLES  # noqa: E402
from _sidecar.load import Load  # noqa: E402
from _sidecar.report import report  # noqa: E402
from _sidecar.rounds import Course  # noqa: E402

RESULTS = HERE / "results" / "sidecar.md"
ROUNDS, SECONDS = 5, 2.0
KEPT_FROM = 3  # rounds: fewer are a trial
# What the goals compare, and how.
NEEDED = ("builtin", "plane", "envoy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only what the goals need")
    parser.add_argument("--rows", default="", help=f"of {', '.join(TITLES)}")
    parser.add_argument("--kinds", default="", help=f"of {', '.join(KINDS)}")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement")
    arguments = parser.parse_args()
    rows = list(filter(None, arguments.rows.split(","))) or list(NEEDED if arguments.quick else TITLES)
    kinds = list(filter(None, arguments.kinds.split(","))) or list(KINDS)
    unknown = sorted({*rows} - {*TITLES} | {*kinds} - {*KINDS})
    if unknown:
        parser.error(f"no such row or kind: {', '.join(unknown)}")
    cores = sorted(os.sched_getaffinity(0))
    other, own = (cores[0], cores[-1]) if len(cores) > 1 else (None, None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving(folder, other) as backend:
            course = Course(backend, Load(other, folder), folder, own, arguments.seconds)
            for number in range(arguments.rounds):
                print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr)
                course.round(kinds, rows)
            text = report(course, kinds)
    print(text)
    if not (arguments.rows or arguments.kinds or arguments.quick) and arguments.rounds >= KEPT_FROM:
        RESULTS.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
