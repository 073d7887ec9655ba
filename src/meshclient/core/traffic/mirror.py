"""Which calls are copied to a shadow, whose answers nobody reads.

A budget and not a coin: each call of the service earns its share of a copy, and a copy spends a whole one, so that
there are never more copies than the share of the calls made so far. When one has been earned, chance says how much of
the next has to be earned as well before it is spent: with a share of a half every second call would be copied else,
which in regular traffic is always the same kind of call.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

# Copies that may be saved up while the shadow was full or bodies could not be copied: a burst, no flood.
SAVED = 4.0
_WHOLE = 1.0


class Mirror:
    """The budget of one service's copies.

    Args:
        share: copies per call, above 0 and at most 1.
        limit: copies under way at once.
        lock: guards the counts where threads share them.

    Attributes:
        in_flight: copies under way.
    """

    __slots__ = ("_credit", "_due", "_lock", "_share", "in_flight", "limit")

    def __init__(self, share: float, limit: int = 8, lock: AbstractContextManager[object] | None = None) -> None:
        self._share = share
        self._credit = 0.0
        self._due = 0.0
        self._lock = nullcontext() if lock is None else lock
        self.limit = limit
        self.in_flight = 0

    def take(self, chance: float, *, copyable: bool) -> bool:
        """A call is made; whether it is copied, in which case `done` follows when the copy is over.

        Args:
            chance: uniform in [0, 1).
            copyable: whether its body is at hand; a stream is read once, and that is the real call's.
        """
        with self._lock:
            self._due = self._due or self._next(chance)
            self._credit = min(SAVED, self._credit + self._share)
            if not copyable or self.in_flight >= self.limit or self._credit < self._due:
                return False
            self._credit -= 1.0
            self._due = self._next(chance)
            self.in_flight += 1
            return True

    def _next(self, chance: float) -> float:
        return _WHOLE if self._share == 1.0 else 1.0 + chance

    def done(self) -> None:
        """A copy is over, however it ended."""
        with self._lock:
            self.in_flight -= 1
