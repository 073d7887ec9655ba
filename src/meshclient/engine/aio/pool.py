"""The connections to one target on one loop.

Those with nothing under way lie on a stack: the one used last is used next, so that those which a smaller load does not
need grow old at the other end and are closed there. Nothing looks through the connections when a call is made.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict, deque
from math import inf
from typing import TYPE_CHECKING

from meshclient.engine import complaints
from meshclient.engine.aio.limit import Limit
from meshclient.engine.aio.opening import open_connection
from meshclient.engine.errors import WireError

if TYPE_CHECKING:
    from meshclient.engine.aio.connection import AsyncConnection
    from meshclient.engine.aio.pools import Pools
    from meshclient.engine.aio.share import Share
    from meshclient.engine.marks import Marks
    from meshclient.engine.target import Target

# Seconds for a connection that nobody waits for.
WARM_SECONDS = 5.0
_IDLE = "it was idle for too long"


class AsyncPool:
    """Used on its loop only.

    Attributes:
        target: where its connections lead.
        open: connections, those being opened included.
        era: counts up when it is retired; connections of an earlier one are not kept.
    """

    __slots__ = (
        "_cap", "_idle", "_pools", "_queue", "_warming", "clock", "era", "idle_seconds", "loop", "open",
        "response_limits", "share", "sweep", "target",
    )  # fmt: skip

    def __init__(self, target: Target, share: Share, pools: Pools) -> None:
        self.target = target
        self.share = share
        self._pools = pools
        self.loop = pools.loop
        self.clock = pools.clock
        self.sweep = pools.sweep
        self.response_limits = pools.response_limits
        self.idle_seconds = pools.pool_limits.idle_seconds
        self._cap = pools.pool_limits.per_endpoint or inf
        self._idle: deque[AsyncConnection] = deque()
        self._queue: OrderedDict[asyncio.Future[AsyncConnection | None], int] = OrderedDict()
        self._warming: asyncio.Task[None] | None = None
        self.open = 0
        self.era = 0

    def take(self) -> AsyncConnection | None:
        """The idle connection that was used last; None where there is none, and `acquire` is needed."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if connection.closed_because:
                continue
            now = self.clock()
            if now < connection.expires:
                self.share.idle -= 1
                connection.busy = True
                connection.began = now
                return connection
            connection.close(_IDLE)
        return None

    async def acquire(
        self, until: float, connect: float, marks: Marks | None = None, end: float = inf
    ) -> AsyncConnection:
        """An idle connection, or a new one, or the next to be free.

        Args:
            until: clock when to stop waiting for a free one; inf never.
            connect: seconds for a new connection; inf for any number.
            marks: to be told how far it came.
            end: clock by which all of it must be over.

        Raises:
            PoolTimeout: every connection that may be open was busy until then.
            ConnectTimeout: it took longer to connect.
            ConnectFailed: it cannot be made; TlsFailed if because of TLS.
        """
        current = self._pools.current(self)
        if current is not self:
            return await current.acquire(until, connect, marks, end)
        connection = self.take()
        if connection is None and (self._queue or not self._claim()):
            connection = await self._wait(min(until, end))
        if marks is not None:
            marks.began = self.clock()
        if connection is None:
            if marks is not None:
                marks.connected = True
            connection = await self._open(end, connect)
        connection.taken(self.clock(), marks)
        return connection

    # For its connections.

    def made(self, connection: AsyncConnection) -> None:
        """It exists, and is counted until it is `gone`."""
        self._pools.connections.add(connection)

    def put(self, connection: AsyncConnection) -> None:
        """It is free, and good for another exchange."""
        share = self.share
        self._idle.append(connection)
        share.idle += 1
        if share.waiting:
            share.serve()
        if share.idle > share.most_idle:
            share.evict(f"{share.most_idle} others are kept")
        if not self._pools.expiring:
            self._pools.expire_later()

    def gone(self, connection: AsyncConnection) -> None:
        """It is closed."""
        self._pools.connections.discard(connection)
        if connection.opened and not connection.over:
            self._pools.closing.add(connection)
        if not (connection.busy or connection.reserved):
            self.share.idle -= 1
        self._unclaim()

    def over(self, connection: AsyncConnection) -> None:
        """Its transport is closed as well."""
        self._pools.closing.discard(connection)

    # For the share.

    def oldest(self) -> AsyncConnection | None:
        """The connection that has been idle for longest."""
        idle = self._idle
        while idle and idle[0].closed_because:
            idle.popleft()
        return idle[0] if idle else None

    def evict(self, why: str) -> None:
        """Close that one."""
        if self.oldest() is not None:
            self._idle.popleft().close(why)

    def turn(self) -> int:
        """The number of the first in its queue."""
        return next(iter(self._queue.values()))

    def servable(self) -> bool:
        """Whether there is something for the first in its queue."""
        return self.oldest() is not None or (self.open < self._cap and self.share.room())

    def serve(self) -> None:
        """Give it to the first."""
        waiter, _ = self._queue.popitem(last=False)
        self._left()
        if waiter.done():
            # It was cancelled in this turn of the loop.
            self._rest()
            return
        connection = self.take()
        if connection is None:
            self._claim()
        else:
            connection.promised()
        waiter.set_result(connection)

    # For all pools of the loop.

    def expire(self, now: float) -> float:
        """Close what has been idle for too long. Returns the clock when the next one will have been."""
        while (oldest := self.oldest()) is not None:
            if oldest.expires > now:
                return oldest.expires
            self._idle.popleft().close(_IDLE)
        return inf

    def retire(self) -> None:
        """Keep nothing that is open now."""
        self.era += 1
        if self._warming is not None:
            self._warming.cancel()
        while (oldest := self.oldest()) is not None:
            self._idle.popleft()
            oldest.close("its endpoint was taken out")
        self._rest()

    def warm(self) -> None:
        """Open one connection if there is none."""
        if not self.open and self._warming is None:
            self._warming = self.loop.create_task(self._warm())
            self._warming.add_done_callback(self._warmed)

    def close(self, failure: WireError) -> None:
        """Nobody waits any longer; its connections are closed by others."""
        if self._warming is not None:
            self._warming.cancel()
        while self._queue:
            waiter, _ = self._queue.popitem()
            if not waiter.done():
                waiter.set_exception(failure)
        self._left()
        self._rest()

    def _claim(self) -> bool:
        """Take the right to open a connection."""
        share = self.share
        if self.open >= self._cap or not share.room():
            return False
        share.make_room()
        self.open += 1
        share.open += 1
        return True

    def _unclaim(self) -> None:
        self.open -= 1
        self.share.open -= 1
        if self.share.waiting:
            self.share.serve()
        self._rest()

    def _rest(self) -> None:
        if not (self.open or self._queue or self._warming):
            self._pools.forget(self)

    async def _wait(self, until: float) -> AsyncConnection | None:
        """None: whoever waited may open one."""
        now = self.clock()
        waiter: asyncio.Future[AsyncConnection | None] = self.loop.create_future()
        self._queue[waiter] = next(self.share.tickets)
        self.share.waiting[self] = None
        try:
            with Limit(self.sweep, now, until, until):
                return await waiter
        except TimeoutError:
            self._leave(waiter)
            here = self.open >= self._cap
            raise complaints.crowded(self.target, self._cap if here else self.share.total, here=here) from None
        except BaseException:
            self._leave(waiter)
            raise

    def _leave(self, waiter: asyncio.Future[AsyncConnection | None]) -> None:
        """Whoever waited does so no longer, and may have been given something meanwhile."""
        if self._queue.pop(waiter, None) is not None:
            self._left()
            self._rest()
            return
        if waiter.cancelled() or waiter.exception() is not None:
            return
        given = waiter.result()
        if given is None:
            self._unclaim()
        else:
            given.returned()

    def _left(self) -> None:
        if not self._queue:
            self.share.waiting.pop(self, None)

    async def _open(self, until: float, connect: float) -> AsyncConnection:
        now = self.clock()
        due = min(until, now + connect)
        if due == inf:
            return await open_connection(self, self._unclaim)
        try:
            with Limit(self.sweep, now, due, until):
                return await open_connection(self, self._unclaim)
        except TimeoutError:
            raise complaints.late_connection(self.target) from None

    async def _warm(self) -> None:
        if self.open or not self._claim():
            return
        # Whoever needs it will meet the same error.
        with contextlib.suppress(WireError):
            connection = await self._open(inf, WARM_SECONDS)
            connection.rest(self.clock())

    def _warmed(self, _: asyncio.Task[None]) -> None:
        self._warming = None
        self._rest()
