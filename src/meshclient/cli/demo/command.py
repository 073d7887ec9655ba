"""``meshclient demo``: what meshclient does, shown on real processes."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import click

from meshclient.cli.complaint import Complaint
from meshclient.cli.demo.result import answer, sheets
from meshclient.cli.demo.scenario import Demonstration
from meshclient.cli.exit_status import ExitStatus
from meshclient.cli.invocation import OUTPUT_VARIABLE, Invocation, output_options

if TYPE_CHECKING:
    from rich.console import RenderableType

    from meshclient.cli.demo.scenario import Happening
    from meshclient.cli.render import Renderer

# Four times a second is as often as a person reads a changing number.
_REDRAW = 0.25


@click.command()
@click.option("--once", is_flag=True, help="No live table: the result at the end.")
@click.option(
    "--duration",
    type=click.FloatRange(4, 600),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the load lasts.",
)
@output_options
@click.pass_obj
def demo(invocation: Invocation, duration: float, *, once: bool) -> int:
    """Lose and slow down real instances under load, and watch.

    Five HTTP servers are started on this machine and registered in a file. The same load goes to them through
    meshclient and through httpx in turn, while one is killed, one slowed, one made to fail, and a sixth added. The
    exit code is 1 where a call through meshclient failed. The configuration is left aside: this shows the defaults.
    """
    if invocation.config or invocation.resolver or invocation.sets:
        raise click.UsageError("demo brings its own configuration: leave --config, --resolver and --set out")
    renderer = invocation.renderer()
    for variable in [name for name in os.environ if name.startswith("MESHCLIENT_") and name != OUTPUT_VARIABLE]:
        del os.environ[variable]
    if renderer.live and not once:
        run = asyncio.run(_live(renderer, duration))
    else:
        run = Demonstration(duration, lambda happening: invocation.say(_line(happening)))
        asyncio.run(run.run())
        renderer.show(answer(run))
    if run.mesh.failed:
        why = f"{run.mesh.failed} of {run.mesh.calls} calls failed; was the machine overloaded?"
        complaint = Complaint(ExitStatus.FAILED, "calls through meshclient failed", why, "run the demo again")
        click.echo(f"error: {complaint}", err=True)
        return ExitStatus.FAILED
    invocation.say(
        f"meshclient: {run.mesh.calls} calls, none failed. "
        f"httpx alone: {run.plain.calls} calls, {run.plain.failed} failed."
    )
    return ExitStatus.OK


async def _live(renderer: Renderer, duration: float) -> Demonstration:
    from rich.live import Live

    console = renderer.console()
    # Drawn from here: rich would start a thread to do it by itself.
    with Live(console=console, auto_refresh=False) as live:
        run = Demonstration(duration, lambda happening: console.print(_line(happening)))

        async def draw() -> None:
            while True:
                run.refresh()
                live.update(_picture(renderer, run), refresh=True)
                await asyncio.sleep(_REDRAW)

        drawing = asyncio.create_task(draw())
        try:
            await run.run()
        finally:
            drawing.cancel()
        live.update(_picture(renderer, run), refresh=True)
    return run


def _picture(renderer: Renderer, run: Demonstration) -> RenderableType:
    from rich.console import Group

    instances, totals = sheets(run)
    return Group(renderer.table(instances), "", renderer.table(totals))


def _line(happening: Happening) -> str:
    return f"{happening.at:5.1f}s  {happening.text}"
