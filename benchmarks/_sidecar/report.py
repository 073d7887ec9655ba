"""What is printed and kept: every cell with its spread, and the goals with what was measured."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from _clients.report import processor

from _sidecar.cell import KINDS, Cell, Result
from _sidecar.contestant import TITLES, version
from _sidecar.goal import GOALS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from _sidecar.rounds import Course

_TITLES = {**TITLES, "direct": "no proxy"}


def report(course: Course, kinds: Sequence[str]) -> str:
    """In Markdown."""
    lines = ["# Proxies side by side", "", *_conditions(course), "", *_goals(course), ""]
    for kind in kinds:
        lines += [*_kind(course, kind), ""]
    if course.missing:
        lines += ["## Not measured", "", *(f"- {cell}: {why}" for cell, why in course.missing.items()), ""]
    return "\n".join(lines)


def _conditions(course: Course) -> Iterator[str]:
    cores = "the same core" if course.core is None else f"core {course.core}, load and backend on another"
    yield (
        f"{len(course.rounds)} rounds of {course.seconds:g} s a cell, the measured proxy on {cores}. "
        f"Load: {course.load.says}. Backend: nginx. {processor()}."
    )
    yield ""
    yield f"{'; '.join(filter(None, map(version, TITLES)))}."
    yield ""
    yield "Medians over the rounds, with the lowest and the highest. How to read them: `benchmarks/README.md`."


def _goals(course: Course) -> Iterator[str]:
    yield "## Must reach, aim, measured"
    yield ""
    yield "| | must | aim | measured | reached |"
    yield "|---|---|---|---|---|"
    for goal in GOALS:
        values = goal.values(course.rounds)
        bound = ">=" if goal.least else "<="
        if values:
            measured, reached = f"{_spread(values)}{goal.unit}", goal.reached(statistics.median(values))
        else:
            why = next((course.missing[cell] for cell in goal.cells if cell in course.missing), "not asked for")
            measured, reached = why[:80], "?"
        aim = "" if goal.aim is None else f"{bound} {goal.aim:g}{goal.unit}"
        bounds = f"{bound} {goal.must:g}{goal.unit} | {aim}"
        yield f"| {goal.says} | {bounds} | {measured} | {reached} |"


def _kind(course: Course, kind: str) -> Iterator[str]:
    says, connections, rows = KINDS[kind]
    found = {row: [each[Cell(kind, row)] for each in course.rounds if Cell(kind, row) in each] for row in rows}
    columns = _columns(course, kind)
    yield f"## {says}{f'; {connections} connections' if kind in {'get', 'post', 'download', 'tls'} else ''}"
    yield ""
    yield f"| proxy | {' | '.join(columns)} |"
    yield f"|---|{'---|' * len(columns)}"
    for row, results in found.items():
        if results:
            yield f"| {_TITLES[row]} | {' | '.join(column(row, results) for column in columns.values())} |"


def _columns(course: Course, kind: str) -> dict[str, Callable[[str, Sequence[Result]], str]]:
    errors = {"errors": lambda _, results: str(sum(each.errors for each in results))}
    if kind in {"thousand", "crowd"}:
        return {
            "RSS MB before": _of(lambda each: each.before),
            "RSS MB": _of(lambda each: each.memory),
            "KB a connection": _of(lambda each: (each.memory - each.before) * 1024 / each.connections),
            **errors,
        }
    if kind == "change":
        return {
            "p50 ms": _of(lambda each: each.p50 / 1e3),
            "p99 ms": _of(lambda each: each.p99 / 1e3),
            "requests": _of(lambda each: each.calls),
            **errors,
        }
    latencies: dict[str, Callable[[str, Sequence[Result]], str]] = {
        "p50 us": _of(lambda each: each.p50),
        "p90 us": _of(lambda each: each.p90),
        "p99 us": _of(lambda each: each.p99),
    }
    cpu = {
        "CPU us a request": _of(lambda each: each.cpu),
        "/ Envoy": lambda row, _: _ratio(course, Cell(kind, row), lambda each: each.cpu),
    }
    if kind == "paced":
        return {**latencies, **cpu, **errors}
    rate = {
        "requests/s": _of(lambda each: each.rate),
        "of Envoy's": lambda row, _: _ratio(course, Cell(kind, row), lambda each: each.rate),
    }
    return {**cpu, **rate, **latencies, "RSS MB": _of(lambda each: each.memory), **errors}


def _of(value: Callable[[Result], float]) -> Callable[[str, Sequence[Result]], str]:
    return lambda _, results: _spread([value(each) for each in results])


def _ratio(course: Course, cell: Cell, value: Callable[[Result], float]) -> str:
    base = Cell(cell.kind, "envoy")
    values = [value(each[cell]) / value(each[base]) for each in course.rounds
              if cell in each and base in each and value(each[base])]  # fmt: skip
    return _spread(values) if values and cell != base else ""


def _spread(values: Sequence[float]) -> str:
    return f"{_short(statistics.median(values))} ({_short(min(values))}-{_short(max(values))})"


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
