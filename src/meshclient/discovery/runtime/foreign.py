"""Callers on trio, the one loop beside asyncio's that httpx runs on.

What they wait for in asyncio's terms is waited for on the discovery loop, and cancelled there with them, so that a call
that is given up leaves no thread behind. trio is imported where it runs already, and nowhere else: its import alone
opens files.
"""

from __future__ import annotations

import sys
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from meshclient.discovery.runtime.loop import background

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import trio

_T = TypeVar("_T")


async def hosted(begin: Callable[[], Coroutine[object, object, _T]]) -> _T:
    """What a coroutine function of asyncio's kind returns or raises, run on the discovery loop.

    Cancellation returns at once, and cancels it there. Raises RuntimeError as `require_trio`.
    """
    require_trio()
    import trio

    answer: Future[_T] = Future()
    over = trio.Event()
    ring = bell(over)

    async def carry() -> None:
        try:
            answer.set_result(await begin())
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            answer.set_exception(error)

    job = background().run(carry, survives_fork=False)
    job.ended.add_done_callback(lambda _: ring())
    try:
        await over.wait()
    finally:
        # Nothing happens to one that is over.
        background().cancel(job)
    # In a forked child the job is over without an answer.
    return answer.result(timeout=0)


def bell(event: trio.Event) -> Callable[[], None]:
    """Sets `event`, of the running loop, from any thread; a loop that has ended has nobody left to wake."""
    import trio

    return partial(_ring, trio.lowlevel.current_trio_token(), event)


def _ring(token: trio.lowlevel.TrioToken, event: trio.Event) -> None:
    import trio

    with suppress(trio.RunFinishedError):
        token.run_sync_soon(event.set)


def require_trio() -> None:
    """Raises RuntimeError where neither asyncio, as the caller knows, nor trio runs."""
    if "trio" not in sys.modules:
        msg = "no event loop runs here: await this in a coroutine of asyncio or trio"
        raise RuntimeError(msg)
