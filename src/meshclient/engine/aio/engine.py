"""Connections of one's own to any number of targets, from any number of event loops."""

from __future__ import annotations

import asyncio
import os
import time
from threading import Lock
from typing import TYPE_CHECKING

from meshclient.engine.aio.farewell import Farewell
from meshclient.engine.aio.pools import Pools
from meshclient.engine.errors import WireError
from meshclient.engine.limits import POOL_LIMITS, RESPONSE_LIMITS, PoolLimits, ResponseLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from meshclient.engine.aio.pool import AsyncPool
    from meshclient.engine.target import Target


class AsyncEngine:
    """May be used from several loops and threads at once; each loop has pools, and limits, of its own.

    An engine that is no longer referred to closes its connections, and so does the end of a loop.

    Args:
        response: how large responses may be.
        pool: how many connections there may be, on each loop.
        clock: by which all limits are given.
    """

    def __init__(
        self,
        *,
        response: ResponseLimits = RESPONSE_LIMITS,
        pool: PoolLimits = POOL_LIMITS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._response = response
        self._pool = pool
        self._clock = clock
        self._loops: dict[asyncio.AbstractEventLoop, Pools] = {}
        self._lock = Lock()

    def pool(self, target: Target, share: str = "") -> AsyncPool:
        """The running loop's connections to `target`.

        Args:
            target: found fastest if it is always the same object.
            share: names those among which the limits `total` and `idle` are divided, such as a service.
        """
        loop = asyncio.get_running_loop()
        pools = self._loops.get(loop)
        if pools is None:
            pools = self._pools(loop)
        pool = pools.known.get(id(target))
        if pool is not None and pool.target is target and pool.share.name == share:
            return pool
        return pools.pool(target, share)

    def retire(self, targets: Collection[Target], share: str = "") -> None:
        """Keep no connection to `targets`: idle ones are closed at once, busy ones when their exchange ends.

        From any thread; does not wait.
        """
        self._everywhere(lambda pools: pools.retire(targets, share))

    def warm(self, target: Target, share: str = "") -> None:
        """Open a connection to `target` on each loop that uses `share` and has none.

        From any thread; does not wait, and says nothing of a failure.
        """
        self._everywhere(lambda pools: pools.warm(target, share))

    async def aclose(self) -> None:
        """Close all connections on all loops, and wait for it on this one. What is under way fails with WireError."""
        failure = WireError("the engine was closed")
        # None on trio, where an engine has no connections of its own but may have some on other loops.
        loop = asyncio._get_running_loop()  # noqa: SLF001 - the public one raises
        own = None if loop is None else self._loops.get(loop)
        self._everywhere(lambda pools: pools.close(failure), but=own)
        if own is not None:
            await own.aclose(failure)

    def __del__(self) -> None:
        # Wrong arguments make an engine without any.
        for loop, pools in getattr(self, "_loops", {}).items():
            Farewell(loop, pools).say()

    def _pools(self, loop: asyncio.AbstractEventLoop) -> Pools:
        with self._lock:
            self._forget_loops()
            made = self._loops[loop] = Pools(loop, self._response, self._pool, self._clock)
            return made

    def _forget_loops(self) -> None:
        """Those that are closed, and those of the process this one was forked from."""
        process = os.getpid()
        for loop, pools in list(self._loops.items()):
            if loop.is_closed() or pools.process != process:
                del self._loops[loop]
                pools.drop()

    def _everywhere(self, work: Callable[[Pools], None], but: Pools | None = None) -> None:
        with self._lock:
            self._forget_loops()
            loops = [(loop, pools) for loop, pools in self._loops.items() if pools is not but]
        for loop, pools in loops:
            try:
                loop.call_soon_threadsafe(work, pools)
            except RuntimeError:
                # It was closed just now.
                continue
