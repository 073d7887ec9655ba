"""One thing done for all who wait for it; where the colours differ, and not generated therefore.

As a task, so that whoever is cancelled takes nobody's work along; or by the thread that gets there first, while the
others wait for its lock.
"""

from __future__ import annotations

import asyncio
import threading
from math import inf
from typing import TYPE_CHECKING

from meshclient.http.waiting import async_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class AsyncSteps:
    """Steps carried out one after the other, on one loop. A step raises nothing but cancellation.

    Args:
        shared: whether several may wait; one alone needs no task.
    """

    def __init__(self, *, shared: bool) -> None:
        self._shared = shared
        self._task: asyncio.Task[None] | None = None

    async def run(
        self, step: Callable[[], Coroutine[object, object, None]], needed: Callable[[], bool], seconds: float
    ) -> bool:
        """Wait for the step under way, or begin `step` if it is `needed` and wait for it.

        False when `seconds` pass first; it goes on then, as it does where the caller is cancelled.
        """
        task = self._task
        if task is None or task.done():
            if not needed():
                return True
            # Elsewhere than on asyncio's loops nobody shares.
            if not self._shared or not async_runs():
                await step()
                return True
            task = self._task = asyncio.get_running_loop().create_task(step())
        done, _ = await asyncio.wait((task,), timeout=None if seconds == inf else max(0.0, seconds))
        return bool(done)

    async def give_up(self) -> None:
        """Cancel the step under way, and wait for its end."""
        task, self._task = self._task, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait((task,))


class Steps:
    """Steps carried out one after the other, by threads."""

    def __init__(self, *, shared: bool) -> None:
        del shared
        self._lock = threading.Lock()

    def run(self, step: Callable[[], None], needed: Callable[[], bool], seconds: float) -> bool:
        """Carry out `step`, if it is still `needed` once whoever is at it has ended.

        False when `seconds` pass first.
        """
        if not self._lock.acquire(timeout=-1 if seconds == inf else max(0.0, min(seconds, threading.TIMEOUT_MAX))):
            return False
        try:
            if needed():
                step()
        finally:
            self._lock.release()
        return True

    def give_up(self) -> None:
        """Nothing: nobody is at a step when the last one leaves."""
