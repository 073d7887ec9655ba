"""One daemon thread with one event loop for everything that goes on in the background of a process.

The thread exists while there are jobs: it starts with the first and ends with the last, so importing, building and
closing leave nothing behind. A job is a coroutine function rather than a coroutine, because a fork leaves the child
without the thread and every job has to be begun again there.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Protocol

    class Heir(Protocol):
        """What a forked child finds in its memory, and part of which was its parent's alone."""

        def bereave(self) -> None:
            """Forget what other threads were doing; the child has none of them."""
            ...


_LOG = logging.getLogger("meshclient.discovery")

THREAD_NAME = "meshclient-discovery"


class Job:
    """A coroutine running in the background.

    Attributes:
        ended: resolved when it is over.
        survives_fork: whether a forked child begins it again.
    """

    def __init__(self, begin: Callable[[], Coroutine[object, object, None]], *, survives_fork: bool) -> None:
        self.begin = begin
        self.survives_fork = survives_fork
        self.ended: Future[None] = Future()
        self.task: asyncio.Task[None] | None = None
        self.ending = False


class BackgroundLoop:
    """The thread and its jobs. Use `background()` for the one of this process."""

    def __init__(self) -> None:
        self._lock = fork_safe_lock()
        self._jobs: set[Job] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        with _registry:
            _LOOPS.add(self)

    @property
    def busy(self) -> bool:
        """Whether any job runs."""
        return bool(self._jobs)

    def run(self, begin: Callable[[], Coroutine[object, object, None]], *, survives_fork: bool = True) -> Job:
        """Begin a job; returns at once, from any thread."""
        job = Job(begin, survives_fork=survives_fork)
        with self._lock:
            self._hand_over(job)
            self._jobs.add(job)
        return job

    def cancel(self, job: Job) -> None:
        """Ask a job to end; `job.ended` resolves when it has. Does not wait, from any thread.

        Asking again changes nothing. Takes no lock, since the garbage collector gets here too, on a thread that may
        hold it. While the job lives `_loop` is its own; a closed one means that it is over.
        """
        self.call(partial(self._cancel, job))

    def call(self, call: Callable[[], object]) -> None:
        """Run `call` on the loop soon, where there is one; does not wait, from any thread."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(call)

    def _hand_over(self, job: Job) -> None:
        if self._loop is None:
            loop = asyncio.new_event_loop()
            try:
                threading.Thread(target=self._serve, args=(loop,), name=THREAD_NAME, daemon=True).start()
            except RuntimeError:
                # The process may have no more threads; the next job tries again.
                loop.close()
                raise
            self._loop = loop
        self._loop.call_soon_threadsafe(self._begin, job)

    def _begin(self, job: Job) -> None:
        # It outlives the request that happens to begin it, whose trace and deadline are not its own.
        job.task = asyncio.get_running_loop().create_task(job.begin(), context=Context())
        job.task.add_done_callback(lambda task: self._end(job, task))

    def _cancel(self, job: Job) -> None:
        # Once: a second cancellation would break off the clean-up that the first has begun. Task.cancelling() does not
        # tell, since the job's own time limits count there too.
        if job.task is not None and not job.ending:
            job.ending = True
            job.task.cancel()

    def _end(self, job: Job, task: asyncio.Task[None]) -> None:
        with self._lock:
            self._jobs.discard(job)
            if not self._jobs:
                task.get_loop().stop()
                self._loop = None
        error = None if task.cancelled() else task.exception()
        if error is None:
            job.ended.set_result(None)
        else:
            _LOG.error("a background job of meshclient ended with an error", exc_info=error)
            job.ended.set_exception(error)

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
            loop.run_until_complete(loop.shutdown_asyncgens())
            # Its threads have ended with the main thread; from Python 3.12 on no other could be started to join them.
            if threading.main_thread().is_alive():
                loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            loop.close()

    def _restart_in_child(self) -> None:
        # The parent's loop and tasks are kept, not collected: finalising them here would close sockets and selectors
        # that the parent still uses.
        _ABANDONED.append((self._loop, [job.task for job in self._jobs]))
        self._loop = None
        for job in self._jobs:
            # A thread that does not exist here may have held the lock inside the old one.
            job.ended = Future()
            job.task = None
            job.ending = False
            if not job.survives_fork:
                job.ended.set_result(None)
        self._jobs = {job for job in self._jobs if job.survives_fork}
        for job in tuple(self._jobs):  # one may end meanwhile
            self._hand_over(job)


# Seconds to wait for one lock while holding others, and to stand back when it did not come. A thread that holds one may
# itself wait for the interpreter, 5 ms for each other busy thread (sys.getswitchinterval).
_PATIENCE = 0.1
_RETREAT = 0.001

_LOOPS: WeakSet[BackgroundLoop] = WeakSet()
_LOCKS: WeakSet[threading.Lock] = WeakSet()
_HEIRS: WeakSet[Heir] = WeakSet()
_ABANDONED: list[object] = []
# Guards what stands above and below, and is the first lock taken before a fork.
_registry = threading.Lock()
_held: list[threading.Lock] = []
_hooked = False
_process_loop: BackgroundLoop | None = None


def fork_safe_lock() -> threading.Lock:
    """A lock that no fork can leave held by a thread which does not exist in the child.

    It is taken by the forking thread itself before the fork and released on both sides, so that the child finds the
    guarded state whole. Hold it briefly: a fork waits for it.
    """
    global _hooked  # noqa: PLW0603 - hooks of the process, set with the first lock and never at import
    lock = threading.Lock()
    with _registry:
        if not _hooked:
            _hooked = True
            os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
        _LOCKS.add(lock)
    return lock


def inherit(heir: Heir) -> None:
    """Have `heir.bereave()` called in every forked child, before anything runs there; it is held weakly.

    To be called by whoever has a `fork_safe_lock`, since that is what sets the hooks.
    """
    with _registry:
        _HEIRS.add(heir)


def background() -> BackgroundLoop:
    """The background loop of this process."""
    global _process_loop  # noqa: PLW0603 - one per process is the point
    found = _process_loop
    if found is None:
        made = BackgroundLoop()
        with _registry:
            found = _process_loop = _process_loop or made
    return found


def _before_fork() -> None:
    # Another thread may hold one of these locks and wait for a second. Taking them all in an order of our own would
    # deadlock with it, so nothing is kept for long while something is waited for.
    while not _hold_all():
        _after_fork()
        time.sleep(_RETREAT)


def _hold_all() -> bool:
    _registry.acquire()
    _held.append(_registry)
    for lock in list(_LOCKS):
        if not lock.acquire(timeout=_PATIENCE):
            return False
        _held.append(lock)
    return True


def _after_fork() -> None:
    # Taken over first: once `_registry` is free, which is last, another thread's fork may fill the list.
    held, _held[:] = _held[:], []
    for lock in reversed(held):
        lock.release()


def _after_fork_in_child() -> None:
    _after_fork()
    for heir in list(_HEIRS):
        heir.bereave()
    for loop in list(_LOOPS):
        loop._restart_in_child()  # noqa: SLF001 - the other half of this module
