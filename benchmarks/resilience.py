"""What the default policies do in each scenario of the simulator, over 20 seeds, against what is wanted of them.

    python benchmarks/resilience.py [--seeds 20] [--schedules 1000000] [--jobs 2] [--only NAME ...] [--write]

The policies, the balancer and the exchange are those of production; time, the network and the instances are simulated
(`meshclient.testing.simulate`), so the result depends on the seeds alone and not on the machine. ``--schedules`` also
makes about so many calls to which everything happens at once, by chance (`meshclient.testing.simulate.chaos`), and
counts what they held and did not give back. ``--write`` puts the table into benchmarks/results/resilience.md.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from math import isfinite
from pathlib import Path
from statistics import median

from meshclient.config.shape import ServiceConfig
from meshclient.testing.simulate.chaos import aftermath
from meshclient.testing.simulate.scenarios.catalogue import SCENARIOS

RESULT = Path(__file__).parent / "results" / "resilience.md"
METHOD = """\
# Resilience, simulated

Made by `python benchmarks/resilience.py --schedules 1000000 --write`.

Method. Each scenario runs in virtual time with the configuration that holds where nobody says anything; what a scenario
sets itself is said there (`src/meshclient/testing/simulate/scenarios`). Balancer, ejection, budget, retries and the
exchange are the objects of production. Calls arrive as a Poisson process and do not wait for each other, so a pause
shows in the latencies of all who come during it. A healthy instance answers in a lognormal time with a median of 10 ms
and a 99th percentile of 25 ms. A fault begins after some seconds of calm; "after settling" leaves out the time
that the wish allows. Calls that a client process makes are all counted, failed ones with the time they took. One seed
gives one result, on any machine: {seeds} seeds, 1 to {seeds}. A wish is met if it is met with every seed; the columns
show the median and the worst of what was measured.

The last row is about random schedules: configuration, faults, stalls of the caller, cancelled calls and replaced
instances are drawn from a seed, four seconds of trouble are followed by fourteen of rest, and then no call may fail, no
endpoint may count a call in flight or wait for its probe. Each call is one schedule.
"""


@dataclass(frozen=True)
class Row:
    """One wish of one scenario over all seeds."""

    scenario: str
    summary: str
    words: str
    middle: str
    worst: str
    met: int
    runs: int

    def line(self) -> str:
        """The row in Markdown."""
        verdict = "yes" if self.met == self.runs else f"no: {self.met} of {self.runs}"
        cells = (self.scenario, self.summary, self.words, self.middle, self.worst, verdict)
        return f"| {' | '.join(cells)} |"


def number(value: float) -> str:
    return f"{value:.3g}" if isfinite(value) else "never"


def rows(name: str, seeds: int) -> tuple[list[Row], int, float]:
    """The wishes of a scenario, how many calls were simulated, and the seconds of CPU that took."""
    scenario, began = SCENARIOS[name], time.process_time()
    results = [scenario.run(ServiceConfig(), seed) for seed in range(1, seeds + 1)]
    made = []
    for at, wish in enumerate(scenario.wishes):
        values = sorted(wish.measure(result) for result in results)
        met = sum(value <= wish.most for value in values)
        labels = ("", "") if at else (name, scenario.summary)
        made.append(Row(*labels, wish.words, number(median(values)), number(values[-1]), met, seeds))
    return made, sum(result.report.calls for result in results), time.process_time() - began


def schedules(seeds: range) -> tuple[int, list[str]]:
    """Calls made, and what they lost."""
    calls, losses = 0, []
    for seed in seeds:
        found = aftermath(seed)
        calls += found.calls
        losses += [f"seed {seed}: {loss}" for loss in found.losses]
    return calls, losses


def random_row(pool: ProcessPoolExecutor, wanted: int) -> Row:
    """At least `wanted` random schedules."""
    calls, losses, step = 0, list[str](), 25
    batches = (range(first, first + step) for first in count(0, step))
    while calls < wanted:
        for made, lost in pool.map(schedules, islice(batches, 8)):
            calls, losses = calls + made, losses + lost
    for loss in losses:
        print(loss)
    summary = f"{calls:,} random schedules of cancels, outcomes, stalls and changes"
    return Row("schedules", summary, "lost or wedged: 0", "", str(len(losses)), int(not losses), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--schedules", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", nargs="*", choices=list(SCENARIOS), metavar="NAME", default=list(SCENARIOS))
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    lines = [
        "| scenario | what happens | wanted | median | worst | met? |",
        "|---|---|---|---:|---:|---|",
    ]
    calls, seconds = 0, 0.0
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for made, made_calls, made_seconds in pool.map(partial(rows, seeds=arguments.seeds), arguments.only):
            lines += [row.line() for row in made]
            calls, seconds = calls + made_calls, seconds + made_seconds
        lines += [random_row(pool, arguments.schedules).line()] if arguments.schedules else []
    print("\n".join(lines))
    print(f"\n{calls} calls in {seconds:.1f} s of CPU: {seconds / calls * 1e6:.0f} us each")
    if arguments.write:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text("\n".join([METHOD.format(seeds=arguments.seeds), *lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
