"""How many calls of a service are under way at once, and who is next when there are more.

A call that finds a place goes on at once. Without one it waits in the queue, for as long as its patience lasts, or is
refused: a client that takes on more than the service can do only moves the queue to where nobody can leave it.

Whoever gives a place up hands it to the next in the queue, under the same lock, so that no newcomer can slip in between
and nobody waits beside a free place. The turn is the waiting call's from that moment, also while it gives up and has
not heard of it: then its `leave` hands the place on. A place is therefore always somebody's who will leave.
"""

from __future__ import annotations

from collections import deque
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.core.circuit import Refusal
from meshclient.core.limit.adaptive import Adaptive
from meshclient.core.limit.line import Line
from meshclient.core.limit.place import Decision, Place
from meshclient.model.outcome import Mark

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    Wake = Callable[[], None]


@dataclass(frozen=True, slots=True)
class GateStatus:
    """A gate at one moment, and what it has decided so far.

    Args:
        concurrency: calls that may be under way.
        working: calls that are.
        waiting: calls in the queue.
        entered: calls that found a place at once.
        queued: calls that had to wait; in shadow mode, that would have.
        refused: calls that found neither a place nor room in the queue; in shadow mode, that would not have.
        displaced: calls that lost their place in the queue to a more important one.
        abandoned: calls that gave up in the queue.
    """

    concurrency: int
    working: int
    waiting: int
    entered: int
    queued: int
    refused: int
    displaced: int
    abandoned: int


class Gate:
    """A `Limiter` with a bounded queue.

    Args:
        concurrency: calls under way at once, at least 1; or the rule that finds the number out.
        queue: places for calls that wait, 0 for none.
        patience: most seconds in the queue.
        shadow: decide and count, but let everybody in. As nobody waits then, the calls beyond `concurrency` stand for
            the queue.
        lock: guards the state where threads share it; held for a moment, and never while a callback runs.

    Attributes:
        concurrency: calls that may be under way; where it was lowered, more of them may still be.
        working: calls that are.
    """

    __slots__ = (
        "_abandoned",
        "_adaptive",
        "_displaced",
        "_dropped",
        "_entered",
        "_line",
        "_lock",
        "_patience",
        "_queue",
        "_queued",
        "_refused",
        "_shadow",
        "concurrency",
        "working",
    )

    def __init__(
        self,
        concurrency: int | Adaptive = 256,
        queue: int = 0,
        patience: float = 1.0,
        *,
        shadow: bool = False,
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        self._adaptive = concurrency if isinstance(concurrency, Adaptive) else None
        self.concurrency = concurrency.limit if isinstance(concurrency, Adaptive) else concurrency
        self.working = 0
        self._queue = queue
        self._patience = patience
        self._shadow = shadow
        self._lock = nullcontext() if lock is None else lock
        self._line = Line(patience)
        self._dropped: deque[Place] = deque()
        self._entered = self._queued = self._refused = self._displaced = self._abandoned = 0

    def enter(self, priority: int, now: float) -> Place | Refusal:
        """As `Limiter.enter`."""
        if self._dropped:
            self._collect(now)
        wake: Wake | None = None
        with self._lock:
            if self.working < self.concurrency:
                self.working += 1
                self._entered += 1
                return Place(self, priority, self._patience, now, Decision.ENTER)
            if self._shadow:
                return self._let_in(priority, now)
            if self._line.size >= self._queue:
                last = self._line.last(now) if self._queue else None
                if last is None or last.priority <= priority:
                    self._refused += 1
                    return self._refusal()
                wake = self._displace(last)
            self._queued += 1
            place = Place(self, priority, self._patience, now, Decision.QUEUE)
            place.came = False
            self._line.join(place, now)
        if wake is not None:
            _call(wake)
        return place

    def watch(self, place: Place, wake: Wake) -> None:
        """As `Turn.watch` (called by `Place.watch`)."""
        with self._lock:
            if place.gone:
                return
            if not place.came and place.refusal is None:
                place.wake = wake
                return
        wake()

    def leave(self, place: Place, mark: Mark, latency: float | None, now: float) -> None:
        """As `Turn.leave` (called by `Place.leave`)."""
        with self._lock:
            if place.gone:
                return
            place.gone = True
            if not place.came:
                place.wake = None
                if place.refusal is None:
                    self._abandoned += 1
                    self._line.remove(place)
            else:
                if self._adaptive is not None and mark is not Mark.NEUTRAL:
                    self._learn(self._adaptive, place, mark, latency, now)
                self.working -= 1
            woken = self._advance(now) if self._line.size else ()
        for wake in woken:
            _call(wake)
        if self._dropped and not place.came:
            # Those who wait behind places that nobody holds any more would wait for a newcomer to find it out.
            self._collect(now)

    def drop(self, place: Place) -> None:
        """Take note of a place that nobody will give up (called by `Place.drop`)."""
        self._dropped.append(place)

    def status(self) -> GateStatus:
        """How things are."""
        with self._lock:
            return GateStatus(
                self.concurrency,
                self.working,
                self._line.size,
                self._entered,
                self._queued,
                self._refused,
                self._displaced,
                self._abandoned,
            )

    # Without the lock.

    def _collect(self, now: float) -> None:
        while True:
            try:
                place = self._dropped.popleft()
            except IndexError:
                return
            self.leave(place, Mark.NEUTRAL, None, now)

    # Only under the lock.

    def _let_in(self, priority: int, now: float) -> Place:
        waits = self.working < self.concurrency + self._queue
        if waits:
            self._queued += 1
        else:
            self._refused += 1
        self.working += 1
        return Place(self, priority, self._patience, now, Decision.QUEUE if waits else Decision.REFUSE)

    def _refusal(self) -> Refusal:
        # Whoever waits now has had his turn by then, or given up.
        full = f"all {self.concurrency} places are taken"
        return Refusal(f"{full}, and all {self._queue} in the queue" if self._queue else full, self._patience)

    def _displace(self, place: Place) -> Wake | None:
        self._line.remove(place)
        self._displaced += 1
        place.refusal = Refusal("a more important call took its place in the queue", self._patience)
        wake, place.wake = place.wake, None
        return wake

    def _advance(self, now: float) -> list[Wake]:
        """Give every free place to somebody who waits; whom to wake."""
        woken: list[Wake] = []
        line = self._line
        while line.size and self.working < self.concurrency:
            place = line.first(now)
            line.remove(place)
            self.working += 1
            place.since = now
            place.came = True
            if place.wake is not None:
                woken.append(place.wake)
                place.wake = None
        return woken

    def _learn(self, rule: Adaptive, place: Place, mark: Mark, latency: float | None, now: float) -> None:
        if mark is Mark.FAILURE:
            rule.failed(now - place.since, self.working, now)
        elif latency is not None:
            rule.succeeded(latency, self.working, now)
        self.concurrency = rule.limit


def _call(wake: Wake) -> None:
    # A waiting call whose event loop is closed cannot be woken. That is no failure of the call that leaves, and nothing
    # is lost by it: one that still lives looks at `came` when its patience ends, and one that does not is closed.
    with suppress(Exception):
        wake()
