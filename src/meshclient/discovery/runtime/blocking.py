"""Calls that block, kept off the discovery loop: one that hangs would stop every watch and every lease on it.

A daemon thread for each call, and not the loop's executor: the end of the process and the end of the loop both wait for
an executor's threads, and so for a network mount that no longer answers.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

THREAD_NAME = "meshclient-blocking"
_P = ParamSpec("_P")
_T = TypeVar("_T")


async def off_loop(call: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """What `call` returns or raises, from a thread of its own; for resolvers whose source is read by blocking calls.

    Cancellation returns at once; the call then runs to its end unheard, and nothing waits for it.
    """
    answer: Future[_T] = Future()
    # A call that has begun cannot be cancelled, so that the thread may always tell its outcome.
    answer.set_running_or_notify_cancel()

    def work() -> None:
        try:
            answer.set_result(call(*args, **kwargs))
        except Exception as exc:  # noqa: BLE001 - raised again where it is awaited
            answer.set_exception(exc)

    try:
        threading.Thread(target=work, name=THREAD_NAME, daemon=True).start()
    except RuntimeError:
        # From Python 3.12 on no thread can be started once the main thread has ended; a last word is still said.
        if threading.main_thread().is_alive():
            raise
        work()
    return await asyncio.wrap_future(answer)
