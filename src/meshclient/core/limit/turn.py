"""The seam between a call and whatever bounds how many calls are under way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.core.circuit import Refusal
    from meshclient.model.outcome import Mark


class Turn(Protocol):
    """A call's place: at work, or in the queue until its turn comes.

    Attributes:
        came: whether it is at work.
        patience: seconds it may spend in the queue.
        refusal: why it will not come any more, for one that lost its place in the queue.
    """

    came: bool
    patience: float
    refusal: Refusal | None

    @property
    def would(self) -> str:
        """What a limiter in shadow mode would have done instead of letting the call in, in words; or empty."""
        ...

    def watch(self, wake: Callable[[], None]) -> None:
        """Call `wake` when the turn comes, from any thread and under no lock; at once if it has come already."""
        ...

    def leave(self, mark: Mark, latency: float | None, now: float) -> None:
        """Give the place up, exactly once: at the end of the response, on any failure, or out of the queue.

        `latency` is how many seconds the endpoint took for the response head, where there was one.
        """
        ...

    def drop(self) -> None:
        """Give the place up without a lock, for a finalizer."""
        ...


class Limiter(Protocol):
    """Bounds how many calls of a service are under way."""

    def bereave(self, now: float) -> None:
        """Begin anew in a forked child, where nobody leaves the places that are taken."""
        ...

    def enter(self, priority: int, now: float) -> Turn | Refusal:
        """A place for a call of this priority (0 is the most important), or why there is none."""
        ...
