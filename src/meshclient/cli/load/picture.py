"""What a load test showed, for people: tables and charts, the same in the terminal and on a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.cli.chart import Histogram, Series, Timeline, Tone, number
from meshclient.cli.render import Cell, Column, Sheet
from meshclient.model.duration import format_duration

if TYPE_CHECKING:
    from meshclient.cli.chart import Chart
    from meshclient.cli.load.result import LoadResult, LoadSlice

# Seconds by which a tenth of the calls may begin late before that is pointed out: some turns of a loop.
_LATE = 0.005


def sheets(result: LoadResult) -> list[Sheet]:
    """The tables."""
    return [_whole(result), _answers(result), *([_endpoints(result)] if result.endpoints() else [])]


def charts(result: LoadResult) -> list[Chart]:
    """The plots; none of no call."""
    if not result.records:
        return []
    slices = result.slices()
    width = slices[0].end - slices[0].begin
    shown = [Histogram(f"Latency of {len(result.records):,} calls", result.buckets(), note=measured(result))]
    if len(slices) == 1:
        # Nothing has a course that happened all at once.
        return [*shown]
    series = [
        Series("calls/s", [*(each.calls / width for each in slices[:-1]), _last_rate(result, slices[-1])], number),
        Series("bad", [each.bad for each in slices], number, Tone.BAD),
        Series("p50", [each.seconds.p50 for each in slices], top=result.latency.p99),
        Series("p99", [each.seconds.p99 for each in slices], tone=Tone.WARN),
    ]
    each = f"a step is {format_duration(width)}; calls count where they were due"
    return [*shown, Timeline("Timeline", series, slices[-1].end, note=each)]


def _last_rate(result: LoadResult, last: LoadSlice) -> float:
    """Calls per second of the last stretch, which the end of the load may have cut short: that is no slowing down."""
    rate = result.plan.rate
    until = result.seconds if rate is None else max(each.due for each in result.records) + 1 / rate
    return last.calls / (min(until, last.end) - last.begin)


def measured(result: LoadResult) -> str:
    """From when latency counts."""
    if result.plan.rate is None:
        return (
            "closed loop: latency counts from when a call was sent, and a stall counts once; with --rate it counts "
            "from when calls were due"
        )
    return "latency counts from when each call was due, not from when it was sent"


def warnings(result: LoadResult) -> list[str]:
    """What makes the numbers less than they seem."""
    late, found = result.lateness, []
    if result.plan.rate is not None and (late.p90 or 0.0) > _LATE and late.max is not None:
        why = (
            f"{result.plan.concurrency} were under way already: they cannot be answered at this --rate, "
            "or --concurrency is too low"
            if result.held
            else "this machine could not keep up: ask for a lower --rate"
        )
        found.append(f"calls began up to {format_duration(late.max)} after they were due, since {why}")
    return found


def heading(result: LoadResult) -> str:
    """What was asked, and how long it took."""
    asked = f"{result.plan.calls:,} calls"
    if result.plan.rate is not None:
        asked += f" at {result.plan.rate:g}/s"
    elif result.plan.concurrency > 1:
        asked += f", {result.plan.concurrency} at once"
    done = f"{len(result.records):,} done in {format_duration(result.seconds)}"
    ended = f", interrupted with {result.unfinished:,} under way" if result.interrupted else ""
    return f"{result.request.method} {result.request.url}: {asked}; {done}{ended}"


def _whole(result: LoadResult) -> Sheet:
    columns = [Column(title, right=True) for title in ("CALLS", "RATE", "ERRORS")]
    # Thousands of calls shall fit into 80 columns, and the endpoints' attempts are told below.
    columns += [Column("ATTEMPTS", right=True, wide=True)]
    columns += [Column(title, right=True) for title in ("RETRIES", "HEDGES")]
    columns += [Column(title, right=True) for title in ("P50", "P90", "P99", "MAX")]
    errors, latency = sum(result.errors.values()), result.latency
    counts = (
        sum(len(record.attempts) for record in result.records),
        sum(record.retries for record in result.records),
        sum(record.hedges for record in result.records),
    )
    row: list[str | Cell] = [
        f"{len(result.records):,}",
        f"{result.rate:.3g}/s" if result.rate < 100 else f"{result.rate:,.0f}/s",
        Cell(f"{errors:,}", "red" if errors else ""),
        *(f"{count:,}" for count in counts),
        *(_duration(value) for value in (latency.p50, latency.p90, latency.p99, latency.max)),
    ]
    return Sheet(heading(result), tuple(columns), [row])


def _answers(result: LoadResult) -> Sheet:
    total = len(result.records) or 1
    rows = [
        (Cell(str(status), "green" if status < 400 else "red"), f"{count:,}", f"{count / total:.1%}")
        for status, count in result.statuses.items()
    ]
    rows += [
        (Cell(kind.replace("_", " "), "red"), f"{count:,}", f"{count / total:.1%}")
        for kind, count in result.errors.items()
    ]
    return Sheet("", (Column("ANSWER"), Column("CALLS", right=True), Column("SHARE", right=True)), rows)


def _endpoints(result: LoadResult) -> Sheet:
    titles = ("ATTEMPTS", "SHARE", "FAILED", "P50", "P90", "P99", "MAX")
    rows: list[list[str | Cell]] = [
        [
            each.endpoint,
            f"{each.attempts:,}",
            f"{each.share:.1%}",
            Cell(f"{each.failed:,}", "red" if each.failed else ""),
            *(_duration(value) for value in (each.seconds.p50, each.seconds.p90, each.seconds.p99, each.seconds.max)),
        ]
        for each in result.endpoints()
    ]
    return Sheet("", (Column("ENDPOINT"), *(Column(title, right=True) for title in titles)), rows)


def _duration(seconds: float | None) -> str:
    return "" if seconds is None else format_duration(seconds)
