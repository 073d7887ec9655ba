"""Time that passes when a test says so.

    >>> clock = ManualClock()
    >>> begun = clock()
    >>> clock.advance(2.5)
    >>> clock() - begun
    2.5

Everything in meshclient that measures time takes a function that returns monotonic seconds; this is one.
"""

from __future__ import annotations

import threading


class ManualClock:
    """A monotonic clock under the control of a test; may be read and advanced from any thread.

    Args:
        now: seconds it shows at first.
    """

    def __init__(self, now: float = 1000.0) -> None:
        self._now = now
        self._lock = threading.Lock()

    def __call__(self) -> float:
        """Seconds."""
        with self._lock:
            return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass. Raises ValueError for a negative number: the clock is monotonic."""
        if not seconds >= 0:
            msg = f"a monotonic clock does not go back: advance({seconds!r})"
            raise ValueError(msg)
        with self._lock:
            self._now += seconds

    def skip(self, seconds: float) -> None:
        """In place of a pause of so many seconds: it is over at once, and they have passed."""
        self.advance(seconds)
