"""A configuration file that is changed while it is in use."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from meshclient.sidecar.arrangement import signature

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

# Seconds between two looks. The file has to be the same twice, since it may be in the middle of being written.
LOOK = 0.5


async def alterations(path: Path | None, pause: float = LOOK) -> AsyncGenerator[None, None]:
    """Yield each time the file has changed and has come to rest. One that is gone has not changed."""
    seen = before = signature(path)
    while path is not None:
        await asyncio.sleep(pause)
        now = signature(path)
        if now == before and now not in (seen, None):
            seen = now
            yield
        before = now
