"""A time limit on work that is not an exchange, such as connecting, kept by the sweep."""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING

from meshclient.engine.sweep import LOOK, TOLERANCE

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from meshclient.engine.sweep import Sweep


class Limit:
    """As `asyncio.timeout`, but time for which the loop stood still is given back once. Raises TimeoutError inside.

    Args:
        sweep: that keeps it.
        now: clock.
        due: clock when the time is up.
        last: clock up to which time may be given back.
    """

    __slots__ = (
        "_cancelling",
        "_last",
        "_looked",
        "_stood",
        "_sweep",
        "_task",
        "began",
        "busy",
        "due",
        "fired",
        "watched",
    )

    def __init__(self, sweep: Sweep, now: float, due: float, last: float) -> None:
        self._sweep = sweep
        self._last = last
        self._looked = self.fired = self.watched = False
        self._stood = 0.0
        self.began = now
        self.due = due
        self.busy = True

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            msg = "a time limit needs a task: await the call in a coroutine of an event loop"
            raise RuntimeError(msg)
        self._task: asyncio.Task[object] | None = task
        # A call may be made while its task is being cancelled, to clean up: what was asked for then is not ours.
        self._cancelling = task.cancelling()
        self._sweep.watch(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.busy = False
        task, self._task = self._task, None
        # The sweep lets go of this a moment later, and a task holds what it has returned.
        if self.fired and task is not None and task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def expire(self, now: float) -> None:
        """The time is up, unless the loop stood still."""
        if self._stood > TOLERANCE and not self._looked:
            self._looked = True
            lost = self._stood - (now - self.due)
            self.due = now + max(LOOK, min(lost, self._last - now))
            return
        self.due = inf
        self.fired = True
        if self._task is not None:
            self._task.cancel()

    def stand(self, late: float, now: float) -> None:
        """The loop stood still."""
        self._stood += min(late, now - self.began)
