"""``meshclient tap``: the decisions of a running process, as they are made."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING

import click

from meshclient.cli.attached import admin_options, attached
from meshclient.cli.complaint import CommandError, Complaint
from meshclient.cli.exit_status import ExitStatus
from meshclient.cli.invocation import Invocation, config_options, output_options
from meshclient.cli.render import Format, printable
from meshclient.cli.seconds import seconds

if TYPE_CHECKING:
    from meshclient.cli.attached import Attached, Document
    from meshclient.cli.render import Renderer

_STYLES = {"good": "green", "bad": "red"}


@click.command()
@click.option("--service", help="Decisions about this service and its variants only.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many.")
@click.option("--for", "period", metavar="DURATION", callback=seconds, help="End after this time.")
@admin_options
@config_options
@output_options
@click.pass_obj
def tap(
    invocation: Invocation,
    *,
    service: str | None,
    count: int | None,
    period: float | None,
    admin: str | None,
    admin_token_file: str | None,
) -> None:
    """Follow the decisions of a running process.

    A line for each change of state: endpoints ejected and back, circuits, lists and registries, panic, canaries. With
    -o json or jsonl, a JSON document on each line. No request, header or body is shown. Ends with an interrupt, after
    --count or --for, and with an error when the process ends.
    """
    renderer = invocation.renderer()
    if renderer.form is Format.NAME:
        raise click.UsageError("a decision has no name; use -o jsonl, or -o table")
    process = attached(invocation, admin, admin_token_file)
    asyncio.run(_follow(invocation, process, renderer, service=service, count=count, period=period))


async def _follow(
    invocation: Invocation,
    process: Attached,
    renderer: Renderer,
    *,
    service: str | None,
    count: int | None,
    period: float | None,
) -> None:
    seen = 0
    try:
        async with asyncio.timeout(period), process, aclosing(process.events()) as events:
            greeted = False
            async for event, data in events:
                if event == "state" and not greeted:
                    greeted = True
                    _greet(invocation, process, service, data)
                elif event == "left_out":
                    invocation.say(f"{data['decisions']} decisions came faster than they were read, and are left out")
                elif event == "decision" and _concerns(data, service):
                    _show(renderer, data)
                    seen += 1
                    if seen == count:
                        return
    except TimeoutError:
        return
    what = f"the process at {process} has ended, or closed its administration"
    raise CommandError(Complaint(ExitStatus.NETWORK, what, fix="begin again once it runs"))


def _greet(invocation: Invocation, process: Attached, service: str | None, state: Document) -> None:
    known = [each["service"] for each in state["services"]]
    if service is not None and service not in known:
        told = ", ".join(known) or "none yet"
        invocation.say(f"no service {service!r} is in use there so far; in use: {told}")
    invocation.say(f"following process {state['process']['pid']} at {process}")


def _concerns(decision: Document, service: str | None) -> bool:
    return service is None or decision["service"] == service or decision["service"].startswith(f"{service}/")


def _show(renderer: Renderer, decision: Document) -> None:
    if renderer.form in {Format.JSON, Format.JSONL}:
        renderer.line(decision)
        return
    from rich.text import Text

    words = Text(clock(decision["time"]))
    words.append(f"  {printable(decision['service'] or '-')}  ", "bold")
    words.append(printable(decision["words"]), _STYLES.get(decision["level"], ""))
    if renderer.form is Format.WIDE:
        words.append(f"  ({decision['kind']}{', ' + decision['endpoint'] if decision['endpoint'] else ''})")
    console = renderer.console()
    with console.capture() as captured:
        console.print(words, soft_wrap=True)
    click.echo(captured.get(), nl=False, color=True)


def clock(time: str) -> str:
    """The hour here of a time in RFC 3339."""
    return datetime.fromisoformat(time).astimezone().strftime("%H:%M:%S")
