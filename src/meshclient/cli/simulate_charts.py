"""The plots of ``meshclient simulate``, for the terminal and for a page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meshclient.cli.chart import Band, Bar, Bars, Histogram, Series, Timeline, Tone, log_buckets, number
from meshclient.cli.page import Text
from meshclient.testing.simulate.slice import percentile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.cli.chart import Chart
    from meshclient.cli.page import Section
    from meshclient.cli.render import Answer
    from meshclient.testing.simulate.report import Report
    from meshclient.testing.simulate.scenario import Result

_MARKS = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))
# Instances whose shares are drawn over time; more cannot be told apart.
_MOST = 6


def charts(results: Sequence[Result]) -> list[Chart]:
    """The latencies of all runs, and the first run over time; none of no call."""
    values = sorted(value for result in results for value in result.report.latencies)
    if not values:
        return []
    marks = [(name, percentile(values, share)) for name, share in _MARKS]
    return [
        Histogram(f"Latency of {len(values):,} calls", log_buckets(values, marks), note=_pooled(results)),
        _timeline(results[0]),
    ]


def page(answer: Answer, summary: str, results: Sequence[Result]) -> list[Section]:
    """The sections of the page."""
    whole, *others = answer.sheets
    # The run second by second is behind the timeline.
    wanted = [replace(sheet, caption="Wanted") for sheet in others if sheet.columns[0].title == "WANTED"]
    return [Text("", [summary]), replace(whole, caption="Runs"), *wanted, *answer.charts, *_bars(results[0].report)]


def _pooled(results: Sequence[Result]) -> str:
    return f"of all {len(results)} runs together" if len(results) > 1 else ""


def _timeline(result: Result) -> Timeline:
    report, simulation = result.report, result.simulation
    slices = report.slices
    series = [
        Series("calls/s", [each.calls / (each.end - each.begin) for each in slices], number),
        Series("failed", [each.calls - each.succeeded for each in slices], number, Tone.BAD),
        Series("p50", [each.p50 if each.calls else None for each in slices]),
        Series("p99", [each.p99 if each.calls else None for each in slices], tone=Tone.WARN),
        Series("load", [each.amplification if each.calls else None for each in slices], _times),
    ]
    names = sorted(report.whole.shares)
    if 1 < len(names) <= _MOST:
        series += [Series(name, [each.share(name) for each in slices], _percent, top=1.0) for name in names]
    trial = simulation.trial
    bands = [Band(trial.begin, min(trial.end, simulation.duration), "trouble")] if trial else []
    note = "load: attempts that arrived for each call; below it, the share of the attempts that each instance got"
    return Timeline(f"Timeline, seed {report.seed}", series, simulation.duration, bands, note)


def _bars(report: Report) -> list[Bars]:
    troubled = set(report.ejected)
    shares = [
        Bar(f"{name}, ejected for a time", share, f"{share:.1%}", Tone.WARN)
        if name in troubled
        else Bar(name, share, f"{share:.1%}")
        for name, share in report.whole.shares.items()
    ]
    failed = [Bar(kind, count, tone=Tone.BAD) for kind, count in report.failed.items()]
    found = [Bars(f"Shares of the attempts, seed {report.seed}", shares)]
    return found + ([Bars(f"Calls that failed, seed {report.seed}, by why", failed)] if failed else [])


def _percent(share: float) -> str:
    return f"{share:.0%}"


def _times(ratio: float) -> str:
    return f"{ratio:.2f}"
