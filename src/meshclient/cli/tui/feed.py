"""What the live screen is told: the events of a process, and again those of the next one at its address."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol

from meshclient.cli.complaint import CommandError

if TYPE_CHECKING:
    from meshclient.cli.attached import Attached, Document

# Seconds between two trials to reach a process that has gone.
AGAIN = 1.0


class Watcher(Protocol):
    """Who is told."""

    def seen(self, state: Document) -> None:
        """The state, each second or so."""
        ...

    def decided(self, decisions: list[Document]) -> None:
        """Decisions, the newest last."""
        ...

    def lost(self, why: str) -> None:
        """The process cannot be asked for now; told each time that it is tried."""
        ...


async def follow(process: Attached, watcher: Watcher) -> None:
    """Tell `watcher` of `process` until cancelled, whatever becomes of it."""
    while True:
        try:
            async with process, aclosing(process.events()) as events:
                async for event, data in events:
                    if event == "state":
                        watcher.seen(data)
                    elif event == "decisions":
                        watcher.decided(data["decisions"])
                    elif event == "decision":
                        watcher.decided([data])
        except CommandError as error:
            watcher.lost(error.complaint.what)
        else:
            watcher.lost(f"the process at {process} has ended")
        await asyncio.sleep(AGAIN)
