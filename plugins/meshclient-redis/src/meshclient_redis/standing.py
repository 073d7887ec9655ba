"""Whether Redis is worth asking: after a failure it is left alone for a while, so that calls do not wait in vain."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_LOG = logging.getLogger("meshclient")
# Seconds for which a Redis that failed is left alone: doubled with each failure in a row, up to the limit.
FIRST_PAUSE = 0.25
PAUSE_LIMIT = 5.0
# Seconds without any answer after which even a loop that keeps standing still is no excuse.
DOUBT_LIMIT = 2.0


class Standing:
    """What this process knows of one Redis; from any thread.

    It takes no lock: threads that come at the same moment ask once too often, and nothing else.

    Args:
        source: the store, as a URI without secrets.
        clock: monotonic seconds.

    Attributes:
        trouble: why it cannot be used just now, without secrets; empty where it can.
        faults: questions that failed, or were not put because of an earlier failure.
    """

    def __init__(self, source: str, clock: Callable[[], float]) -> None:
        self.trouble = ""
        self.faults = 0
        self._source = source
        self._clock = clock
        self._pause = FIRST_PAUSE
        self._not_before = 0.0
        self._doubted: float | None = None

    def asks(self, patience: float) -> bool:
        """Whether to put a question now. After a failure one question at a time finds out whether it is back.

        Args:
            patience: seconds until the question has failed.
        """
        if not self.trouble:
            return True
        now = self._clock()
        if now < self._not_before:
            self.faults += 1
            return False
        self._not_before = now + patience
        return True

    def answered(self) -> None:
        """It has answered."""
        self._doubted = None
        if self.trouble:
            _LOG.info("responses are kept in %s again", self._source)
            self.trouble = ""
            self._pause = FIRST_PAUSE

    def undecided(self, trouble: str) -> None:
        """There was no answer, and that may be this process's own fault, which had no time to read it."""
        now, since = self._clock(), self._doubted
        if since is None:
            self._doubted = now
        elif now - since > DOUBT_LIMIT:
            self._doubted = None
            self.failed(trouble)

    def failed(self, trouble: str) -> None:
        """It has not, and why."""
        self.faults += 1
        if not self.trouble:
            _LOG.warning("responses are not kept in %s: %s", self._source, trouble)
        self.trouble = trouble
        self._not_before = self._clock() + self._pause
        self._pause = min(PAUSE_LIMIT, self._pause * 2)
