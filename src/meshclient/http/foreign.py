"""Waiting as trio does it. How long its loop stands still is not measured: such time counts as the endpoint's."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from meshclient.discovery.runtime.foreign import bell, require_trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from meshclient.core.limit.turn import Turn


@asynccontextmanager
async def limit(seconds: float) -> AsyncIterator[None]:
    """Raises TimeoutError when `seconds` pass before what is inside ends."""
    require_trio()
    import trio

    with trio.move_on_after(seconds) as scope:
        yield
    if scope.cancelled_caught:
        raise TimeoutError


async def turn(place: Turn, seconds: float) -> bool:
    """Wait until the turn comes; False when `seconds` pass first."""
    require_trio()
    import trio

    came = trio.Event()
    place.watch(bell(came))
    with trio.move_on_after(seconds) as scope:
        await came.wait()
    return place.came if scope.cancelled_caught else True


async def pause(seconds: float) -> None:
    """Wait."""
    require_trio()
    import trio

    await trio.sleep(seconds)
