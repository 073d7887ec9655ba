"""The primitives in which waiting differs between the colours; everything else of the twins is generated.

A blocking call cannot be interrupted from outside, so its time limit lies in the socket timeouts that every attempt
carries anyway, and `limit` only keeps the shape. An asynchronous one waits as its loop does: asyncio's, or trio's
(`meshclient.http.foreign`).
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import nullcontext, suppress
from contextvars import ContextVar
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from meshclient.engine.sweep import sweep
from meshclient.http.lag import PatientTimeout

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from meshclient.core.limit.turn import Turn
    from meshclient.mesh import MeshService
    from meshclient.model.snapshot import Snapshot

_UNLIMITED: AbstractContextManager[object] = nullcontext()
# Seconds by which the limits that lie in the sockets exceed the one around them, so that this one strikes first: it
# knows whether the loop stood still.
SLACK = 1.0
# Told of pauses instead of waiting for them: for tests (`meshclient.testing.waits`).
SKIPS: ContextVar[Callable[[float], None] | None] = ContextVar("meshclient_skips", default=None)


def async_limit(seconds: float, grace: float, stood: float) -> AbstractAsyncContextManager[object]:
    """Raises TimeoutError inside when `seconds` pass first; infinity never does.

    Of the time for which the loop stands still, as `async_stood` tells it since it was `stood`, up to `grace` seconds
    are not counted.
    """
    if seconds == inf:
        return nullcontext()
    if async_runs():
        return PatientTimeout(seconds, grace, stood)
    from meshclient.http import foreign

    return foreign.limit(seconds)


def limit(seconds: float, grace: float, stood: float) -> AbstractContextManager[object]:  # noqa: ARG001 - its twin's
    """Keeps the shape of `async_limit`; sockets carry the limit themselves."""
    return _UNLIMITED


def async_bound(seconds: float) -> float:
    """The limit to give to sockets for what `async_limit` bounds by `seconds`."""
    return seconds + SLACK


def bound(seconds: float) -> float:
    """The limit to give to sockets."""
    return seconds


def async_stood() -> float:
    """Seconds for which the running loop has stood still, to be compared with a later reading.

    It is measured on asyncio's loops; 0 on every other.
    """
    return sweep().stood() if async_runs() else 0.0


def stood() -> float:
    """Without a loop nothing can stand still unseen: always 0."""
    return 0.0


async def async_turn(turn: Turn, seconds: float) -> bool:
    """Wait until the turn comes; False when `seconds` pass first."""
    if not async_runs():
        from meshclient.http import foreign

        return await foreign.turn(turn, seconds)
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    turn.watch(partial(_wake, loop, came))
    try:
        async with asyncio.timeout(None if seconds == inf else seconds):
            await came.wait()
    except TimeoutError:
        return turn.came
    return True


def _wake(loop: asyncio.AbstractEventLoop, came: asyncio.Event) -> None:
    # A loop that is closed has nobody left to wake.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(came.set)


def turn(place: Turn, seconds: float) -> bool:
    """Wait until the turn comes; False when `seconds` pass first."""
    came = threading.Event()
    place.watch(came.set)
    return came.wait(None if seconds == inf else seconds) or place.came


async def async_pause(seconds: float, clock: Callable[[], float] | None = None) -> None:
    """Wait; where `clock` is one that tests advance (it has a method `skip`), let it pass the time."""
    if _skipped(seconds, clock):
        seconds = 0.0
    if async_runs():
        await asyncio.sleep(seconds)
        return
    from meshclient.http import foreign

    await foreign.pause(seconds)


def pause(seconds: float, clock: Callable[[], float] | None = None) -> None:
    """As `async_pause`."""
    if not _skipped(seconds, clock):
        time.sleep(seconds)


def passed(seconds: float, clock: Callable[[], float]) -> None:
    """So long was waited in vain; a clock that tests advance does not know of it by itself."""
    skip: Callable[[float], None] | None = getattr(clock, "skip", None)
    if skip is not None:
        skip(seconds)


def _skipped(seconds: float, clock: Callable[[], float] | None) -> bool:
    skip: Callable[[float], None] | None = SKIPS.get() or getattr(clock, "skip", None)
    if skip is not None and seconds > 0:
        skip(seconds)
    return skip is not None


async def async_new_list(service: MeshService, stale: Snapshot, seconds: float) -> bool:
    """Wait until the service's snapshot is another; False when `seconds` pass first."""
    wait = partial(service.watch.wait_async, stale, None if seconds == inf else seconds)
    if async_runs():
        return await wait()
    from meshclient.discovery.runtime.foreign import hosted

    return await hosted(wait)


def new_list(service: MeshService, stale: Snapshot, seconds: float) -> bool:
    """Wait until the service's snapshot is another; False when `seconds` pass first."""
    return service.watch.wait(stale, None if seconds == inf else seconds)


def runs() -> bool:
    """Blocking calls are made anywhere."""
    return True


def here() -> object:
    """What connections belong to: every thread may use any."""
    return None


# Whether the caller's loop is asyncio's, or one like it: the engine runs on no other. The loop, or None.
async_runs: Callable[[], object] = asyncio._get_running_loop  # noqa: SLF001 - the public one raises, which costs more
# What connections belong to: the running loop. Asked for every call, so without a frame of ours.
async_here: Callable[[], object] = asyncio.get_running_loop
