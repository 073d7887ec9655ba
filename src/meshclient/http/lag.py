"""Time limits around a call that do not count what the caller's own event loop stood still.

How long that was is measured by the engine's sweep (`meshclient.engine.sweep`), whatever carries the attempts.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from meshclient.engine.sweep import LOOK, TOLERANCE, sweep

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class PatientTimeout:
    """As `asyncio.timeout`, but what the loop stood still is not counted, once, and `grace` permitting.

    In any case a limit that fires late because of that looks at the sockets once more. Raises TimeoutError inside when
    the time is up.

    Args:
        seconds: the limit.
        grace: seconds that may be given back.
        stood: `Sweep.stood` when it began.
    """

    __slots__ = ("_cancelling", "_fired", "_grace", "_handle", "_looked", "_loop", "_seconds", "_stood", "_task")

    def __init__(self, seconds: float, grace: float, stood: float) -> None:
        self._seconds = seconds
        self._grace = grace
        self._stood = stood
        self._fired = False
        self._looked = False

    async def __aenter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            msg = "a time limit needs a task: await the call in a coroutine of an event loop"
            raise RuntimeError(msg)
        self._task = task
        # A call may be made while its task is being cancelled, to clean up: what was asked for then is not ours.
        self._cancelling = task.cancelling()
        self._loop = asyncio.get_running_loop()
        due = self._loop.time() + self._seconds
        self._handle = self._loop.call_at(due, self._fire, due)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handle.cancel()
        if not self._fired or self._task.uncancel() > self._cancelling:
            return
        if kind is not None and issubclass(kind, asyncio.CancelledError):
            raise TimeoutError from error

    def _fire(self, due: float) -> None:
        if not self._looked and (stood := sweep().stood() - self._stood) > TOLERANCE:
            self._looked = True
            lost = stood - (self._loop.time() - due)
            self._handle = self._loop.call_later(max(LOOK, min(lost, self._grace)), self._fire, due)
            return
        self._fired = True
        self._task.cancel()
