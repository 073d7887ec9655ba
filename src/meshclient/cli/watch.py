"""``meshclient watch``: a service's list, each time it changes."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from meshclient.cli.complaint import CommandError
from meshclient.cli.invocation import Invocation, config_options, output_options
from meshclient.cli.listing import COLUMNS, age, age_text, cause, rows, service_called, snapshot_document, verdict
from meshclient.cli.render import Answer, Format, Sheet
from meshclient.cli.seconds import seconds
from meshclient.model.snapshot import Empty, Pending

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from meshclient import Endpoint, Mesh
    from meshclient.cli.render import Renderer
    from meshclient.mesh import MeshService
    from meshclient.model.snapshot import Snapshot

SCHEMA = "meshclient.watch/v1"
# Seconds between two drawings of a live table: the age it shows grows.
_REDRAW = 1.0


@click.command()
@click.argument("name")
@click.option("--count", type=click.IntRange(min=1), help="End after so many changes; the first answer is one.")
@click.option("--for", "period", metavar="DURATION", callback=seconds, help="End after this time.")
@config_options
@output_options
@click.pass_obj
def watch(invocation: Invocation, name: str, count: int | None, period: float | None) -> None:
    """Follow where a service is.

    Draws a table in place on a terminal; elsewhere, or with -o jsonl or json, writes one JSON line for each change.
    With -o table or wide, elsewhere than on a terminal, writes a table for each change.
    Ends with an interrupt, after --count changes or after --for; an error only where there was no answer at all.
    """
    renderer = invocation.renderer(default=Format.TABLE if sys.stdout.isatty() else Format.JSONL)
    if renderer.form is Format.NAME:
        msg = "names alone do not tell where a change ends; use -o jsonl, or -o table"
        raise click.UsageError(msg)
    with invocation.mesh("background") as mesh:
        asyncio.run(_follow(mesh, service_called(mesh, name), renderer, count, period))


async def _follow(
    mesh: Mesh, service: MeshService, renderer: Renderer, count: int | None, period: float | None
) -> None:
    try:
        async with asyncio.timeout(period):
            if renderer.live:
                await _draw(service, renderer, count)
            else:
                await _print(service, renderer, count)
    except TimeoutError:
        pass
    finally:
        # Before the end of the mesh, which is told as an outage.
        last = service.snapshot
        await mesh.aclose()
    complaint = verdict(service.name, last, "--for")
    if complaint and age(last, service.clock()) is None:
        raise CommandError(complaint)


async def _print(service: MeshService, renderer: Renderer, count: int | None) -> None:
    before: dict[tuple[str, str, int, str], Endpoint] = {}
    seen = 0
    async with aclosing(_changes(service)) as changes:
        async for snapshot in changes:
            after = {endpoint.key: endpoint for endpoint in snapshot.endpoints}
            seen += 1
            document = {
                "schema": SCHEMA,
                "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
                **snapshot_document(service.name, snapshot, service.clock()),
                "added": [str(after[key]) for key in after if key not in before],
                "removed": [str(before[key]) for key in before if key not in after],
                "changed": [str(after[key]) for key in after if before.get(key, after[key]) != after[key]],
            }
            if renderer.form is Format.JSON:
                renderer.line(document)
            else:
                renderer.show(Answer(document, [_sheet(service, snapshot, seen)], ()))
            before = after
            if seen == count:
                return


async def _draw(service: MeshService, renderer: Renderer, count: int | None) -> None:
    from rich.live import Live

    seen = 0
    # Drawn from here: rich would start a thread to do it by itself.
    with Live(console=renderer.console(), auto_refresh=False) as live:
        async with aclosing(_changes(service, _REDRAW)) as changes:
            drawn: object = None
            async for snapshot in changes:
                seen += _facts(snapshot) != drawn
                drawn = _facts(snapshot)
                live.update(renderer.table(_sheet(service, snapshot, seen)), refresh=True)
                if seen == count:
                    return


def _sheet(service: MeshService, snapshot: Snapshot, seen: int) -> Sheet:
    parts = [
        f"{service.name}: {snapshot.state}",
        snapshot.source,
        f"version {snapshot.version}",
        age_text(age(snapshot, service.clock())),
        f"{seen} changes",
        cause(service.name, snapshot),
    ]
    return Sheet(", ".join(part for part in parts if part), COLUMNS, rows(snapshot))


async def _changes(service: MeshService, repeat: float | None = None) -> AsyncGenerator[Snapshot, None]:
    """The snapshots that differ in more than their age; with `repeat`, the latest again after so many seconds."""
    told: object = None
    while True:
        snapshot = service.snapshot
        if not isinstance(snapshot, Pending) and _facts(snapshot) != told:
            told = _facts(snapshot)
            yield snapshot
        elif not await service.watch.wait_async(snapshot, repeat):
            yield service.snapshot


def _facts(snapshot: Snapshot) -> object:
    return (
        snapshot.state,
        snapshot.endpoints,
        isinstance(snapshot, Empty) and snapshot.exists,
    )
