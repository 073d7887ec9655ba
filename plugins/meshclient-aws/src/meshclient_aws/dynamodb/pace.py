"""How often the stream is read: as often as asked for, and less often while DynamoDB says that it is too often.

All readers of a shard share five GetRecords calls a second, and AWS advises two readers at most. A reader that is
refused doubles its pause and shortens it again by a tenth with each success, so that any number of them find a share.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

_SLOWER = 2.0
_QUICKER = 0.9


@dataclass(frozen=True, slots=True)
class Pace:
    """The pause between two reads.

    Args:
        base: seconds, when nobody objects.
        limit: seconds at which reading the stream is no better than asking the table.
        pause: seconds for now.
    """

    base: float
    limit: float
    pause: float

    @classmethod
    def of(cls, base: float, limit: float) -> Pace:
        """The pace to begin with."""
        return cls(base, max(base, limit), base)

    def throttled(self) -> Pace:
        """After a read that was refused."""
        return replace(self, pause=min(self.limit, self.pause * _SLOWER))

    def served(self) -> Pace:
        """After a read that was answered."""
        return replace(self, pause=max(self.base, self.pause * _QUICKER))
