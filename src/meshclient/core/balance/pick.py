"""One use of an endpoint, from the choice to the end of the response body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from meshclient.core.circuit import mark_of

if TYPE_CHECKING:
    from meshclient.core.balance.node import Node
    from meshclient.core.limit.turn import Turn
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.outcome import Outcome


class Ledger(Protocol):
    """Where a pick is handed back."""

    def answered(self, pick: Pick) -> None:
        """Take note that its response head arrived."""
        ...

    def finish(self, pick: Pick, outcome: Outcome, now: float) -> None:
        """Take the pick back."""
        ...

    def drop(self, pick: Pick) -> None:
        """Take note of a pick that nobody will hand back; called by the garbage collector, so without any lock."""
        ...


class Pick:
    """A chosen endpoint, counted as in flight until `done`.

    A pick that is dropped without `done` counts as cancelled when it is collected: it gives back its place and says
    nothing about the endpoint.

    Attributes:
        endpoint: where to send; as it was when chosen.
        node: the endpoint's history.
        probe: whether this is the single trial of an ejected endpoint.
        started: seconds on the monotonic clock.
        answered: whether its response head has arrived.
        latency: seconds to a head that says success.
        turn: the call's place among those under way, given up with the pick.
    """

    __slots__ = ("_ledger", "answered", "endpoint", "latency", "node", "probe", "started", "turn")

    def __init__(self, ledger: Ledger, node: Node, now: float, *, probe: bool = False) -> None:
        self._ledger: Ledger | None = ledger
        self.node = node
        self.endpoint: Endpoint = node.endpoint
        self.probe = probe
        self.started = now
        self.answered = False
        self.latency: float | None = None
        self.turn: Turn | None = None

    def answer(self, latency: float | None) -> None:
        """A response head arrived, the body is still to come.

        `latency` is how many seconds the endpoint took for it, or None where that says nothing about how fast it
        answers: it refused, or failed.
        """
        ledger = self._ledger
        if ledger is not None and not self.answered:
            self.answered = True
            self.latency = latency
            ledger.answered(self)

    def done(self, outcome: Outcome, now: float) -> None:
        """Hand the pick back with how it ended. Only the first call counts."""
        ledger, self._ledger = self._ledger, None
        if ledger is not None:
            ledger.finish(self, outcome, now)
            if self.turn is not None:
                self.turn.leave(mark_of(outcome), self.latency, now)

    def __del__(self) -> None:
        if self._ledger is not None:
            self._ledger.drop(self)
            if self.turn is not None:
                self.turn.drop()
