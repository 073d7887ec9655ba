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
from math import inf
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

# A global is found several times as fast as a member of an enumeration.
_ENTER = Decision.ENTER


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
        "_born",
        "_displaced",
        "_entered",
        "_held",
        "_line",
        "_lock",
        "_notes",
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
        self._held = False
        self._born = -inf
        self._notes: deque[tuple[Place, Mark, float | None, float]] = deque()
        self._entered = self._queued = self._refused = self._displaced = self._abandoned = 0

    def enter(self, priority: int, now: float) -> Place | Refusal:
        """As `Limiter.enter`."""
        if self._notes:
            self._read_notes(now)
        wake: Wake | None = None
        with self._lock:
            self._held = True
            if self.working < self.concurrency:
                self.working += 1
                self._entered += 1
                place: Place | Refusal = Place(self, priority, self._patience, now, _ENTER)
            elif self._shadow:
                place = self._let_in(priority, now)
            else:
                place, wake = self._queue_up(priority, now)
            self._held = False
        if wake is not None:
            _call(wake)
        if self._notes:
            self._read_notes(now)
        return place

    def watch(self, place: Place, wake: Wake) -> None:
        """As `Turn.watch` (called by `Place.watch`)."""
        with self._lock:
            self._held = True
            told = place.came or place.refusal is not None
            if not told:
                place.wake = wake
            self._held = False
        if told and not place.gone:
            wake()
        if self._notes:
            self._read_notes()

    def leave(self, place: Place, mark: Mark, latency: float | None, now: float) -> None:
        """As `Turn.leave` (called by `Place.leave`)."""
        if self._held:
            self._notes.append((place, mark, latency, now))
        else:
            with self._lock:
                self._held = True
                self._take_back(place, mark, latency, now)
                woken = self._advance(now) if self._line.size else ()
                self._held = False
            for wake in woken:
                _call(wake)
        if self._notes:
            self._read_notes(now)

    def drop(self, place: Place) -> None:
        """Take note of a place that nobody will give up (called by `Place.drop`)."""
        self._notes.append((place, Mark.NEUTRAL, None, place.since))

    def bereave(self, now: float) -> None:
        """Empty all places, as nobody in this forked child will ever leave them; whoever had one leaves none."""
        with self._lock:
            self._born = now
            self.working = 0
            self._line = Line(self._patience)

    def status(self) -> GateStatus:
        """How things are."""
        with self._lock:
            self._held = True
            status = GateStatus(
                self.concurrency,
                self.working,
                self._line.size,
                self._entered,
                self._queued,
                self._refused,
                self._displaced,
                self._abandoned,
            )
            self._held = False
        if self._notes:
            self._read_notes()
        return status

    def _read_notes(self, now: float = 0.0) -> None:
        # Whoever holds the lock comes here after it, and so sees a note that was left because he held it.
        while self._notes and not self._held:
            with self._lock:
                self._held = True
                while self._notes:
                    place, mark, latency, left = self._notes.popleft()
                    self._take_back(place, mark, latency, left)
                    now = max(now, left)
                woken = self._advance(now)
                self._held = False
            for wake in woken:
                _call(wake)

    # Only under the lock.

    def _queue_up(self, priority: int, now: float) -> tuple[Place | Refusal, Wake | None]:
        wake: Wake | None = None
        if self._line.size >= self._queue:
            last = self._line.last(now) if self._queue else None
            if last is None or last.priority <= priority:
                self._refused += 1
                return self._refusal(), None
            wake = self._displace(last)
        self._queued += 1
        place = Place(self, priority, self._patience, now, Decision.QUEUE)
        place.came = False
        self._line.join(place, now)
        return place, wake

    def _take_back(self, place: Place, mark: Mark, latency: float | None, now: float) -> None:
        if place.gone or place.since < self._born:
            return
        place.gone = True
        if not place.came:
            place.wake = None
            if place.refusal is None:
                self._abandoned += 1
                self._line.remove(place)
            return
        if self._adaptive is not None and mark is not Mark.NEUTRAL:
            self._learn(self._adaptive, place, mark, latency, now)
        self.working -= 1

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
