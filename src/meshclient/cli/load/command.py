"""Makes a load test of a call, and shows what came of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from meshclient.cli.chart import Bar, Bars, Tone
from meshclient.cli.complaint import CommandError, Complaint, complaint_of
from meshclient.cli.exit_status import ExitStatus
from meshclient.cli.listing import verdict
from meshclient.cli.load.picture import charts, heading, sheets, warnings
from meshclient.cli.load.result import LoadResult
from meshclient.cli.load.run import LoadRun
from meshclient.cli.page import write_page
from meshclient.cli.progress import Progress
from meshclient.cli.render import Answer, Format
from meshclient.cli.sending import terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient import Mesh
    from meshclient.cli.invocation import Invocation
    from meshclient.cli.load.plan import LoadPlan
    from meshclient.cli.load.record import Record
    from meshclient.cli.page import Section
    from meshclient.cli.request import WrittenRequest

# Seconds for the first list: a load that begins without one would measure the registry.
_WARM = 5.0


def load(
    invocation: Invocation,
    mesh: Mesh,
    request: WrittenRequest,
    *,
    plan: LoadPlan,
    deadline: float | None,
    html: str | None,
    check_status: bool,
) -> int:
    """Make the calls of `plan`; the exit code.

    Raises CommandError where the service has no usable endpoint to begin with, and KeyboardInterrupt when what there
    was at an interrupt is shown.
    """
    renderer = invocation.renderer()
    service = _service(mesh, request)
    lines = renderer.form is Format.JSONL

    def ended(record: Record) -> None:
        if lines:
            renderer.line(record.as_dict())

    started = datetime.now(UTC)
    with Progress(quiet=invocation.quiet) as progress:
        run = asyncio.run(
            _made(
                mesh,
                request,
                plan=plan,
                deadline=deadline,
                ended=ended,
                tick=lambda run: progress.tell(lambda: _so_far(run, plan)),
            )
        )
    result = LoadResult(
        request, plan, started, run.records, run.seconds, run.unfinished, run.interrupted, run.held, service
    )
    names = [each.endpoint for each in result.endpoints()]
    document = result.as_dict()
    renderer.show(Answer(document, sheets(result), names, [document], charts(result)))
    for warning in warnings(result):
        invocation.say(f"warning: {warning}")
    if html is not None:
        write_page(html, f"{request.method} {request.url}", page(result))
    if run.interrupted:
        raise KeyboardInterrupt
    return _judged(result, run, check_status=check_status)


def page(result: LoadResult) -> list[Section]:
    """The sections of the page: the charts of the terminal, the tables, and shares as bars."""
    whole, answers, *endpoints = sheets(result)
    shares = [
        Bar(each.endpoint, each.share, f"{each.share:.1%}", Tone.WARN if each.failed else Tone.PLAIN)
        for each in result.endpoints()
    ]
    found: list[Section] = [replace(whole, caption=heading(result)), *charts(result)]
    found.append(replace(answers, caption="Answers"))
    if shares:
        found += [Bars("Shares of the attempts", shares), *(replace(each, caption="Endpoints") for each in endpoints)]
    return found


async def _made(
    mesh: Mesh,
    request: WrittenRequest,
    *,
    plan: LoadPlan,
    deadline: float | None,
    ended: Callable[[Record], None],
    tick: Callable[[LoadRun], None],
) -> LoadRun:
    from meshclient import AsyncClient

    timeout, extensions = terms(mesh, request, deadline)
    async with AsyncClient(mesh=mesh, timeout=timeout) as client:
        run = LoadRun(client, request, plan, extensions=extensions, ended=ended, tick=tick)
        await run.run()
    return run


def _service(mesh: Mesh, request: WrittenRequest) -> str | None:
    """The name of the service, whose list is there; None for a host that is none."""
    import httpx

    url = httpx.URL(request.url)
    service = mesh.service_of(url.scheme, url.host)
    if service is None:
        return None
    snapshot = mesh.warm(service.name, timeout=_WARM)[service.name]
    complaint = verdict(service.name, snapshot, "a registry that answers")
    if complaint is not None and not snapshot.endpoints:
        raise CommandError(complaint)
    return service.name


def _so_far(run: LoadRun, plan: LoadPlan) -> str:
    done, now = len(run.records), run.now
    bad = sum(not record.well for record in run.records)
    return f"{done:,} of {plan.calls:,} calls, {done / now:,.0f}/s" + (f", {bad:,} bad" if bad else "")


def _judged(result: LoadResult, run: LoadRun, *, check_status: bool) -> int:
    """The exit code: of the most frequent error, else of bad answers where they are asked about."""
    total = len(result.records)
    for kind, count in result.errors.items():
        last = complaint_of(run.errors[kind])
        what = f"{count:,} of {total:,} calls had no answer ({kind.replace('_', ' ')})"
        complaint = Complaint(ExitStatus[kind.upper()], what, f"the last one: {last.what}", last.fix)
        click.echo(f"error: {complaint}", err=True)
        return complaint.status
    if check_status and result.bad:
        what = f"{result.bad:,} of {total:,} answers were 4xx or 5xx"
        click.echo(f"error: {Complaint(ExitStatus.BAD_STATUS, what, fix='look at one with -i')}", err=True)
        return ExitStatus.BAD_STATUS
    return ExitStatus.OK
