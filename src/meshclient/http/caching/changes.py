"""What was changed through this process, and which responses are older than that.

A response that was asked for before a change and comes after it may show either state. It must neither be kept nor be
given to a call that began after the change: who has written reads what was written.
"""

from __future__ import annotations

# Keys that are remembered; where there are more, all that began before count as older.
_REMEMBERED = 4096


class Changes:
    """Changes of one service's resources, numbered; from any thread.

    Attributes:
        now: the number of the latest one.
    """

    def __init__(self) -> None:
        self.now = 0
        self._before = 0
        self._of: dict[str, int] = {}

    def add(self, key: str) -> None:
        """What is kept under `key` is about to be invalid."""
        if len(self._of) >= _REMEMBERED:
            self._before = self.now + 1
            self._of = {}
        self.now += 1
        self._of[key] = self.now

    def latest(self, key: str) -> int:
        """The number of the latest change of `key`, at most one too late."""
        return self._of.get(key, self._before)
