"""Who of a service's endpoints is out of rotation, and when each is tried again.

The rule is an `Outlier`'s; here is what it needs to know of all endpoints together, and the order of the probes. Used
under the balancer's lock.
"""

from __future__ import annotations

from bisect import insort
from itertools import count
from math import inf
from typing import TYPE_CHECKING

from meshclient.core.balance.peak_ewma import UNKNOWN_COST
from meshclient.core.outlier import SPAN, Change, Record, Spell
from meshclient.core.window import Window
from meshclient.model.outcome import Mark

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.core.balance.node import Node
    from meshclient.core.balance.pick import Pick
    from meshclient.core.balance.picker import Uniform
    from meshclient.core.outlier import Outlier
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.outcome import Outcome

# By this part of itself each answer moves what is usual towards its side: that follows the median, which one slow
# endpoint of two does not move, as it gets few calls.
USUAL_STEP = 0.02


class Ejections:
    """The endings of all attempts, and what follows from them.

    Args:
        outlier: the rule, or None for never.
        uniform: chance in [0, 1).
        shadow: whether what the rule decides is only written down.

    Attributes:
        queue: when the probes are due, first things first, and of whom.
        fleet: the endings at all endpoints together.
        usual: seconds that an answer takes as a rule.
        watches_latency: whether slow answers may eject.
        unsaid: what it would have done in shadow mode, with the endpoint, until somebody tells it.
    """

    def __init__(self, outlier: Outlier | None, uniform: Uniform, *, shadow: bool = False) -> None:
        self._outlier = outlier
        self._uniform = uniform
        self._shadow = shadow
        self.fleet = Record()
        self._slow = Window(SPAN)
        self.usual = UNKNOWN_COST
        self.queue: list[tuple[float, int, Node]] = []
        self._order = count()
        self.watches_latency = outlier is not None and bool(outlier.latency)
        self.unsaid: list[tuple[str, Endpoint]] = []

    @property
    def due(self) -> float:
        """When the first probe is due; infinity while there is none."""
        return self.queue[0][0] if self.queue else inf

    def keep(self, holds: Callable[[Node], bool]) -> None:
        """Forget the probes of endpoints that are gone."""
        self.queue = [entry for entry in self.queue if holds(entry[2])]

    def probe(self, until: float) -> Node | None:
        """The usable endpoint that has been due for longest, if one was due by `until`; its probe is now under way."""
        for at, (when, _, node) in enumerate(self.queue):
            if when > until:
                break
            if node.usable:
                del self.queue[at]
                node.standing.probing = True
                return node
        return None

    def settle(
        self, pick: Pick, outcome: Outcome, now: float, room: Callable[[Node], bool], *, relieved: bool = False
    ) -> Change:
        """Take in how an attempt ended.

        `room` says whether one more like its endpoint may be ejected, `relieved` whether others stand ready for it.
        """
        node, verdict, outlier = pick.node, outcome.verdict, self._outlier
        standing = node.standing
        if standing.until is None:
            self._count(node, pick, outcome, now)
        if outlier is None:
            return Change.NONE
        if standing.until is not None:
            if not pick.probe:
                # The answer to a request sent before it was ejected tells nothing new.
                return Change.NONE
            # A probe that is told to come back later has not succeeded (Linkerd); due again at once, it would take the
            # first attempt of every call.
            mark = Mark.FAILURE if verdict.penalised else verdict.mark
            change = outlier.probed(standing, mark, now, self._uniform())
        else:
            change = self._judge(outlier, node, pick, verdict.mark, now, room, relieved=relieved)
        if change is not Change.NONE and standing.until is not None:
            insort(self.queue, (standing.until, next(self._order), node))
        return change

    def _judge(  # noqa: PLR0917 - all that there is to know
        self,
        outlier: Outlier,
        node: Node,
        pick: Pick,
        mark: Mark,
        now: float,
        room: Callable[[Node], bool],
        *,
        relieved: bool,
    ) -> Change:
        standing = node.standing
        if mark is Mark.SUCCESS:
            outlier.succeeded(standing)
            if not outlier.latency or pick.latency is None or not self._late(outlier, node, pick.latency, now):
                return Change.NONE
            words = "its answers are slow"
        elif mark is Mark.FAILURE and outlier.failed(standing, node.record, self.fleet, now, relieved=relieved):
            words = f"{standing.failures} failures in a row"
        else:
            return Change.NONE
        if not room(node):
            return Change.NONE
        if self._shadow:
            self.unsaid.append((f"ejected it: {words}", node.endpoint))
            standing.failures = standing.streak = 0
            standing.spell = Spell.since(node.record, self.fleet)
            node.record.window.clear()
            node.slow.clear()
            return Change.NONE
        outlier.eject(standing, now, self._uniform())
        return Change.EJECTED

    def _late(self, outlier: Outlier, node: Node, latency: float, now: float) -> bool:
        slow = latency > outlier.latency * self.usual
        node.slow.record(now, failed=slow)
        self._slow.record(now, failed=slow)
        return slow and outlier.slow(node.slow, self._slow, now)

    def _count(self, node: Node, pick: Pick, outcome: Outcome, now: float) -> None:
        record, window = node.record, node.record.window
        if outcome.verdict.mark is Mark.SUCCESS:
            record.add(now, failed=False)
            self.fleet.add(now, failed=False)
            if window.failures:
                node.blame.succeed(window.failures / window.total)
            if pick.latency is not None:
                self.usual *= 1 + USUAL_STEP if pick.latency > self.usual else 1 - USUAL_STEP
        elif outcome.verdict.penalised:
            record.add(now, failed=True)
            self.fleet.add(now, failed=True)
            node.blame.fail(window.failures / window.total, outcome.retry_after, now)
            # It has cost its caller that much, and what it fails with fast is not how long an answer takes.
            node.ewma.expect(max(self.usual, now - pick.started), now)
