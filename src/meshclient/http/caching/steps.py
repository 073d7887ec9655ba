"""One thing done for all who wait for it; where the colours differ, and not generated therefore.

As a task of the loop, asyncio's or trio's, so that whoever is cancelled takes nobody's work along; or by the thread
that gets there first, while the others wait for its lock.
"""

from __future__ import annotations

import asyncio
import threading
from math import inf
from typing import TYPE_CHECKING

from meshclient.http.foreign_task import ForeignTask, foreign_loop
from meshclient.http.waiting import async_here, async_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class _Task:
    """A step under way on asyncio's loop, as `ForeignTask` is on trio's.

    Those who wait for it go on as soon as it is done: to wait for an `asyncio.Task` costs a turn of the loop more.
    """

    def __init__(self, step: Callable[[], Coroutine[object, object, None]]) -> None:
        self._over = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._carry(step))
        # One that was cancelled before it began has not come to its own end.
        self._task.add_done_callback(lambda _: self._over.set())

    async def _carry(self, step: Callable[[], Coroutine[object, object, None]]) -> None:
        try:
            await step()
        finally:
            self._over.set()

    def done(self) -> bool:
        return self._over.is_set()

    async def wait(self, seconds: float) -> bool:
        if seconds == inf:
            await self._over.wait()
            return True
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._over.wait()
        except TimeoutError:
            return self.done()
        return True

    def cancel(self) -> None:
        self._task.cancel()

    async def over(self) -> None:
        await asyncio.wait((self._task,))


class AsyncSteps:
    """Steps carried out one after the other, on one loop. A step raises nothing but cancellation.

    Args:
        shared: whether several may wait; one alone needs no task.
    """

    def __init__(self, *, shared: bool) -> None:
        self._shared = shared
        self._task: _Task | ForeignTask | None = None

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
            if not self._shared:
                await step()
                return True
            task = self._task = _Task(step) if async_runs() else ForeignTask(step)
        return await task.wait(seconds)

    async def give_up(self) -> None:
        """Cancel the step under way, and wait for its end."""
        task, self._task = self._task, None
        if task is not None and not task.done():
            task.cancel()
            await task.over()


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


def async_loop() -> object:
    """What tasks, and those who wait for them, have in common: the loop, asyncio's or trio's, if one runs."""
    return async_here() if async_runs() else foreign_loop()


def loop() -> object:
    """Threads of a process wait for each other wherever they run: nothing."""
    return None
