"""What has to be reached: the table of the project's issue on the wire engine, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from _goal import Goal

from _clients.cell import Cell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from _clients.cell import Result


IDLE = Cell("async", "idle", "engine", 1000)
CALM, CROWDED = 16, 512


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
) -> list[Goal[Cell]]:
    return [
        Goal(f"{says}, c={c}", (Cell(colour, workload, row, c), Cell(colour, workload, base, c)), cpu_ratio, must, aim)
        for c, (must, aim) in bounds.items()
    ]


def differences(says: str, row: str, base: str, must: float, aim: float) -> list[Goal[Cell]]:
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
