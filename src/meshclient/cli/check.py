"""``meshclient check``: what is wrong with a configuration, its registries and its services, and how to mend it."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path

import click

from meshclient.cli.checks.catalogue import KINDS, Choice
from meshclient.cli.checks.finding import Level
from meshclient.cli.checks.plugged import brought_checks
from meshclient.cli.checks.reading import Asker
from meshclient.cli.checks.report import Report, listing
from meshclient.cli.checks.tour import Tour
from meshclient.cli.exit_status import ExitStatus
from meshclient.cli.invocation import Invocation, config_options, output_options
from meshclient.cli.seconds import seconds
from meshclient.errors import ConfigError
from meshclient.model.duration import format_duration
from meshclient.model.service import ServiceName

# Seconds after which something is said, and between two looks.
_PATIENCE = 1.0
_PAUSE = 1.0


@click.command()
@click.argument("names", metavar="[NAME...]", nargs=-1)
@click.option("--wait", callback=seconds, metavar="TIME", help="Look again until nothing fails, this long at most.")
@click.option("--timeout", default="5s", show_default=True, callback=seconds, help="How long one look may take.")
@click.option(
    "--fail-on",
    type=click.Choice(["warning", "error"]),
    default="error",
    show_default=True,
    help="From which level on the exit code is 1.",
)
@click.option("--only", multiple=True, metavar="CATEGORY|ID", help="Tell of these alone; repeatable.")
@click.option("--skip", multiple=True, metavar="CATEGORY|ID", help="Do not tell of these; repeatable.")
@click.option("--list", "list_all", is_flag=True, help="Tell all that can be found, and look at nothing.")
@config_options
@output_options
@click.pass_obj
def check(  # noqa: PLR0917 - an argument for each option
    invocation: Invocation,
    names: tuple[str, ...],
    wait: float | None,
    timeout: float,
    fail_on: str,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    *,
    list_all: bool,
) -> int:
    """Look for what is wrong, and say how to mend it.

    Without NAMEs the services of the configuration are looked at; where it has none, those that the registry lists.
    Nothing is changed. Each endpoint gets one connection and one HEAD request, of "/" or of the path in health.path,
    and none where health.tcp is set. The exit code is 1 where anything is found at the level of --fail-on or above.
    """
    renderer = invocation.renderer()
    checks, unusable = brought_checks()
    kinds = (*KINDS, *(kind for each in checks for kind in each.kinds))
    if list_all:
        renderer.show(listing(kinds))
        return ExitStatus.OK
    try:
        choice = Choice.of(only, skip, kinds)
    except ValueError as exc:
        raise click.UsageError(str(exc)) from None
    asker = Asker(
        path=invocation.config,
        resolver=invocation.resolver,
        sets=tuple(invocation.sets),
        names=_parsed(names),
        environ=dict(os.environ),
        cwd=Path.cwd(),
        limit=timeout,
    )
    stage = _Stage(invocation)
    tour = Tour(asker, lambda category: choice.category(category, kinds), stage.enter, checks, unusable)
    looking = _Looking(tour, stage, choice, Level(fail_on))
    report = asyncio.run(looking.until_well(wait))
    renderer.show(report.answer())
    return ExitStatus.FAILED if report.failed else ExitStatus.OK


class _Stage:
    """What is being looked at, told where it takes longer than somebody waits without a word."""

    def __init__(self, invocation: Invocation) -> None:
        self.say = invocation.say
        self._now = ""

    def enter(self, what: str) -> None:
        """`what` is looked at from now on."""
        self._now = what

    async def tell(self) -> None:
        """Say so now and then, until cancelled."""
        began = time.monotonic()
        while True:
            await asyncio.sleep(_PATIENCE)
            self.say(f"looking at {self._now} for {format_duration(float(round(time.monotonic() - began)))}")


@dataclass(frozen=True, slots=True)
class _Looking:
    """One look, or several."""

    tour: Tour
    stage: _Stage
    choice: Choice
    fail_on: Level

    async def until_well(self, wait: float | None) -> Report:
        """The last look: the first one that finds nothing that fails, or the one at which `wait` seconds are over."""
        end = time.monotonic() + (wait or 0.0)
        while True:
            report = await self._once()
            left = end - time.monotonic()
            if not report.failed or left <= 0:
                return report
            ids = ", ".join(dict.fromkeys(each.kind.id for each in report.failed))
            self.stage.say(f"waiting, {format_duration(float(round(left)))} left: {ids}")
            await asyncio.sleep(min(_PAUSE, left))

    async def _once(self) -> Report:
        telling = asyncio.create_task(self.stage.tell())
        try:
            outcomes = await self.tour.take()
        finally:
            telling.cancel()
        return Report([each for each in outcomes if self.choice.wants(each)], self.fail_on, self.tour.services)


def _parsed(names: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(ServiceName.parse(name).value for name in names))
    except ValueError as exc:
        raise ConfigError(str(exc)) from None
