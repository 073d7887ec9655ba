"""When to ask Consul next, and from which index.

A blocking query hands back an index; sent along with the next question it makes Consul wait for a change. Consul's
"Blocking Queries" page states what a client owes in return: start over when the index goes backwards, never block on an
index that is not above zero, and limit its own rate, because the index of a busy service may move with every question.
Both decisions are values, without a clock or a socket.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# Five changes in quick succession (a rolling restart, an agent's start) are followed at once, and ten in a second for
# as long as there are that many. An index that moves while the list stays (another service's, the output of checks) is
# followed twice a second: what has changed after that still is visible well within a second.
BURST = 5
INTERVAL = 0.1
IDLE_INTERVAL = 0.5
# Without an index nothing tells an answer from the one before: this is polling, at the pace of polling.
POLL_INTERVAL = 1.0

_MAX_INDEX = 2**64 - 1  # Consul's indexes are unsigned 64-bit numbers; it refuses anything above


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next question stands.

    Args:
        index: what to block on; 0 means "answer at once".
        pause: least seconds before the question.
    """

    index: int = 0
    pause: float = 0.0

    def advance(self, header: str | None) -> Cursor:
        """The cursor after an answer with this ``X-Consul-Index``."""
        index = _parse(header)
        if index == 0:
            return Cursor(pause=POLL_INTERVAL)
        return Cursor() if index < self.index else Cursor(index)


@dataclass(frozen=True, slots=True)
class Pace:
    """A bound on the rate of questions: `BURST` at once, then one for each `INTERVAL`, or `IDLE_INTERVAL`.

    The generic cell rate algorithm (ITU-T I.371, annex A), which needs one number where a token bucket needs two.

    Args:
        due: seconds on the caller's clock when the next question would come if all came evenly.
    """

    due: float = -math.inf

    def take(self, now: float, pause: float = 0.0, *, idle: bool = False) -> tuple[float, Pace]:
        """Seconds to wait before the next question, at least `pause`, and the pace once it is put.

        `idle` says that the latest answer told nothing new.
        """
        start = max(now + pause, self.due - (BURST - 1) * INTERVAL)
        return start - now, Pace(max(self.due, start) + (IDLE_INTERVAL if idle else INTERVAL))


def _parse(header: str | None) -> int:
    """The index in the header; 0 where it holds none."""
    if header is None or not (header.isascii() and header.isdigit()) or len(header) > len(str(_MAX_INDEX)):
        return 0
    index = int(header)
    return index if index <= _MAX_INDEX else 0
