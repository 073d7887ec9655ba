"""Ending what another thread does, and waking who waits there."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

# Seconds that the end of a watch is waited for.
CLOSE_TIMEOUT = 1.0


def wake(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    """Set `event` of another thread's `loop`; a loop that is closed, even at this moment, has nobody waiting."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(event.set)
