"""Whether one more request is served now: there is a place, and the event loop keeps up.

Whoever is refused hears so at once, and may go elsewhere while there is time; one that is let in beyond what the
process can do makes all others late as well. What is critical is served whatever the load is, and counted.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import nullcontext
from http import HTTPStatus
from math import inf
from typing import TYPE_CHECKING

from meshclient.integrations.load import Load
from meshclient.integrations.problem import problem

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from meshclient.integrations.options import Inbound
    from meshclient.integrations.reply import Reply


class Admission:
    """Counts requests in and out, and refuses some.

    Args:
        options: of the middleware.
        lock: guards the state where threads share it; held for a moment.
    """

    def __init__(self, options: Inbound, lock: AbstractContextManager[object] | None = None) -> None:
        self._limit = inf if options.limit is None else options.limit
        self._working = 0
        # Given back by finalizers, which may hold up a thread that has the lock.
        self._forgotten: deque[None] = deque()
        self._load = Load(options.limit, time.process_time, time.monotonic())
        self._lock = lock or nullcontext()
        self._max_lag = options.max_lag
        whole = tuple(path for path in options.critical if not path.endswith("*"))
        self._critical = frozenset(whole)
        self._beginnings = tuple(path[:-1] for path in options.critical if path.endswith("*"))
        self._full = problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "This instance serves as many requests as it can; nothing was done.",
            options.retry_after,
        )
        self._late = problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "This instance does not keep up with what it has to do; nothing was done.",
            options.retry_after,
        )

    @property
    def in_flight(self) -> int:
        """Requests that are being served."""
        return self._working - len(self._forgotten)

    def critical(self, path: str, priority: str) -> bool:
        """Whether a request is served in any case.

        Args:
            path: its path.
            priority: its header of that name (RFC 9218), where that is to be trusted.
        """
        if path in self._critical or (self._beginnings and path.startswith(self._beginnings)):
            return True
        # Its other parameters may stand around (section 4); the first value of a key that comes twice is as good.
        return "u=0" in priority and any(part.strip() == "u=0" for part in priority.split(","))

    def enter(self, now: float, stood: float | None, path: str, priority: str) -> Reply | None:
        """What the request is answered; None for one that is served, and then to be counted out by `leave` or `drop`.

        Args:
            now: monotonic seconds.
            stood: seconds the loop has stood still so far, None where there is no loop.
            path: as in `critical`.
            priority: as in `critical`.
        """
        with self._lock:
            while self._forgotten:
                self._forgotten.pop()
                self._working -= 1
            refusal = self._refusal(now, stood)
            if refusal is None or self.critical(path, priority):
                self._working += 1
                self._load.entered(self._working, now)
                return None
            self._load.refused()
        return refusal

    def leave(self, now: float, *, failed: bool | None) -> None:
        """The request is over, with its application's whole work; None where nobody waited for its answer."""
        with self._lock:
            self._working -= 1
            self._load.left(self._working, now, failed=failed)

    def drop(self) -> None:
        """Nobody will say when it is over; without the lock, from a finalizer. Free from the next one that comes."""
        self._forgotten.append(None)

    def report(self, now: float, stood: float | None) -> str:
        """The load report; empty within the first second."""
        with self._lock:
            return self._load.look(now, stood)

    def _refusal(self, now: float, stood: float | None) -> Reply | None:
        if self._max_lag is not None and stood is not None and self._load.lag(now, stood) > self._max_lag:
            return self._late
        return self._full if self._working >= self._limit else None
