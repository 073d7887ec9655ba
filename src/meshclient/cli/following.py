"""One service as it is followed: each change is shown, or handed to a command, until it is enough."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from meshclient.cli.complaint import CommandError
from meshclient.cli.listing import COLUMNS, age, age_text, cause, rows, snapshot_document, verdict
from meshclient.cli.render import Answer, Format, Sheet, printable
from meshclient.cli.step import Step
from meshclient.model.snapshot import Empty, Pending

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence

    from meshclient import Endpoint, Mesh
    from meshclient.cli.complaint import Complaint
    from meshclient.cli.handler import Handler
    from meshclient.cli.render import Renderer
    from meshclient.mesh import MeshService
    from meshclient.model.snapshot import Snapshot

SCHEMA = "meshclient.watch/v1"
DIFF_SCHEMA = "meshclient.watch_diff/v1"
# Seconds between two drawings of a live table: the age it shows grows.
_REDRAW = 1.0
_COLOURS = {"+": "green", "-": "red", "~": "yellow"}


class Following:
    """Follows a service.

    Args:
        mesh: closed at the end.
        service: whose list.
        count: changes after which it ends, or None.
        period: seconds after which it ends, or None.
        diff: whether only what changed is told.
    """

    def __init__(
        self, mesh: Mesh, service: MeshService, count: int | None, period: float | None, *, diff: bool
    ) -> None:
        self._mesh = mesh
        self._service = service
        self._count = count
        self._period = period
        self._diff = diff
        self._seen = 0
        self._complaint: Complaint | None = None

    async def show(self, renderer: Renderer, color: str) -> None:
        """Write each change, or draw the list in place. Raises the complaint where there was no answer at all."""

        def write(document: Mapping[str, object], step: Step, snapshot: Snapshot) -> None:
            if renderer.form in (Format.JSON, Format.JSONL):
                renderer.line(document)
            elif self._diff:
                self._say(str(document["time"]), step, snapshot, color)
            else:
                renderer.show(Answer(document, [self._sheet(snapshot)], ()))

        if renderer.live and not self._diff:
            await self._to_the_end(self._draw(renderer))
        else:
            await self._to_the_end(self._each(write))
        self._complain()

    async def hand_to(self, handler: Handler) -> int:
        """Hand each change to a command. Raises the complaint as `show` does, and where the command is to be heeded.

        The exit code.
        """

        def hand(document: Mapping[str, object], _: Step, snapshot: Snapshot) -> None:
            handler.hand(document, [endpoint.url for endpoint in snapshot.endpoints])

        changes = asyncio.create_task(self._to_the_end(self._each(hand)))
        handler.listen(changes.cancel)
        running = asyncio.create_task(handler.run())
        try:
            await asyncio.wait({changes, running}, return_when=asyncio.FIRST_COMPLETED)
            if changes.done() and not changes.cancelled() and changes.result():
                # Enough was seen; the command has its time for the last change.
                idle = asyncio.create_task(handler.idle.wait())
                await asyncio.wait({idle, running}, return_when=asyncio.FIRST_COMPLETED)
                idle.cancel()
            if running.done():
                running.result()
        finally:
            changes.cancel()
            await handler.end()
            running.cancel()
            await asyncio.gather(changes, running, return_exceptions=True)
        if handler.asked is None:
            self._complain()
        return handler.code

    async def _to_the_end(self, following: Coroutine[object, object, None]) -> bool:
        """Whether the changes were enough, rather than their time over."""
        enough = False
        try:
            async with asyncio.timeout(self._period):
                await following
                enough = True
        except TimeoutError:
            pass
        finally:
            # Before the end of the mesh, which is told as an outage.
            last = self._service.snapshot
            await self._mesh.aclose()
            self._complaint = verdict(self._service.name, last, "--for")
            if age(last, self._service.clock()) is not None:
                self._complaint = None
        return enough

    def _complain(self) -> None:
        if self._complaint:
            raise CommandError(self._complaint)

    async def _each(self, tell: Callable[[Mapping[str, object], Step, Snapshot], None]) -> None:
        before: Sequence[Endpoint] = ()
        async with aclosing(_changes(self._service)) as changes:
            async for snapshot in changes:
                self._seen += 1
                step = Step.between(before, snapshot.endpoints)
                tell(self._document(step, snapshot), step, snapshot)
                before = snapshot.endpoints
                if self._seen == self._count:
                    return

    def _document(self, step: Step, snapshot: Snapshot) -> dict[str, object]:
        document = snapshot_document(self._service.name, snapshot, self._service.clock())
        moment = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        if not self._diff:
            return {"schema": SCHEMA, "time": moment, **document, **step.urls()}
        document["endpoints"] = len(snapshot.endpoints)
        return {"schema": DIFF_SCHEMA, "time": moment, **document, **step.document()}

    async def _draw(self, renderer: Renderer) -> None:
        from rich.live import Live

        # Drawn from here: rich would start a thread to do it by itself.
        with Live(console=renderer.console(), auto_refresh=False) as live:
            async with aclosing(_changes(self._service, _REDRAW)) as changes:
                drawn: object = None
                async for snapshot in changes:
                    self._seen += _facts(snapshot) != drawn
                    drawn = _facts(snapshot)
                    live.update(renderer.table(self._sheet(snapshot)), refresh=True)
                    if self._seen == self._count:
                        return

    def _sheet(self, snapshot: Snapshot) -> Sheet:
        parts = [
            f"{self._service.name}: {snapshot.state}",
            snapshot.source,
            f"version {snapshot.version}",
            age_text(age(snapshot, self._service.clock())),
            f"{self._seen} change{'s' if self._seen != 1 else ''}",
            cause(self._service.name, snapshot),
        ]
        return Sheet(", ".join(part for part in parts if part), COLUMNS, rows(snapshot))

    def _say(self, moment: str, step: Step, snapshot: Snapshot, color: str) -> None:
        """The change in words: a line for it, and one for each endpoint that it is about."""
        count = len(snapshot.endpoints)
        kept = " kept" if snapshot.state != "ready" and count else ""
        parts = [
            f"{moment[:19]}Z  {self._service.name}: {snapshot.state}",
            f"version {snapshot.version}",
            f"{count} endpoint{'s' if count != 1 else ''}{kept}",
            cause(self._service.name, snapshot),
        ]
        told = list(step.words())
        width = max((len(url) for _, url, _ in told), default=0)
        click.echo(printable(", ".join(part for part in parts if part)))
        for sign, url, text in told:
            line = printable(f"  {sign} {url:{width}}  {text}".rstrip())
            click.echo(click.style(line, _COLOURS[sign]), color=coloured(color))


def coloured(color: str) -> bool | None:
    """What click is to do with colours: keep them, drop them, or see for itself whether there is a terminal."""
    if color != "auto":
        return color == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("FORCE_COLOR") else None


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
