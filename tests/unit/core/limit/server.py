"""A server with so many workers behind a gate, in virtual time."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import TYPE_CHECKING

from meshclient.core.circuit import Refusal
from meshclient.model.outcome import Mark

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.core.limit.gate import Gate
    from meshclient.core.limit.place import Place


@dataclass
class Server:
    """Calls arrive as a Poisson process; each takes a worker about `service` seconds.

    What finds no worker waits at the server, or is refused there within a millisecond when `backlog` others wait.
    `broken` is the share of calls that fails at once whatever the load. `limits` holds a (time, limit) for each call.
    """

    gate: Gate
    workers: int
    service: float = 0.05
    backlog: float = float("inf")
    broken: float = 0.0
    seed: int = 1
    now: float = 1000.0
    served: int = 0
    refused: int = 0
    latencies: list[float] = field(default_factory=list)
    limits: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rng = Random(self.seed)
        self._busy = 0
        self._waiting: deque[tuple[Place, float]] = deque()
        self._endings: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = count()

    def run(self, seconds: float, rate: float) -> None:
        """Let calls arrive for so long, `rate` a second."""
        until = self.now + seconds
        while True:
            arrival = self.now + self._rng.expovariate(rate)
            while self._endings and self._endings[0][0] <= min(arrival, until):
                at, _, end = heapq.heappop(self._endings)
                end(at)
            if arrival >= until:
                self.now = until
                return
            self.now = arrival
            self._arrive(arrival)
            self.limits.append((arrival, self.gate.concurrency))

    def mean_limit(self, seconds: float) -> float:
        """Over the last so many seconds."""
        last = [limit for at, limit in self.limits if at >= self.now - seconds]
        return sum(last) / len(last)

    def _arrive(self, now: float) -> None:
        place = self.gate.enter(0, now)
        if isinstance(place, Refusal):
            self.refused += 1
            return
        assert place.came
        if len(self._waiting) >= self.backlog or self._rng.random() < self.broken:
            self._later(now + 0.001, lambda at: place.leave(Mark.FAILURE, None, at))
        elif self._busy < self.workers:
            self._busy += 1
            self._begin(place, now, now)
        else:
            self._waiting.append((place, now))

    def _begin(self, place: Place, came: float, now: float) -> None:
        def end(at: float) -> None:
            self.served += 1
            self.latencies.append(at - came)
            place.leave(Mark.SUCCESS, at - came, at)
            if self._waiting:
                self._begin(*self._waiting.popleft(), at)
            else:
                self._busy -= 1

        self._later(now + self.service * self._rng.lognormvariate(0.0, 0.3), end)

    def _later(self, at: float, end: Callable[[float], None]) -> None:
        heapq.heappush(self._endings, (at, next(self._order), end))
