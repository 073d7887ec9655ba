"""All pools of one engine on one loop, and their end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from typing import TYPE_CHECKING
from weakref import ref

from meshclient.engine.aio.pool import AsyncPool
from meshclient.engine.aio.share import Share
from meshclient.engine.errors import WireError
from meshclient.engine.sweep import Sweep, sweep

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Collection

    from meshclient.engine.aio.connection import AsyncConnection
    from meshclient.engine.limits import PoolLimits, ResponseLimits
    from meshclient.engine.target import Target

# Seconds between two looks for connections that have been idle for too long, at least.
EXPIRY_PERIOD = 0.1
# Turns of the loop in which a transport that was aborted is over.
_TURNS = 3


class Pools:
    """Used on its loop only, but for `drop`.

    Attributes:
        known: pools by the identity of their target, which is quicker to find than the target itself.
        connections: all that are open.
        closing: those that are not, while their transports still are.
        expiring: whether a look for idle ones is to come.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, response: ResponseLimits, pool: PoolLimits, clock: Callable[[], float]
    ) -> None:
        self.loop = loop
        self.response_limits = response
        self.pool_limits = pool
        self.clock = clock
        self.sweep = sweep() if clock is time.monotonic else Sweep(loop, clock)
        self.process = os.getpid()
        self.known: dict[int, AsyncPool] = {}
        self.connections: set[AsyncConnection] = set()
        self.closing: set[AsyncConnection] = set()
        self.expiring = False
        self._timer: asyncio.TimerHandle | None = None
        self._pools: dict[tuple[Target, str], AsyncPool] = {}
        self._shares: dict[str, Share] = {}
        self._end: AsyncGenerator[None, None] | None = None

    def pool(self, target: Target, share: str) -> AsyncPool:
        """The pool for `target`, made if there is none."""
        found = self._pools.get((target, share))
        if found is None:
            common = self._shares.get(share)
            if common is None:
                common = self._shares[share] = Share(share, self.pool_limits)
            found = AsyncPool(target, common, self)
            self._keep(found)
        return found

    def current(self, pool: AsyncPool) -> AsyncPool:
        """The one that serves `pool`'s target now: it was forgotten if it had no connections for a moment."""
        found = self._pools.get((pool.target, pool.share.name))
        if found is None:
            self._keep(pool)
            return pool
        return found

    def _keep(self, pool: AsyncPool) -> None:
        if self._end is None:
            # What `asyncio.run` ends before it closes a loop; after that it is too late for a transport.
            self._end = _end(ref(self))
            _run(self._end.asend(None))
        self._pools[pool.target, pool.share.name] = pool
        self.known[id(pool.target)] = pool
        pool.share.pools[pool] = None

    def forget(self, pool: AsyncPool) -> None:
        """It has no connection; nobody may ever ask for it again."""
        key = (pool.target, pool.share.name)
        if self._pools.get(key) is pool:
            del self._pools[key]
        if self.known.get(id(pool.target)) is pool:
            del self.known[id(pool.target)]
        pool.share.pools.pop(pool, None)

    def retire(self, targets: Collection[Target], share: str) -> None:
        """Keep no connection to them."""
        for target in targets:
            pool = self._pools.get((target, share))
            if pool is not None:
                pool.retire()

    def warm(self, target: Target, share: str) -> None:
        """Open a connection to it, where the share is in use."""
        if share in self._shares:
            self.pool(target, share).warm()

    def expire_later(self) -> None:
        """Look for connections that have been idle for too long, when the first of them will have been."""
        self.expiring = True
        self._timer = self.loop.call_later(EXPIRY_PERIOD, self._expire)

    def _expire(self) -> None:
        now = self.clock()
        soonest = min([pool.expire(now) for pool in list(self._pools.values())], default=float("inf"))
        if soonest == float("inf"):
            self.expiring = False
            self._timer = None
        else:
            self._timer = self.loop.call_later(max(EXPIRY_PERIOD, soonest - now), self._expire)

    def close(self, failure: WireError) -> None:
        """Close everything, at once; on its loop."""
        self._no_end()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.expiring = False
        for pool in list(self._pools.values()):
            pool.close(failure)
        for connection in list(self.connections):
            connection.shut(failure)
        # Those with TLS have said farewell by then, and wait for their peers'.
        self.loop.call_soon(self._abort)

    def _abort(self) -> None:
        for connection in list(self.closing):
            connection.abort()

    async def aclose(self, failure: WireError) -> None:
        """Close everything, and wait until it is closed."""
        self.close(failure)
        for turn in range(2 * _TURNS):
            if turn >= _TURNS and not self.closing:
                return
            await asyncio.sleep(0)

    async def ended(self) -> None:
        """The loop is about to."""
        if self._end is not None:
            self._end = None
            await self.aclose(WireError("the event loop ended"))

    def drop(self) -> None:
        """Close the sockets and nothing else: the loop is closed, or that of the process this one was forked from."""
        self._no_end()
        ours = self.process == os.getpid()
        for connection in [*self.connections, *self.closing]:
            connection.drop(ours=ours)
        self.connections.clear()
        self.closing.clear()

    def _no_end(self) -> None:
        end, self._end = self._end, None
        if end is not None:
            _run(end.aclose())


async def _end(pools: ref[Pools]) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        found = pools()
        if found is not None:
            await found.ended()


def _run(step: Awaitable[None]) -> None:
    """What does not wait needs no task."""
    with contextlib.suppress(StopIteration, StopAsyncIteration):
        step.__await__().__next__()
