"""What is printed and kept: every cell with its spread, and the goals with what was measured."""

from __future__ import annotations

import os
import platform
import statistics
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from _clients.cell import TITLES, Cell, Result
from _clients.goal import GOALS, IDLE
from _clients.workload import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from _clients.rounds import Course

# fmt: off
PACKAGES = (
    "httpx", "httpcore", "sniffio", "httpx2", "aiohttp", "pyqwest", "tenacity", "pybreaker", "uvloop", "httptools",
    "msgspec",
)
# fmt: on
UNITS = {"async": "tasks", "sync": "threads"}


def report(course: Course, groups: Sequence[Sequence[Cell]]) -> str:
    """In Markdown."""
    lines = ["# HTTP clients side by side", "", *_conditions(course), "", *_goals(course), ""]
    for group in groups:
        if group[0] != IDLE:
            lines += [*_group(course, group), ""]
    if course.missing:
        lines += ["## Not measured", "", *_missing(course), ""]
    return "\n".join(lines)


def _conditions(course: Course) -> Iterator[str]:
    cores = "the same core" if course.core is None else f"core {course.core}, the backend on another"
    yield (
        f"{len(course.rounds)} rounds of {course.seconds:g} s a cell, loop {course.loop}, measured process on {cores}; "
        f"{course.backend.says}. {processor()}, Python {platform.python_version()}, Linux {platform.release()}."
    )
    yield ""
    versions = [f"{name} {version}" for name in PACKAGES if (version := _version(name))]
    yield f"{', '.join(versions)}."
    yield ""
    yield "Medians over the rounds, with the lowest and the highest. How to read them: `benchmarks/README.md`."


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{next(iter(names), platform.machine())}, {os.cpu_count()} cores"


def _goals(course: Course) -> Iterator[str]:
    yield "## Must reach, aim, measured"
    yield ""
    yield "| | must | aim | measured | reached |"
    yield "|---|---|---|---|---|"
    for goal in GOALS:
        values = goal.values(course.rounds)
        bound = ">=" if goal.least else "<="
        aim = "" if goal.aim is None else f"{bound} {goal.aim:g}{goal.unit}"
        if values:
            median = statistics.median(values)
            measured = f"{_short(median)}{goal.unit} ({_short(min(values))}-{_short(max(values))})"
            reached = goal.reached(median)
        else:
            measured, reached = _why(course, goal.cells), "?"
        yield f"| {goal.says} | {bound} {goal.must:g}{goal.unit} | {aim} | {measured} | {reached} |"


def _why(course: Course, cells: Sequence[Cell]) -> str:
    reasons = [course.missing[cell] for cell in cells if cell in course.missing]
    return next(iter(reasons), "not asked for")


def _missing(course: Course) -> Iterator[str]:
    for why in dict.fromkeys(course.missing.values()):
        cells = [str(cell) for cell, reason in course.missing.items() if reason == why]
        yield f"- {why}: {', '.join(cells)}"


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _group(course: Course, group: Sequence[Cell]) -> Iterator[str]:
    first = group[0]
    yield f"## {WORKLOADS[first.workload].says}; {first.colour}, {first.concurrency} {UNITS[first.colour]}"
    yield ""
    yield "| client | CPU us a call | / httpx | / aiohttp | calls/s | p50 us | p99 us | RSS MB | connections |"
    yield "|---|---|---|---|---|---|---|---|---|"
    found = {cell: [results[cell] for results in course.rounds if cell in results] for cell in group}
    for cell in sorted((cell for cell in group if found[cell]), key=lambda cell: _median(found[cell], _cpu)):
        results = found[cell]
        columns = [
            TITLES[cell.row],
            _spread([each.cpu for each in results]),
            _ratio(course, cell, "httpx"),
            _ratio(course, cell, "aiohttp"),
            _spread([each.rate for each in results]),
            _short(_median(results, lambda each: each.p50)),
            _spread([each.p99 for each in results]),
            _short(_median(results, lambda each: each.memory)),
            _short(_median(results, lambda each: each.connections)),
        ]
        yield f"| {' | '.join(columns)} |"


def _cpu(result: Result) -> float:
    return result.cpu


def _median(results: Sequence[Result], value: Callable[[Result], float]) -> float:
    return statistics.median(value(each) for each in results)


def _spread(values: Sequence[float]) -> str:
    return f"{_short(statistics.median(values))} ({_short(min(values))}-{_short(max(values))})"


def _ratio(course: Course, cell: Cell, row: str) -> str:
    base = Cell(cell.colour, cell.workload, row, cell.concurrency)
    values = [each[cell].cpu / each[base].cpu for each in course.rounds if cell in each and base in each]
    return _spread(values) if values and cell != base else ""
