"""``meshclient simulate``: what a configuration does when things go wrong, without waiting and without a network."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from statistics import median
from typing import TYPE_CHECKING

import click

from meshclient.cli.invocation import Invocation, config_options, output_options
from meshclient.cli.load.plan import rate_of
from meshclient.cli.page import must_be_writable, write_page
from meshclient.cli.progress import Progress
from meshclient.cli.render import Answer, Cell, Column, Sheet
from meshclient.cli.seconds import seconds
from meshclient.cli.simulate_charts import charts, page
from meshclient.errors import ConfigError
from meshclient.model.duration import format_duration
from meshclient.model.service import ServiceName
from meshclient.testing.simulate.load import Poisson
from meshclient.testing.simulate.recording import Recording
from meshclient.testing.simulate.report import SCHEMA
from meshclient.testing.simulate.scenario import Result
from meshclient.testing.simulate.scenarios.catalogue import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.cli.chart import Chart
    from meshclient.config.shape import ServiceConfig
    from meshclient.testing.simulate.report import Report
    from meshclient.testing.simulate.scenario import Wish
    from meshclient.testing.simulate.simulation import Simulation


@click.command()
@click.option("--scenario", type=click.Choice(list(SCENARIOS)), metavar="NAME", help="What goes wrong; see --list.")
@click.option("--list", "listed", is_flag=True, help="List the scenarios, and what is wanted of each.")
@click.option("--replay", metavar="FILE", help="Attempts that a Recorder wrote, instead of a scenario.")
@click.option("--service", metavar="NAME", help="Whose configuration to try (default: that of every service).")
@click.option("--seed", type=int, default=1, show_default=True, help="Of all chance; the first one with --seeds.")
@click.option("--seeds", type=click.IntRange(1, 1000), default=1, show_default=True, help="How many runs.")
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    callback=rate_of,
    help="Calls per second (default: the scenario's).",
)
@click.option("--duration", callback=seconds, help="How long calls are made (default: the scenario's).")
@click.option("--html", metavar="FILE", help="Write a page with the same plots.")
@config_options
@output_options
@click.pass_obj
def simulate(
    invocation: Invocation,
    *,
    scenario: str | None,
    listed: bool,
    replay: str | None,
    service: str | None,
    seed: int,
    seeds: int,
    rate: float | None,
    duration: float | None,
    html: str | None,
) -> None:
    """See in virtual time what a configuration does.

    The policies are those of the library; time, the network and the instances are simulated. A seed always gives the
    same result.
    """
    renderer = invocation.renderer()
    if listed:
        renderer.show(_catalogue())
        return
    if (scenario is None) == (replay is None):
        raise click.UsageError("give either --scenario NAME or --replay FILE; --list shows the scenarios")
    config = _config(invocation, service)
    wishes: Sequence[Wish] = ()
    if html is not None:
        must_be_writable(html)
    if replay is not None:
        simulation, summary = _recorded(replay, service, config), f"Attempts that were recorded in {replay}."
    else:
        found = SCENARIOS[scenario or ""]
        simulation, wishes, summary = found.build(config), found.wishes, found.summary
    if rate is not None:
        simulation = replace(simulation, load=replace(simulation.load, arrivals=Poisson(rate)))
    if duration is not None:
        simulation = replace(simulation, duration=duration)
    with Progress(quiet=invocation.quiet) as progress:
        results = [_result(simulation, seed, at, seeds, progress) for at in range(seeds)]
        progress.tell(lambda: "comparing with the same runs where nothing is wrong")
        judged = [_judged(wish, results) for wish in wishes]
    answer = _answer([result.report for result in results], judged, charts(results))
    renderer.show(answer)
    if html is not None:
        write_page(html, f"Simulation of {simulation.name}", page(answer, summary, results))


def _result(simulation: Simulation, seed: int, at: int, seeds: int, progress: Progress) -> Result:
    """The run of one of the seeds."""

    def tick(second: float) -> None:
        run = f"run {at + 1} of {seeds}: " if seeds > 1 else ""
        progress.tell(lambda: f"{run}{second:.0f} of {simulation.duration:.0f} simulated seconds")

    return Result(simulation, simulation.run(seed + at, tick))


def _config(invocation: Invocation, service: str | None) -> ServiceConfig:
    config = invocation.loaded().config
    if service is None:
        return config.defaults
    try:
        return config.service(ServiceName.parse(service))
    except ValueError as exc:
        raise ConfigError(str(exc)) from None


def _recorded(path: str, service: str | None, config: ServiceConfig) -> Simulation:
    try:
        return Recording.read(path, service).simulation(config)
    except (OSError, ValueError) as exc:
        raise click.UsageError(f"--replay: {exc}") from None


def _catalogue() -> Answer:
    every = list(SCENARIOS.values())
    documents = [
        {"name": each.name, "summary": each.summary, "wanted": [wish.words for wish in each.wishes]} for each in every
    ]
    rows = [(each.name, each.summary, "; ".join(wish.words for wish in each.wishes)) for each in every]
    return Answer(
        document={"schema": "meshclient.simulate_list/v1", "scenarios": documents},
        sheets=[Sheet("", (Column("SCENARIO"), Column("WHAT HAPPENS"), Column("WANTED")), rows)],
        names=[each.name for each in every],
        lines=[{"schema": "meshclient.simulate_scenario/v1", **each} for each in documents],
    )


def _answer(reports: Sequence[Report], judged: Sequence[dict[str, object]], shown: Sequence[Chart]) -> Answer:
    first = reports[0]
    document = {
        "schema": SCHEMA,
        "scenario": first.scenario,
        "wanted": judged,
        "runs": [report.as_dict() for report in reports],
    }
    sheets = [_runs(reports)]
    if len(reports) == 1:
        sheets += [_slices(first)]
    if judged:
        sheets.append(_wishes(judged))
    lines = [{"schema": "meshclient.simulate_run/v1", **report.as_dict()} for report in reports]
    return Answer(document, sheets, [first.scenario], lines, shown)


def _judged(wish: Wish, results: Sequence[Result]) -> dict[str, object]:
    values = [wish.measure(result) for result in results]
    told = sorted(value for value in values if isfinite(value))
    return {
        "words": wish.words,
        "most": wish.most,
        "median": median(told) if told else None,
        "worst": told[-1] if len(told) == len(values) else None,
        "met": sum(value <= wish.most for value in values),
        "runs": len(values),
    }


def _wishes(judged: Sequence[dict[str, object]]) -> Sheet:
    columns = (Column("WANTED"), Column("MEDIAN", right=True), Column("WORST", right=True), Column("MET", right=True))
    rows = [
        (
            str(each["words"]),
            _number(each["median"]),
            _number(each["worst"]),
            Cell(f"{each['met']} of {each['runs']}", "green" if each["met"] == each["runs"] else "red"),
        )
        for each in judged
    ]
    return Sheet("", columns, rows)


def _runs(reports: Sequence[Report]) -> Sheet:
    columns = (
        Column("SEED", right=True),
        Column("CALLS", right=True),
        Column("SUCCESS", right=True),
        Column("P50", right=True),
        Column("P99", right=True),
        # A terminal of 80 columns has room for what is looked at first.
        Column("P99.9", right=True, wide=True),
        Column("LOAD", right=True),
        Column("RETRIES", right=True, wide=True),
        Column("HEDGES", right=True, wide=True),
        Column("REJECTED", right=True, wide=True),
        Column("EJECTIONS", right=True),
        Column("PANICS", right=True, wide=True),
        Column("DETECTED", right=True, wide=True),
        Column("RECOVERED", right=True),
        Column("FAILED BY"),
    )
    rows = [
        (
            str(report.seed),
            str(report.calls),
            f"{report.whole.success_rate:.2%}",
            *(format_duration(each) for each in (report.whole.p50, report.whole.p99, report.whole.p999)),
            f"{report.whole.amplification:.3f}",
            *(
                str(each)
                for each in (report.retries, report.hedges, report.rejections, report.ejections, report.panics)
            ),
            *("" if each is None else format_duration(each) for each in (report.detection, report.recovery)),
            ", ".join(f"{kind} {count}" for kind, count in report.failed.items()),
        )
        for report in reports
    ]
    return Sheet(reports[0].scenario, columns, rows)


def _slices(report: Report) -> Sheet:
    names = sorted({name for each in report.slices for name in each.shares})
    columns = (
        Column("FROM", right=True),
        Column("CALLS", right=True),
        Column("SUCCESS", right=True),
        Column("P50", right=True),
        Column("P99", right=True),
        Column("LOAD", right=True),
        *(Column(name, right=True) for name in names),
    )
    rows = [
        (
            format_duration(each.begin),
            str(each.calls),
            f"{each.success_rate:.1%}",
            format_duration(each.p50),
            format_duration(each.p99),
            f"{each.amplification:.2f}",
            *(f"{each.share(name):.1%}" for name in names),
        )
        for each in report.slices
    ]
    return Sheet("", columns, rows)


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float | int) else ""
