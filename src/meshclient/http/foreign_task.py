"""Work beside the callers on trio's loop, where a task otherwise belongs to whoever made room for it.

It is one of the loop's own tasks (`trio.lowlevel.spawn_system_task`), so that nobody's scope ends it but its own: it
outlives the caller that began it, and ends with the loop at the latest. trio is imported where it runs already.
"""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING

from meshclient.discovery.runtime.foreign import require_trio

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_LOG = logging.getLogger("meshclient.call")


class ForeignTask:
    """A coroutine under way, as `asyncio.Task` is on asyncio's loops; in a copy of the caller's context.

    Raises RuntimeError where neither asyncio, as the caller knows, nor trio runs.

    Args:
        work: raises nothing but cancellation.
        ended: called when it is over, or was not begun.

    Attributes:
        loop: where it runs; equal for all of one run of trio.
    """

    def __init__(
        self, work: Callable[[], Coroutine[object, object, None]], ended: Callable[[], None] | None = None
    ) -> None:
        require_trio()
        import trio

        self.loop = trio.lowlevel.current_trio_token()
        self._ended = ended
        self._over = trio.Event()
        self._scope = trio.CancelScope()
        trio.lowlevel.spawn_system_task(self._carry, work, context=copy_context())

    async def _carry(self, work: Callable[[], Coroutine[object, object, None]]) -> None:
        try:
            with self._scope:
                await work()
        except Exception:  # noqa: BLE001 - an error of one of the loop's own tasks ends the loop, and all who run on it
            _LOG.exception("work beside the calls ended with an error")
        finally:
            self._over.set()
            if self._ended is not None:
                self._ended()

    def done(self) -> bool:
        """Whether it is over."""
        return self._over.is_set()

    async def wait(self, seconds: float) -> bool:
        """Wait for its end; False when `seconds` pass first."""
        import trio

        with trio.move_on_after(max(0.0, seconds)):
            await self._over.wait()
        return self.done()

    def cancel(self) -> None:
        """Let it end soon; from its own loop."""
        self._scope.cancel()

    def cancel_from_afar(self) -> None:
        """The same from any thread; where its loop has ended, so has it."""
        with suppress(RuntimeError):
            self.loop.run_sync_soon(self._scope.cancel)

    async def over(self) -> None:
        """Wait for its end, also where the caller is cancelled: for one that was cancelled, and ends soon."""
        import trio

        with trio.CancelScope(shield=True):
            await self._over.wait()


def foreign_loop() -> object:
    """The run of trio that the caller is part of; None where none runs."""
    trio = sys.modules.get("trio")
    return trio.lowlevel.current_trio_token() if trio is not None and trio.lowlevel.in_trio_run() else None
