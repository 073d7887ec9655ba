"""An executor for the time when executors take no more work.

CPython closes every ThreadPoolExecutor once the main thread has ended, before `atexit` runs
(`concurrent.futures.thread._python_exit`). Whoever has a last word to say to a registry then still needs one: asyncio
looks host names up on it, and plugins put their blocking calls there.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


class InPlaceExecutor(ThreadPoolExecutor):
    """Does the work at once, in the thread that asks for it; an event loop accepts no other kind as its default."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call `fn`, and return its result or error as a future that is done."""
        done: Future[T] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - whoever awaits the future is to see it
            done.set_exception(error)
        return done
