"""One use of an endpoint, from the choice to the end of the response body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from meshclient.core.balance.node import Node
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.outcome import Outcome


class Ledger(Protocol):
    """Where a pick is handed back."""

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
        latency: seconds to the response head; set by whoever saw it arrive.
    """

    __slots__ = ("_ledger", "endpoint", "latency", "node", "probe", "started")

    def __init__(self, ledger: Ledger, node: Node, now: float, *, probe: bool = False) -> None:
        self._ledger: Ledger | None = ledger
        self.node = node
        self.endpoint: Endpoint = node.endpoint
        self.probe = probe
        self.started = now
        self.latency: float | None = None

    def done(self, outcome: Outcome, now: float) -> None:
        """Hand the pick back with how it ended. Only the first call counts."""
        ledger, self._ledger = self._ledger, None
        if ledger is not None:
            ledger.finish(self, outcome, now)

    def __del__(self) -> None:
        if self._ledger is not None:
            self._ledger.drop(self)
