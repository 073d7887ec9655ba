"""One call's place at a gate: at work, in the queue, or neither."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from meshclient.model.outcome import Mark

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.core.circuit import Refusal


class Decision(StrEnum):
    """What a gate decides about a call that comes."""

    ENTER = "enter"
    QUEUE = "queue"
    REFUSE = "refuse"


class Doorkeeper(Protocol):
    """Where a place is given up."""

    def watch(self, place: Place, wake: Callable[[], None]) -> None:
        """See that `wake` is called."""
        ...

    def leave(self, place: Place, mark: Mark, latency: float | None, now: float) -> None:
        """Take the place back."""
        ...

    def drop(self, place: Place) -> None:
        """Take note of a place that nobody will give up; called by the garbage collector, so without any lock."""
        ...


class Place:
    """A `Turn` of a `Gate`, which alone writes to it.

    Attributes:
        came: whether it is at work; becomes true once, and may be read without a lock.
        patience: seconds it may spend in the queue.
        refusal: why its turn will never come, where that is so: a more important call has taken its place in the queue.
        decision: what the gate decided; in shadow mode, what it would have done instead of letting the call in.
        priority: 0 is the most important.
        since: when it came to work, in seconds on the monotonic clock.
        gone: whether it was given up.
        wake: to be called when the turn comes, or never will.
    """

    __slots__ = ("_gate", "came", "decision", "gone", "patience", "priority", "refusal", "since", "wake")

    def __init__(self, gate: Doorkeeper, priority: int, patience: float, now: float, decision: Decision) -> None:
        self._gate = gate
        self.came = True
        self.patience = patience
        self.refusal: Refusal | None = None
        self.decision = decision
        self.priority = priority
        self.since = now
        self.gone = False
        self.wake: Callable[[], None] | None = None

    @property
    def would(self) -> str:
        """As `Turn.would`."""
        if not self.came or self.decision is Decision.ENTER:
            return ""
        return f"let the call {'wait in the queue' if self.decision is Decision.QUEUE else 'go away'}"

    def watch(self, wake: Callable[[], None]) -> None:
        """As `Turn.watch`. Also called when the turn will never come; `came` tells which."""
        self._gate.watch(self, wake)

    def leave(self, mark: Mark, latency: float | None, now: float) -> None:
        """As `Turn.leave`; only the first call counts."""
        self._gate.leave(self, mark, latency, now)

    def drop(self) -> None:
        """Give the place up without a lock, from a finalizer: it is free from the next call that comes or goes."""
        self._gate.drop(self)
