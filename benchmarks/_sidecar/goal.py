"""What has to be reached: the table of the project's issue on the sidecar, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from _goal import Goal

from _sidecar.cell import DIRECT, Cell, Result

if TYPE_CHECKING:
    from collections.abc import Callable


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
