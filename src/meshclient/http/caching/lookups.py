"""How look-ups ended: plain numbers, which telemetry reads.

They are counted without a lock: two threads that count at the same moment may lose one, as on any busy meter.
"""

from __future__ import annotations


class Lookups:
    """The look-ups of one service, by what came of them.

    Attributes:
        hit: served as it was kept.
        stale: served past its time, because the policy or the response allows that.
        revalidated: served after the service had said that it still holds.
        coalesced: served with what another call, under way at the same time, brought.
        miss: asked of the service.
        bypass: nothing that a cache could have answered: other methods, requests that forbid it.
        store_error: asked of the service because the store could not be asked; counted as no miss.
    """

    __slots__ = ("bypass", "coalesced", "hit", "miss", "revalidated", "stale", "store_error")

    def __init__(self) -> None:
        self.hit = self.stale = self.revalidated = self.coalesced = 0
        self.miss = self.bypass = self.store_error = 0

    def as_dict(self) -> dict[str, int]:
        """By the names above, which are those of the metric's attribute."""
        return {name: getattr(self, name) for name in self.__slots__}
