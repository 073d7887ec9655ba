"""What the default policies do in trouble with real instances on loopback sockets, against what is wanted of them.

    python benchmarks/resilience_live.py [--rounds 5] [--rates 40,100,150,200,300] [--only NAME ...] [--write]

The scenarios are those with real servers of `tests/integration/live_scenarios.py`; `benchmarks/resilience.py` has the
simulated ones. ``--write`` puts the table into benchmarks/results/resilience_live.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests")]

from integration.live import Pace  # noqa: E402 - found by the line above
from integration.live_scenarios import SCENARIOS, Finding  # noqa: E402 - likewise

RESULT = HERE / "results" / "resilience_live.md"
CALM, AFTER = 5.0, 6.0
METHOD = """\
# Resilience on real sockets

Made by `python benchmarks/resilience_live.py --write`.

Method. One asynchronous client (`meshclient.AsyncClient`) with the configuration that holds where nobody says
anything, except that attempts have 1 s where instances hang. The instances are listeners of another process on
127.0.0.1 that answer in a lognormal time with a median of 10 ms and a 99th percentile of 25 ms. Calls arrive as a
Poisson process and do not wait for each other; a call's latency counts from when it was due, so that a client that is
late shows. A fault begins after {calm:g} s of calm and is looked at for {after:g} s (`all_bad` and `slow_one`: twice
that) once the time is over in which it has to be dealt with. In `rolling`, each instance ends as on SIGTERM {gone:g}
s before the list says so. In `post_resets`, a connection is reset after the request was executed, and the instances
count executions by request. Every scenario runs once in each round, with a seed and a rate of its own ({rates} calls
a second). A wish is met if it is met in every round; the columns show the median and the worst. Clients, instances
and whatever else ran shared {cores} cores; the load average when the rounds began was {load}.

What the machine does to it: shares, failures and executions depend on decisions alone. Latencies also depend on who
else runs; the 99th percentile without the fault, beside which they are put, is taken in the same run, and in
`slow_one` at the same time: half of the calls go to eight other instances that are well.
"""


@dataclass
class Row:
    """One wish of one scenario over all rounds."""

    scenario: str
    wish: str
    findings: list[Finding] = field(default_factory=list)

    def line(self) -> str:
        """The row in Markdown."""
        values = sorted(finding.value for finding in self.findings)
        met = sum(finding.met for finding in self.findings)
        verdict = "yes" if met == len(values) else f"no: {met} of {len(values)}"
        worst = max(self.findings, key=lambda finding: finding.value - finding.most)
        cells = (self.scenario, self.wish, f"{median(values):.3g}", f"{worst.value:.3g}", verdict, worst.detail)
        return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rates", default="40,100,150,200,300")
    parser.add_argument("--only", nargs="*", choices=list(SCENARIOS), metavar="NAME", default=list(SCENARIOS))
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    rates = [float(rate) for rate in arguments.rates.split(",")]
    rows: dict[tuple[str, str], Row] = {}
    loads = []
    for turn in range(arguments.rounds):
        loads.append(f"{os.getloadavg()[0]:.1f}")
        pace = Pace(rates[turn % len(rates)], CALM, AFTER)
        for name in arguments.only:
            scenario = SCENARIOS[name]
            for finding in asyncio.run(scenario(pace, turn + 1)):
                words = (scenario.__doc__ or "").rstrip(".")
                row = rows.setdefault((name, finding.wish), Row(f"{name}: {words}", finding.wish))
                row.findings.append(finding)
                verdict = "yes" if finding.met else "NO"
                print(
                    f"{turn + 1} {name:12} {finding.wish}: {finding.value:.3g} {verdict} ({finding.detail})", flush=True
                )
    lines = ["| scenario | wanted | median | worst | met? | the worst round |", "|---|---|---:|---:|---|---|"]
    lines += [row.line() for row in rows.values()]
    print("\n".join(lines))
    if arguments.write:
        used = ", ".join(f"{rates[turn % len(rates)]:g}" for turn in range(arguments.rounds))
        method = METHOD.format(
            calm=CALM, after=AFTER, gone=AFTER / 10, rates=used, cores=os.cpu_count(), load=", ".join(loads)
        )
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text("\n".join([method, *lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    os.environ.pop("MESHCLIENT_CONFIG", None)
    main()
