"""Running the cells: each in a process of its own, all of them once a round, in an order that moves on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from _clients import idle, worker
from _clients.cell import ASYNC_ONLY, CONCURRENCY, ROWS, Cell, Result
from _clients.goal import CALM, CROWDED, GOALS, IDLE
from _clients.site import Site
from _clients.workload import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from _clients.backend import Backend

PATIENCE = 60.0


@dataclass(slots=True)
class Course:
    """A run of several rounds.

    Args:
        python: the interpreter that the peers are installed for.
        script: what it runs, with ``--cell`` and an order in JSON.
        backend: what answers.
        seconds: of each measurement.
        loop: ``asyncio`` or ``uvloop``.
        core: that the measured process has for itself; None where there is just one.
    """

    python: str
    script: str
    backend: Backend
    seconds: float
    loop: str
    core: int | None
    rounds: list[dict[Cell, Result]] = field(default_factory=list)
    missing: dict[Cell, str] = field(default_factory=dict)

    def round(self, groups: Sequence[Sequence[Cell]]) -> None:
        """Measure all cells once more; those that cannot be are noted and left out from then on.

        Those of a group, which are compared with each other, follow each other; each round begins with another of them.
        """
        results: dict[Cell, Result] = {}
        for group in groups:
            begin = len(self.rounds) % len(group)
            for cell in [*group[begin:], *group[:begin]]:
                if cell in self.missing:
                    continue
                outcome = self.one(cell)
                if isinstance(outcome, Result):
                    results[cell] = outcome
                    say = f"{outcome.cpu:8.1f} us {outcome.rate:8.0f}/s {outcome.connections:5} connections"
                else:
                    self.missing[cell] = say = outcome
                print(f"  {cell!s:36} {say}", file=sys.stderr, flush=True)
        self.rounds.append(results)

    def one(self, cell: Cell) -> Result | str:
        """The result, or why there is none."""
        secure = cell.workload in WORKLOADS and WORKLOADS[cell.workload].secure
        if secure and not self.backend.secure:
            return "no TLS here"
        origins = self.backend.secure if secure else self.backend.plain
        site = Site(origins, self.backend.authority if secure else "")
        order = json.dumps([asdict(cell), asdict(site), self.seconds, self.loop, self.core])
        before = self.backend.connections()
        try:
            done = subprocess.run(
                [self.python, self.script, "--cell", order],
                capture_output=True, text=True, timeout=self.seconds + PATIENCE, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return "no end"
        if done.returncode:
            return next(iter(done.stderr.strip().splitlines()[-1:]), f"ended with {done.returncode}")
        result = Result(**json.loads(done.stdout.splitlines()[-1]))
        return replace(result, connections=self.backend.connections() - before - len(self.backend.counters))


def work(order: str) -> None:
    """In the measured process: do it and print the result."""
    cell, site, seconds, loop, core = json.loads(order)
    try:
        if cell["row"] == IDLE.row:
            result = idle.measured(site["origins"][0], cell["concurrency"], loop, core)
        else:
            result = worker.measured(Cell(**cell), Site(**site), seconds, loop, core)
    except Exception as exc:  # noqa: BLE001 - its last line is the report
        print(f"{type(exc).__name__}: {' '.join(str(exc).split())[:200]}", file=sys.stderr)
        os._exit(1)
    print(json.dumps(asdict(result)), flush=True)
    # Nothing that comes now is of interest, and hundreds of connections need not be closed one by one.
    os._exit(0)


def groups(rows: Sequence[str], concurrency: Sequence[int], *, quick: bool) -> list[list[Cell]]:
    """What to measure.

    Args:
        rows: which of them; all if empty.
        concurrency: instead of what is usual for each workload.
        quick: only what the goals need.
    """
    wanted = {cell for goal in GOALS for cell in goal.cells}
    found = []
    for group in _grid(concurrency):
        kept = [cell for cell in group if (not rows or cell.row in rows) and (not quick or cell in wanted)]
        if kept:
            found.append(kept)
    return found


def _grid(concurrency: Sequence[int]) -> Iterator[list[Cell]]:
    for (colour, workload), usual in CONCURRENCY.items():
        rows = [row for row in ROWS[workload] if colour == "async" or row not in ASYNC_ONLY]
        for count in concurrency or usual:
            yield [Cell(colour, workload, row, count) for row in rows]
            if (colour, workload, count) == ("async", "get", CROWDED) and not concurrency:
                yield [Cell(colour, workload, "client", CALM)]
    yield [IDLE]
