"""What has to be reached: the table of the project's issue on the wire engine, line by line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from _clients.cell import Cell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from _clients.cell import Result

    Round = Mapping[Cell, Result]

IDLE = Cell("async", "idle", "engine", 1000)
CALM, CROWDED = 16, 512


@dataclass(frozen=True, slots=True)
class Goal:
    """One number.

    Args:
        says: what is compared.
        cells: what has to be measured for it.
        value: the number, from the cells' results in one round.
        must: at most this (with `least`: at least).
        aim: what it should come to; None where nobody said.
        unit: of all three.
        least: whether more is better.
    """

    says: str
    cells: tuple[Cell, ...]
    value: Callable[..., float]
    must: float
    aim: float | None = None
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
            if bound is not None and (value >= bound if self.least else value <= bound):
                return name
        return "MISSED"


def cpu_ratio(ours: Result, theirs: Result) -> float:
    return ours.cpu / theirs.cpu


def cpu_difference(ours: Result, theirs: Result) -> float:
    return ours.cpu - theirs.cpu


def ratios(
    says: str,
    colour: str,
    row: str,
    base: str,
    bounds: Mapping[int, tuple[float, float | None]],
    *,
    workload: str = "get",
) -> list[Goal]:
    return [
        Goal(f"{says}, c={c}", (Cell(colour, workload, row, c), Cell(colour, workload, base, c)), cpu_ratio, must, aim)
        for c, (must, aim) in bounds.items()
    ]


def differences(says: str, row: str, base: str, must: float, aim: float) -> list[Goal]:
    return [
        Goal(
            f"{says}, {colour} c={c}",
            (Cell(colour, "get", row, c), Cell(colour, "get", base, c)),
            cpu_difference,
            must,
            aim,
            " us",
        )
        for colour in ("async", "sync")
        for c in (1, 10, 100)
    ]


def opened(result: Result) -> float:
    return result.connections


GOALS = (
    *ratios("AsyncClient, plain calls / bare httpx", "async", "client", "httpx",
            {1: (0.15, 0.09), 10: (0.04, 0.022), 100: (0.03, 0.015)}),
    *ratios("AsyncClient, plain calls / bare aiohttp", "async", "client", "aiohttp",
            {1: (0.65, 0.48), 10: (0.50, 0.25), 100: (0.50, 0.27)}),
    *ratios("unique URL, header, JSON both ways / bare aiohttp", "async", "client", "aiohttp",
            {10: (0.50, 0.33)}, workload="json"),
    *ratios("the same with 10 KB each way / bare aiohttp", "async", "client", "aiohttp",
            {10: (0.50, 0.33)}, workload="post"),
    *ratios("Client (sync), plain calls / bare httpx", "sync", "client", "httpx",
            {1: (0.17, 0.11), 10: (0.10, 0.06), 100: (0.05, 0.03)}),
    *ratios("hooks, auth and cookies in play, async / bare httpx", "async", "involved", "httpx",
            {1: (0.45, 0.37), 10: (0.25, 0.17), 100: (0.17, 0.13)}),
    *differences("all policies - our own bare call", "client", "bare", 6, 2),
    *differences("stub call with decoded return - plain call", "stub", "client", 5, 3),
    Goal("throughput at c=512 / at c=16",
         (Cell("async", "get", "client", CROWDED), Cell("async", "get", "client", CALM)),
         lambda crowded, calm: crowded.rate / calm.rate, 0.95, None, "", least=True),
    # "About c": each of the three endpoints may for a moment have all tasks, never more than that.
    *(Goal(f"connections opened, {colour} c={c}", (Cell(colour, "get", "client", c),), opened, 3 * c, max(2 * c, 3))
      for colour, c in (("async", 1), ("async", 10), ("async", 100), ("async", 512), ("sync", 100))),
    *ratios("download of 1 MB / bare aiohttp", "async", "client", "aiohttp", {1: (1.1, None), 10: (1.1, None)},
            workload="download"),
    Goal("memory per idle connection", (IDLE,), lambda idle: idle.memory * 1e3, 12, None, " KB"),
)  # fmt: skip
