"""The short way of a call through its balancer, while nothing is out of the ordinary.

Nearly every call finds nobody failing, no probe due, nothing to be weighed anew, and ends well. Then `take` does what
`Balancer.pick` would do and `give_back` what `Pick.answer` and `Pick.done` would do, in one step each and without a
`Pick`: a third of the cost. Where anything is out of the ordinary `take` declines, and `give_back` goes the long way. A
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
    from meshclient.model.events import Event
    from meshclient.model.outcome import Outcome


class Calm:
    """What a `Balancer` keeps, as far as the short way needs it."""

    _lock: AbstractContextManager[object]
    _held: bool
    _notes: deque[tuple[Pick, Outcome, float]]
    _dropped: deque[Pick]
    _failing: set[Key]
    _ejections: Ejections
    _rotation: Rotation
    _picker: Picker
    _load: Load
    _most: int
    _reweigh_at: float
    _born: float
    _events: list[Event]

    def take(self, now: float, key: str | None = None) -> Node | None:
        """An endpoint for a call's first attempt, counted as in flight; None: ask `pick`, nothing has been changed.

        To be handed back by `give_back` or, where it did not end in a whole response, through `pick_of`.
        """
        if (
            self._failing
            or self._notes
            or self._dropped
            or now >= self._reweigh_at
            or self._most != maxsize
            or self._ejections.queue
        ):
            return None
        with self._lock:
            if not self._rotation.nodes:
                return None
            self._held = True
            try:
                node = self._picker.pick(now, None, key)
                node.pending += 1
                self._load.pending += 1
                node.waiting += 1
                node.begun += now
            finally:
                self._held = False
        if self._notes:
            self._tell()
        return node

    def give_back(self, node: Node, started: float, latency: float, outcome: Outcome, now: float) -> None:
        """The response to a `take` at `started` is here as a whole, and says success.

        Its head came after `latency` seconds; `outcome` is what it says.
        """
        standing, ejections, record = node.standing, self._ejections, node.record
        with self._lock:
            self._held = True
            calm = not (
                started < self._born
                or not node.listed
                or standing.until is not None
                or self._failing
                or ejections.watches_latency
            )
            if calm:
                node.pending -= 1
                self._load.pending -= 1
                node.waiting -= 1
                node.begun = node.begun - started if node.waiting else 0.0
                node.ewma.observe(latency, started + latency)
                window, fleet = record.window, ejections.fleet
                if now >= window.until:
                    window.advance(now)
                    fleet.window.advance(now)
                record.good += 1
                fleet.good += 1
                fleet.window.successes += 1
                window.successes += 1
                if window.failures:
                    node.blame.succeed(window.failures / window.total)
                ejections.usual *= 1 + USUAL_STEP if latency > ejections.usual else 1 - USUAL_STEP
            self._held = False
        if not calm:
            pick = self.pick_of(node, started)
            pick.answer(latency)
            pick.done(outcome, now)
        elif self._notes or self._events or ejections.unsaid:
            self._tell()

    def pick_of(self, node: Node, started: float) -> Pick:
        """The pick that `pick` would have made of a `take`."""
        raise NotImplementedError

    def _tell(self) -> None:
        raise NotImplementedError
