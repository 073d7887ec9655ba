"""The caller's own event loop, which may stall."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.testing.simulate.timeline import Due, Timeline


class Loop:
    """Runs what the caller does: at once, or after the stall that it is in.

    At the end of a stall asyncio runs the timers that came due before the tasks whose data came, so a timeout wins over
    an answer that lay there all the time. Here it is the same. Of asyncio's own loop it has what
    `meshclient.testing.simulate.lag.LoopLag` needs.

    Args:
        timeline: virtual time.
    """

    __slots__ = ("_answers", "_timeline", "_timers", "_until")

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._until = 0.0
        self._timers: list[Callable[[], None]] = []
        self._answers: list[Callable[[], None]] = []

    def time(self) -> float:
        """Seconds of the run."""
        return self._timeline.now

    def call_at(self, moment: float, action: Callable[[], None]) -> Due:
        """A timer."""
        return self._timeline.at(moment, partial(self.run, action, timer=True))

    def run(self, action: Callable[[], None], *, timer: bool = False) -> None:
        """Run `action` when the loop comes to it; `timer` says that it is the end of a wait."""
        if self._timeline.now < self._until:
            (self._timers if timer else self._answers).append(action)
        else:
            action()

    def stall(self, seconds: float) -> None:
        """Process nothing for so long from now on."""
        self._until = max(self._until, self._timeline.now + seconds)
        self._timeline.at(self._until, self._resume)

    def _resume(self) -> None:
        if self._timeline.now < self._until:
            return
        late, self._timers, self._answers = self._timers + self._answers, [], []
        for action in late:
            action()
