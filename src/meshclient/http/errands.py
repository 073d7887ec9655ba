"""Work beside a call that the call does not wait for; where the colours differ, and not generated therefore.

A coroutine becomes a task of the running loop, asyncio's or trio's. A blocking call runs on a thread that the discovery
runtime owns and starts for it, as those of resolvers do; where no thread can be started it is left undone.
"""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import TYPE_CHECKING

from meshclient.discovery.runtime.background import CLOSE_TIMEOUT
from meshclient.discovery.runtime.blocking import off_loop
from meshclient.discovery.runtime.loop import background
from meshclient.http.foreign_task import ForeignTask, foreign_loop
from meshclient.http.waiting import async_here, async_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from meshclient.discovery.runtime.loop import Job

# Work that is under way when its owner is closed may end within this many seconds; an end by cancellation is as good.
GRACE = CLOSE_TIMEOUT


class AsyncErrands:
    """Coroutines under way beside the calls."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._foreign: set[ForeignTask] = set()

    def renew(self) -> None:
        """Nothing: tasks are their loop's, which a forked child does not run on."""

    def begin(self, errand: Callable[[], Coroutine[object, object, None]], ended: Callable[[], None]) -> None:
        """Begin `errand`, which must raise nothing but cancellation; `ended` is called when it is over, or was not."""
        if not async_runs():

            def over() -> None:
                self._foreign.discard(foreign)
                ended()

            foreign = ForeignTask(errand, over)
            self._foreign.add(foreign)
            return
        task = asyncio.get_running_loop().create_task(errand())
        # A loop holds its tasks weakly.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: ended())

    async def aclose(self) -> None:
        """Let what is under way on this loop end within `GRACE` seconds, cancel the rest, and wait for that."""
        if self._foreign and not async_runs():
            await self._end_foreign()
        loop = async_here() if async_runs() else None
        own = {task for task in self._tasks if task.get_loop() is loop}
        if own:
            _, late = await asyncio.wait(own, timeout=GRACE)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        for task in self._tasks - own:
            # Another thread's loop, or one that is closed and whose tasks will never go on.
            with suppress(RuntimeError):
                task.get_loop().call_soon_threadsafe(task.cancel)
        for foreign in self._foreign.copy():
            foreign.cancel_from_afar()

    async def _end_foreign(self) -> None:
        loop, ends = foreign_loop(), time.monotonic() + GRACE
        own = {task for task in self._foreign.copy() if task.loop is loop}
        try:
            for task in own:
                await task.wait(ends - time.monotonic())
        finally:
            for task in own:
                task.cancel()
                await task.over()


class Errands:
    """Blocking calls under way beside the calls."""

    def __init__(self) -> None:
        self._jobs: dict[Job, tuple[Future[None], Callable[[], None]]] = {}
        self._process = os.getpid()

    def renew(self) -> None:
        """In a forked child: what the parent had under way is over here."""
        if self._process != os.getpid():
            self._process = os.getpid()
            jobs, self._jobs = self._jobs, {}
            for _, ended in jobs.values():
                ended()

    def begin(self, errand: Callable[[], None], ended: Callable[[], None]) -> None:
        """Begin `errand`, which must raise nothing; `ended` is called when it is over, or was not begun."""

        async def carry() -> None:
            # No thread is to be had: what nobody waits for is left undone.
            with suppress(RuntimeError):
                await off_loop(errand)

        try:
            job = background().run(carry, survives_fork=False)
        except RuntimeError:
            ended()
            return
        over: Future[None] = Future()
        self._jobs[job] = over, ended

        def end(_: Future[None]) -> None:
            ended()
            self._jobs.pop(job, None)
            over.set_result(None)

        job.ended.add_done_callback(end)

    def close(self) -> None:
        """Let what is under way end within `GRACE` seconds; then it is no longer waited for."""
        jobs = dict(self._jobs)
        wait([over for over, _ in jobs.values()], GRACE)
        for job in jobs:
            background().cancel(job)
