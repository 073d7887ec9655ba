"""What has to be reached: the table of the project's issue on the sidecar, line by line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from _sidecar.cell import DIRECT, Cell, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Round = Mapping[Cell, Result]


@dataclass(frozen=True, slots=True)
class Goal:
    """One number.

    Args:
        says: what is compared.
        cells: what has to be measured for it.
        value: the number, from the cells' results in one round.
        must: at most this (with `least`: at least).
        aim: what it should come to.
        unit: of all three.
        least: whether more is better.
    """

    says: str
    cells: tuple[Cell, ...]
    value: Callable[..., float]
    must: float
    aim: float
    unit: str = ""
    least: bool = False

    def values(self, rounds: Sequence[Round]) -> list[float]:
        """The number in each round that has all of the cells: what is compared was measured at the same time."""
        return [
            self.value(*(results[cell] for cell in self.cells))
            for results in rounds
            if all(cell in results for cell in self.cells)
        ]

    def reached(self, value: float) -> str:
        """``aim``, ``must`` or ``MISSED``."""
        for name, bound in (("aim", self.aim), ("must", self.must)):
            if value >= bound if self.least else value <= bound:
                return name
        return "MISSED"


def _beside(kind: str, ours: str = "builtin", theirs: str = "envoy") -> tuple[Cell, ...]:
    return Cell(kind, ours), Cell(kind, theirs)


def _cpu(ours: Result, theirs: Result) -> float:
    return ours.cpu / theirs.cpu


def _rate(ours: Result, theirs: Result) -> float:
    return ours.rate / theirs.rate


def _added(quantile: str) -> Callable[[Result, Result, Result], float]:
    def value(ours: Result, theirs: Result, direct: Result) -> float:
        base = getattr(direct, quantile)
        return float((getattr(ours, quantile) - base) / max(getattr(theirs, quantile) - base, 1.0))

    return value


_PACED = (*_beside("paced"), Cell("paced", DIRECT))

GOALS = (
    Goal("throughput, GET 100 B / Envoy", _beside("get"), _rate, 1.15, 1.5, least=True),
    Goal("throughput, POST 10 KB / Envoy", _beside("post"), _rate, 1.15, 1.5, least=True),
    Goal("CPU a request, GET 100 B / Envoy", _beside("get"), _cpu, 0.85, 0.60),
    Goal("CPU a request, POST 10 KB / Envoy", _beside("post"), _cpu, 0.85, 0.60),
    Goal("CPU a response of 1 MB / Envoy", _beside("download"), _cpu, 1.4, 1.1),
    Goal("CPU a request, TLS to the upstream / Envoy", _beside("tls"), _cpu, 0.95, 0.75),
    Goal("added p50 at 500 a second / Envoy", _PACED, _added("p50"), 1.0, 0.77),
    Goal("added p90 at 500 a second / Envoy", _PACED, _added("p90"), 1.0, 0.77),
    Goal("RSS, idle / Envoy", _beside("thousand"), lambda ours, theirs: ours.before / theirs.before, 0.8, 0.4),
    Goal("RSS with 1,000 connections / Envoy", _beside("thousand"), lambda ours, theirs: ours.memory / theirs.memory,
         0.8, 0.4),
    Goal("throughput of the Envoy data plane, GET 100 B / Envoy by hand", _beside("get", "plane"), _rate, 0.97, 1.0,
         least=True),
    Goal("throughput of the Envoy data plane, POST 10 KB / Envoy by hand", _beside("post", "plane"), _rate, 0.97, 1.0,
         least=True),
    *(
        Goal(f"registry change to first request, {quantile}, {says}", (Cell("change", row),),
             lambda ours, quantile=quantile: getattr(ours, quantile) / 1e3, must, aim, " ms")
        for row, says, aims in (("builtin", "built-in", (20.0, 20.0)), ("plane", "Envoy data plane", (4.0, 20.0)))
        for quantile, must, aim in (("p50", 10.0, min(aims[0], 10.0)), ("p99", 100.0, aims[1]))
    ),
    Goal("memory per idle connection, 10,000 of them", (Cell("crowd", "builtin"),),
         lambda ours: (ours.memory - ours.before) * 1024 / ours.connections, 12.0, 12.0, " KB"),
    Goal("of 10,000 idle connections held", (Cell("crowd", "builtin"),),
         lambda ours: ours.connections - ours.errors, 10_000, 10_000, least=True),
)  # fmt: skip
