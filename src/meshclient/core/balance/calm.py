"""The short way of a call through its balancer, while nothing is out of the ordinary.

Nearly every call finds nobody failing, no probe due, nothing to be weighed anew, and ends well. Then `take` does what
`Balancer.pick` would do, in one step and without a `Pick`, and `give_back` what `Pick.answer` and `Pick.done` would do,
as far as it cannot wait: who has one call less in flight has to be known at once. What a response says of its endpoint
is only noted, and counted together with others every two milliseconds, or before anything looks at it. Counted one by
one it would be a quarter of what a call costs here: between two system calls each step of the interpreter costs five
times as much as in a loop. Where anything is out of the ordinary `take` declines, and `give_back` goes the long way. A
differential test (`tests/property/test_core_calm.py`) holds both ways together.
"""

from __future__ import annotations

from sys import maxsize
from typing import TYPE_CHECKING

from meshclient.core.balance.ejections import USUAL_STEP

if TYPE_CHECKING:
    from collections import deque
    from contextlib import AbstractContextManager

    from meshclient.core.balance.bounded_load import Load
    from meshclient.core.balance.ejections import Ejections
    from meshclient.core.balance.node import Key, Node
    from meshclient.core.balance.pick import Pick
    from meshclient.core.balance.picker import Picker
    from meshclient.core.balance.rotation import Rotation
    from meshclient.core.outlier import Outlier
    from meshclient.model.events import Event
    from meshclient.model.outcome import Outcome


class Calm:
    """What a `Balancer` keeps, as far as the short way needs it."""

    _lock: AbstractContextManager[object]
    _held: bool
    _notes: deque[tuple[Pick, Outcome, float]]
    _dropped: deque[Pick]
    _failing: set[Key]
    _calm: bool
    _most: int
    _rotation: Rotation
    _ejections: Ejections
    _outlier: Outlier | None
    _picker: Picker
    _load: Load
    _reweigh_at: float
    _born: float
    _events: list[Event]
    # Endpoint, seconds to the head, clock at the head and at the end, of responses that are not counted yet.
    _noted: list[tuple[Node, float, float, float]]
    _count_at: float
    _fresh: float

    def take(self, now: float, key: str | None = None) -> Node | None:
        """An endpoint for a call's first attempt, counted as in flight; None: ask `pick`, nothing has been changed.

        To be handed back by `give_back` or, where it did not end in a whole response, through `pick_of`.
        """
        with self._lock:
            if not self._calm or now >= self._reweigh_at or self._notes or self._dropped:
                return None
            self._held = True
            try:
                if now >= self._count_at:
                    self._count_at = now + self._fresh
                    self._count()
                node = self._picker.pick(now, None, key)
                node.pending += 1
                node.load += node.step
                self._load.pending += 1
                node.waiting += 1
                node.begun += now
            finally:
                self._held = False
        if self._notes or self._events:
            self._tell()
        return node

    def give_back(self, node: Node, started: float, latency: float, outcome: Outcome, now: float) -> None:
        """The response to a `take` at `started` is here as a whole, and says success.

        Its head came after `latency` seconds; `outcome` is what it says.
        """
        if self._failing or self._ejections.watches_latency or not node.listed or started < self._born:
            pick = self.pick_of(node, started)
            pick.answer(latency)
            pick.done(outcome, now)
            return
        # No call stands between these, so that they are one step of the interpreter, and need no lock.
        node.pending -= 1
        node.load -= node.step
        self._load.pending -= 1
        node.waiting = waiting = node.waiting - 1
        node.begun = node.begun - started if waiting else 0.0
        # Made before the list is looked up: what the collector runs then may put another in its place.
        note = node, latency, started + latency, now
        self._noted.append(note)
        if self._events:
            self._tell()

    def pick_of(self, node: Node, started: float) -> Pick:
        """The pick that `pick` would have made of a `take`."""
        raise NotImplementedError

    def _count(self) -> None:
        """Count what is noted. Under the lock, and before anything is read that it changes."""
        noted, self._noted = self._noted, []
        ejections = self._ejections
        fleet = ejections.fleet
        for node, latency, answered, now in noted:
            node.ewma.observe(latency, answered)
            if not node.listed or node.standing.until is not None:
                continue
            node.record.add(now, failed=False)
            fleet.add(now, failed=False)
            window = node.record.window
            if window.failures:
                node.blame.succeed(window.failures / window.total)
            ejections.usual *= 1 + USUAL_STEP if latency > ejections.usual else 1 - USUAL_STEP
            if self._failing:
                # It failed meanwhile, in another thread.
                self._failing.discard(node.key)
                if self._outlier is not None:
                    self._outlier.succeeded(node.standing)

    def _look(self) -> None:
        """Whether nothing is out of the ordinary, so that `Calm.take` may choose."""
        ordinary = self._most == maxsize and bool(self._rotation.nodes)
        self._calm = ordinary and not self._failing and not self._ejections.queue

    def _tell(self) -> None:
        raise NotImplementedError
