"""What pools of one share have in common: how many connections they may have together, and whose turn it is."""

from __future__ import annotations

from itertools import count
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient.engine.aio.pool import AsyncPool
    from meshclient.engine.limits import PoolLimits


class Share:
    """Pools that divide `PoolLimits.total` and `PoolLimits.idle` among themselves; of one loop.

    Attributes:
        name: of the share.
        total: connections that may be open.
        open: those that are, those being opened included.
        idle: of these, those with nothing under way.
        most_idle: that may be.
        pools: those that have connections or have been asked for.
        waiting: of these, those with a queue.
        tickets: numbers of those who wait, by which the oldest is found.
    """

    __slots__ = ("_serving", "idle", "most_idle", "name", "open", "pools", "tickets", "total", "waiting")

    def __init__(self, name: str, limits: PoolLimits) -> None:
        self.name = name
        self.total = limits.total or inf
        self.most_idle = inf if limits.idle is None else limits.idle
        self._serving = False
        self.open = 0
        self.idle = 0
        self.pools: dict[AsyncPool, None] = {}
        self.waiting: dict[AsyncPool, None] = {}
        self.tickets = count()

    def room(self) -> bool:
        """Whether one more connection can be had, if need be in place of an idle one."""
        return self.open < self.total or self.idle > 0

    def make_room(self) -> None:
        """Close the connection that has been idle for longest, if all that may be open are."""
        if self.open >= self.total:
            self.evict(f"another endpoint needed its place among {self.total}")

    def evict(self, why: str) -> None:
        """Close the connection that has been idle for longest."""
        oldest = min((pool for pool in self.pools if pool.oldest() is not None), key=_since, default=None)
        if oldest is not None:
            oldest.evict(why)

    def serve(self) -> None:
        """Give what is free to those who have waited for longest, and can use it."""
        if self._serving:
            # What is free in the middle of that has been freed for somebody, or is seen to in the next round.
            return
        self._serving = True
        while ready := [pool for pool in self.waiting if pool.servable()]:
            min(ready, key=_turn).serve()
        self._serving = False


def _since(pool: AsyncPool) -> float:
    oldest = pool.oldest()
    # As it expires so much later for each.
    return inf if oldest is None else oldest.expires


def _turn(pool: AsyncPool) -> int:
    return pool.turn()
