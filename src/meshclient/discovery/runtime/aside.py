"""Blocking calls that run beside the caller's thread: the attempts of a synchronous call that may be hedged.

A socket that is being read cannot be interrupted, so two attempts at once need two threads. They are daemons, and kept
for the next attempt for a while, because starting one costs about as much as the rest of a call.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

THREAD_NAME = "meshclient-aside"
# Seconds a thread waits for another call before it ends.
IDLE = 10.0
_T = TypeVar("_T")

_Job = tuple["Future[object]", "Callable[[], object]"]


class Aside:
    """Threads that are there when they are needed."""

    def __init__(self) -> None:
        self._idle: list[SimpleQueue[_Job]] = []
        self._pid = os.getpid()

    def run(self, call: Callable[[], _T]) -> Future[_T]:
        """What `call` will return or raise, from another thread, in the caller's context.

        Where no thread can be started it has returned or raised already, on the caller's own.
        """
        if self._pid != os.getpid():
            # Threads do not live on in a child process.
            self._idle, self._pid = [], os.getpid()
        answer: Future[_T] = Future()
        context = copy_context()
        job: _Job = (answer, lambda: context.run(call))  # type: ignore[assignment]
        try:
            # One step of the interpreter, so that no lock is needed.
            self._idle.pop().put(job)
        except IndexError:
            jobs: SimpleQueue[_Job] = SimpleQueue()
            jobs.put(job)
            try:
                threading.Thread(target=self._work, args=(jobs,), name=THREAD_NAME, daemon=True).start()
            except RuntimeError:
                _carry_out(*job)
        return answer

    def _work(self, jobs: SimpleQueue[_Job]) -> None:
        while True:
            try:
                answer, call = jobs.get(timeout=IDLE)
            except Empty:
                try:
                    self._idle.remove(jobs)
                except ValueError:
                    # Somebody took it at this very moment, and a job is on its way.
                    continue
                return
            _carry_out(answer, call)
            del answer, call
            self._idle.append(jobs)


def _carry_out(answer: Future[object], call: Callable[[], object]) -> None:
    try:
        answer.set_result(call())
    except BaseException as exc:  # noqa: BLE001 - raised again where it is awaited
        answer.set_exception(exc)


ASIDE = Aside()
