"""All connections that the threads of a process share."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from weakref import WeakSet

from meshclient.discovery.runtime.aside import ASIDE
from meshclient.discovery.runtime.loop import fork_safe_lock, inherit
from meshclient.engine.blocking.bounded_pool import BoundedPool
from meshclient.engine.blocking.gate import Gate
from meshclient.engine.blocking.pool import Pool
from meshclient.engine.errors import WireError
from meshclient.engine.limits import POOL_LIMITS, RESPONSE_LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from meshclient.engine.blocking.connection import Connection
    from meshclient.engine.limits import PoolLimits, ResponseLimits
    from meshclient.engine.target import Target

# Seconds an early connection may take; nobody waits for it.
_WARM = 5.0
# Pools from which on those without a connection are forgotten.
_REMEMBERED = 1024


class Engine:
    """Pools of connections, one for each target in each share. For any number of threads.

    Args:
        response: how large a response may be.
        pool: how many connections there may be, in each share.
        clock: that all times are on.
    """

    def __init__(
        self,
        *,
        response: ResponseLimits = RESPONSE_LIMITS,
        pool: PoolLimits = POOL_LIMITS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.response = response
        self.limits = pool
        self.clock = clock
        self._shares: dict[str, dict[Target, Pool]] = {}
        self._gates: dict[str, Gate] = {}
        self._sweep_at = 0.0
        self._inherit()

    def _inherit(self) -> None:
        # Guards the two sets, and a socket that is being closed from being shut down, by then another's.
        self.lock = fork_safe_lock()
        self._connections: WeakSet[Connection] = WeakSet()
        self._pools: WeakSet[Pool] = WeakSet()
        inherit(self)

    def pool(self, target: Target, share: str = "") -> Pool:
        """The connections to a target; `share` names those among which the limits are divided.

        May be kept by the caller: after `retire` and `close` it can be used as before.
        """
        try:
            return self._shares[share][target]
        except KeyError:
            return self._make(target, share)

    def retire(self, targets: Collection[Target], share: str = "") -> None:
        """Close connections that are idle now and the others when their exchange ends. From any thread."""
        pools = self._shares.get(share, {})
        for target in targets:
            pool = pools.pop(target, None)
            if pool is not None:
                pool.retire("its endpoint was taken out")

    def warm(self, target: Target, share: str = "") -> None:
        """Have a connection ready, where the share is in use and there is none. Does not wait, from any thread."""
        if share in self._shares:
            ASIDE.run(lambda: self._connect(target, share))

    def close(self) -> None:
        """Close all connections; who still uses one meets its end. The engine can be used again."""
        why = "the client was closed"
        with self.lock:
            pools = list(self._pools)
        for pool in pools:
            pool.retire(why)
        with self.lock:
            for connection in list(self._connections):
                connection.cut(why)
        self._shares.clear()

    def adopt(self, pool: Pool) -> None:
        """A pool opens a connection, which may be after it was retired."""
        self._shares.setdefault(pool.share, {}).setdefault(pool.target, pool)
        pool.join()

    def opened(self, connection: Connection) -> None:
        """A connection exists."""
        with self.lock:
            self._connections.add(connection)

    def sweep(self, now: float) -> None:
        """Close what has been idle for too long; nobody else may ever come for it."""
        if now < self._sweep_at:
            return
        self._sweep_at = now + self.limits.idle_seconds / 2
        with self.lock:
            pools = list(self._pools)
        for pool in pools:
            pool.expire(now)

    def bereave(self) -> None:
        """A forked child has connections of its own, or none."""
        for connection in list(self._connections):
            connection.orphan()
        self._connections.clear()
        for pool in list(self._pools):
            pool.idle.clear()
        for gate in self._gates.values():
            gate.bereave()

    def _make(self, target: Target, share: str) -> Pool:
        limits = self.limits
        if limits.per_endpoint or limits.total or limits.idle is not None:
            gate = self._gates.setdefault(share, Gate(limits, self.clock))
            made: Pool = BoundedPool(self, target, share, self.clock, gate)
        else:
            made = Pool(self, target, share, self.clock)
        pools = self._shares.get(share)
        with self.lock:
            self._pools.add(made)
            if pools is not None and len(pools) >= _REMEMBERED:
                # Whoever keeps one of these may go on with it.
                used = {connection.pool for connection in self._connections}
                for known in [known for known, pool in list(pools.items()) if pool not in used]:
                    pools.pop(known, None)
        return self._shares.setdefault(share, {}).setdefault(target, made)

    def _connect(self, target: Target, share: str) -> None:
        pool = self.pool(target, share)
        with self.lock:
            if any(connection.pool is pool for connection in self._connections):
                return
        try:
            pool.acquire(self.clock() + _WARM, _WARM).hand_back()
        except WireError:
            # Whoever comes first will find out by itself.
            return
