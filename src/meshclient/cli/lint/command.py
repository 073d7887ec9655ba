"""``meshclient lint``: what a configuration comes to, in numbers, before anything is called."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshclient.cli.invocation import Invocation, config_options, output_options
from meshclient.cli.lint.finding import Level
from meshclient.cli.lint.given import Given
from meshclient.cli.progress import Progress
from meshclient.cli.render import Answer, Cell, Column, Sheet
from meshclient.cli.seconds import seconds
from meshclient.errors import ConfigError
from meshclient.model.service import ServiceName

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from meshclient.cli.lint.amplification import Load
    from meshclient.cli.lint.finding import Finding, Rule
    from meshclient.config.loaded import Loaded

SCHEMA, LINE, LIST = "meshclient.lint/v1", "meshclient.lint_finding/v1", "meshclient.lint_list/v1"
_STYLES = {Level.ERROR: "red", Level.WARNING: "yellow", Level.INFO: "cyan"}
_ARROW = re.compile(r"\s*(?:->|\N{RIGHTWARDS ARROW})\s*")


def _numbers(least: float, convert: Callable[[str], float]) -> Callable[..., dict[str, float]]:
    def read(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, float]:
        found = {}
        for value in values:
            name, _, number = value.rpartition("=")
            try:
                found[_name(name)] = convert(number)
            except ValueError:
                raise click.BadParameter(f"{value!r}: write SERVICE=NUMBER", context, parameter) from None
            if not least <= found[_name(name)] < float("inf"):
                raise click.BadParameter(f"{value!r}: {number} is too little, or no number", context, parameter)
        return found

    return read


def _chains(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    lines: list[str] = []
    for value in values:
        if not value.startswith("@"):
            lines.append(value)
            continue
        try:
            lines += Path(value[1:]).read_text("utf-8").splitlines()
        except (OSError, ValueError) as exc:
            raise click.BadParameter(f"{value[1:]} cannot be read: {exc}", context, parameter) from None
    chains = []
    for line in lines:
        if not (bare := line.partition("#")[0].strip()):
            continue
        names = _ARROW.split(bare)
        try:
            chains.append(tuple(map(_name, names)))
        except ValueError as exc:
            raise click.BadParameter(f"{bare!r}: {exc}", context, parameter) from None
        if len(names) < 2:
            raise click.BadParameter(f"{bare!r} calls nobody: write 'web -> orders'", context, parameter)
    return tuple(chains)


def _name(text: str) -> str:
    return ServiceName.parse(text.strip()).value


@click.command()
@click.argument("names", metavar="[NAME...]", nargs=-1)
@click.option(
    "--calls",
    multiple=True,
    metavar="CHAIN",
    callback=_chains,
    help="Who calls whom, such as 'web -> orders -> stock', or @FILE with one to a line; repeatable.",
)
@click.option("--hosts", type=click.IntRange(0), default=0, help="Hosts with this configuration, for quotas.")
@click.option("--processes", type=click.IntRange(1), default=1, show_default=True, help="Processes on each of them.")
@click.option(
    "--size", multiple=True, metavar="NAME=N", callback=_numbers(1, int), help="Endpoints of a service; repeatable."
)
@click.option(
    "--rps",
    multiple=True,
    metavar="NAME=N",
    callback=_numbers(1e-9, float),
    help="Calls a second that one process makes to a service; repeatable.",
)
@click.option("--observe", is_flag=True, help="Ask the registry how many endpoints each service has.")
@click.option("--timeout", default="5s", show_default=True, callback=seconds, help="How long to wait for it.")
@click.option(
    "--fail-on",
    type=click.Choice([str(Level.WARNING), str(Level.ERROR)]),
    default=str(Level.ERROR),
    show_default=True,
    help="From which level on the exit code is 1.",
)
@click.option("--list", "listed", is_flag=True, help="List all that can be found.")
@config_options
@output_options
@click.pass_obj
def lint(
    invocation: Invocation,
    *,
    names: tuple[str, ...],
    calls: tuple[tuple[str, ...], ...],
    hosts: int,
    processes: int,
    size: dict[str, float],
    rps: dict[str, float],
    observe: bool,
    timeout: float,
    fail_on: str,
    listed: bool,
) -> None:
    """Do the arithmetic of a configuration.

    Attempts against deadlines, load along a graph of calls, questions against the quotas of registries, and rules that
    mean nothing at the size or the rate that a service has. Without --observe nothing is asked of anybody. NAME is a
    service that the configuration does not name.
    """
    from meshclient.cli.lint.amplification import loads
    from meshclient.cli.lint.linting import RULES, linted

    renderer = invocation.renderer()
    if listed:
        renderer.show(_catalogue(RULES))
        return
    loaded = invocation.loaded()
    try:
        wanted = tuple(map(_name, names))
    except ValueError as exc:
        raise ConfigError(str(exc)) from None
    called = [name for chain in calls for name in chain[1:]]
    sizes = {name: int(number) for name, number in size.items()}
    given = Given(hosts, processes, sizes, rps, calls, tuple(dict.fromkeys((*wanted, *called, *sizes, *rps))))
    observed = _observed(invocation, loaded, given, timeout) if observe else {}
    given = replace(given, sizes={**{name: n for name, n in observed.items() if n is not None}, **sizes})
    found = linted(loaded, given)
    renderer.show(_answer(loaded, given, observed, found, loads(loaded.config, given)))
    if any(finding.grade.reaches(Level(fail_on)) for finding in found):
        raise click.exceptions.Exit(1)


def _observed(invocation: Invocation, loaded: Loaded, given: Given, timeout: float) -> dict[str, int | None]:
    asked = [name for name in dict.fromkeys((*loaded.config.services, *given.names)) if name not in given.sizes]
    found: dict[str, int | None] = {}
    with invocation.mesh("on-demand") as mesh, Progress(quiet=invocation.quiet) as progress:
        for at, name in enumerate(asked, 1):
            progress.tell(lambda at=at, name=name: f"asking for {name}: {at} of {len(asked)}")  # type: ignore[misc]
            ((_, snapshot),) = mesh.warm(name, timeout=timeout).items()
            found[name] = len(snapshot.endpoints) or None
            if not snapshot.endpoints:
                invocation.say(f"warning: {name} could not be observed: {snapshot.source} has no list of it")
    return found


def _catalogue(rules: Sequence[Rule]) -> Answer:
    documents = [
        {"id": each.id, "level": str(each.level), "meaning": each.meaning, "documentation": each.documentation}
        for each in rules
    ]
    rows = [(each.id, Cell(each.level, _STYLES[each.level]), each.meaning) for each in rules]
    columns = (Column("ID"), Column("LEVEL"), Column("WHAT CAN BE FOUND"))
    names = [each.id for each in rules]
    return Answer({"schema": LIST, "rules": documents}, [Sheet("", columns, rows)], names)


def _answer(
    loaded: Loaded,
    given: Given,
    observed: Mapping[str, int | None],
    found: Sequence[Finding],
    loads: Sequence[Load],
) -> Answer:
    counted = Counter(finding.grade for finding in found)
    levels = {str(level): counted[level] for level in reversed(Level)}
    document = {
        "schema": SCHEMA,
        "file": str(loaded.file) if loaded.file else None,
        "given": {
            "hosts": given.hosts or None,
            "processes": given.processes,
            "sizes": [
                {"service": name, "endpoints": count, "observed": observed.get(name) is not None}
                for name, count in sorted(given.sizes.items())
            ],
            "rates": [{"service": name, "calls_per_second": rate} for name, rate in sorted(given.rates.items())],
            "calls": [list(chain) for chain in given.calls],
        },
        "counts": levels,
        "findings": [finding.document for finding in found],
        "amplification": [_load(load) for load in loads],
    }
    told = ", ".join(_counted(level, count) for level, count in levels.items() if count) or "nothing to say"
    sheets = [Sheet(f"{_label(loaded.file)}: {told}", _COLUMNS, [row for each in found for row in _rows(each)])]
    if loads:
        sheets.append(_loads(loads))
    names = list(dict.fromkeys(finding.rule.id for finding in found))
    return Answer(document, sheets, names, [{"schema": LINE, **finding.document} for finding in found])


def _label(file: Path | None) -> str:
    if file is None:
        return "no file"
    return str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else str(file)


def _counted(level: str, count: int) -> str:
    return f"{count} {level}" if count == 1 or level == Level.INFO else f"{count} {level}s"


_COLUMNS = (Column("ID"), Column("LEVEL"), Column("OF"), Column("WHAT"), Column("MORE", wide=True))


def _rows(finding: Finding) -> list[tuple[str | Cell, ...]]:
    level, blank = finding.grade, " "
    return [
        (
            finding.rule.id,
            Cell(level, _STYLES[level]),
            finding.subject or blank,
            finding.what,
            finding.rule.documentation,
        ),
        (blank, blank, blank, Cell(f"why: {finding.why}", "dim"), blank),
        *([(blank, blank, blank, f"fix: {finding.fix}", blank)] if finding.fix else []),
    ]


def _load(load: Load) -> dict[str, object]:
    factors = load.factors
    return {
        "service": load.service,
        "path": list(load.path),
        "calls": factors.calls,
        "worst": factors.worst,
        "budgeted": factors.budgeted,
        "outage": factors.outage,
        "single_call": factors.single,
    }


def _loads(loads: Sequence[Load]) -> Sheet:
    columns = (
        Column("SERVICE"),
        Column("CALLS", right=True),
        Column("NO BUDGETS", right=True),
        Column("BUDGETS", right=True),
        Column("OUTAGE", right=True),
        Column("ONE CALL", right=True),
        Column("PATH"),
    )
    rows = [
        (
            load.service,
            *(
                f"{each:.3g}"
                for each in (
                    load.factors.calls,
                    load.factors.worst,
                    load.factors.budgeted,
                    load.factors.outage,
                    load.factors.single,
                )
            ),
            " -> ".join(load.path),
        )
        for load in loads
    ]
    return Sheet("Attempts for one call from outside, at worst", columns, rows)
