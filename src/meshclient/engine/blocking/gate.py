"""Who may open a connection where their number is bounded, and who is next.

One lock, and never waited for by whoever gives something back: that may be the garbage collector, on a thread that has
it already. It says that something changed and goes; who holds the lock looks again once it has let go.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from meshclient.discovery.runtime.loop import fork_safe_lock
from meshclient.engine.errors import PoolTimeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.engine.blocking.bounded_pool import BoundedPool
    from meshclient.engine.blocking.connection import Connection
    from meshclient.engine.limits import PoolLimits

# Seconds after which a waiting thread looks for itself, should an interrupted one have failed to tell it.
_LOOK_AGAIN = 1.0


class Slot:
    """The right to have one connection; given back when it is lost, at the latest."""

    __slots__ = ("_gate", "_pool")

    def __init__(self, gate: Gate, pool: BoundedPool) -> None:
        self._gate: Gate | None = gate
        self._pool = pool

    def give_back(self) -> None:
        """For the next. Once; again changes nothing."""
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.returned.append(self._pool)
            gate.stir()

    def void(self) -> None:
        """It counts no more."""
        self._gate = None

    def __del__(self) -> None:
        self.give_back()


class _Waiting:
    """A thread in the queue."""

    __slots__ = ("given", "pool", "wake")

    def __init__(self, pool: BoundedPool) -> None:
        self.pool = pool
        self.given: Connection | Slot | None = None
        self.wake = threading.Lock()
        self.wake.acquire()


class Gate:
    """Counts the open connections of the pools that share it, and keeps the queue for them.

    Attributes:
        waiting: threads, in the order in which they came.
        returned: pools that a connection less is open to, not yet counted.
        resting: idle connections, the one that became so first at the front; only where their number is bounded.
    """

    def __init__(self, limits: PoolLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._lock = fork_safe_lock()
        self._stirred = False
        self._open = 0
        self._pools: set[BoundedPool] = set()
        self.waiting: deque[_Waiting] = deque()
        self.returned: deque[BoundedPool] = deque()
        self.resting: OrderedDict[Connection, None] | None = None if limits.idle is None else OrderedDict()

    def join(self, pool: BoundedPool) -> None:
        """A pool is made."""
        with self._lock:
            self._pools.add(pool)
        self.stir()

    def leave(self, pool: BoundedPool) -> None:
        """A pool is retired; what is open to it counts until it is closed."""
        with self._lock:
            self._pools.discard(pool)
        self.stir()

    def bereave(self) -> None:
        """Nothing is open in a forked child, and nobody waits."""
        self._open = 0
        self.waiting.clear()
        self.returned.clear()
        for pool in self._pools:
            pool.opened = 0
        if self.resting is not None:
            self.resting.clear()

    def admit(self, pool: BoundedPool, until: float) -> Connection | Slot:
        """An idle connection of the pool or the right to open one, in the order of asking. Raises PoolTimeout."""
        me = _Waiting(pool)
        try:
            self.waiting.append(me)
            self.stir()
            while me.given is None:
                rest = until - self._clock()
                if rest <= 0.0:
                    raise PoolTimeout(f"{pool.target}: all {self._bound(pool)} connections were busy for too long")
                me.wake.acquire(timeout=min(rest, _LOOK_AGAIN))
                self.stir()
        except BaseException:
            self._withdraw(me)
            raise
        return me.given

    def rest(self, connection: Connection) -> None:
        """A connection is idle now; too many of them are one too many."""
        resting, most = self.resting, self._limits.idle
        if resting is None or most is None:
            return
        resting[connection] = None
        while len(resting) > most:
            try:
                oldest, _ = resting.popitem(last=False)
                oldest.pool.idle.remove(oldest)
            except (KeyError, ValueError):
                # Another thread has taken it at this very moment.
                continue
            oldest.abandon("more were idle than are to be kept")

    def _bound(self, pool: BoundedPool) -> int:
        limits = self._limits
        return limits.per_endpoint if 0 < limits.per_endpoint <= pool.opened else limits.total

    def _withdraw(self, me: _Waiting) -> None:
        with self._lock:
            if me in self.waiting:
                self.waiting.remove(me)
            given, me.given = me.given, None
        if isinstance(given, Slot):
            given.give_back()
        elif given is not None:
            given.hand_back()
        self.stir()

    def stir(self) -> None:
        """Something changed: let in whom there is room for. Does not wait, from any thread."""
        self._stirred = True
        while self._stirred and self._lock.acquire(blocking=False):
            try:
                self._stirred = False
                self._let_in()
            finally:
                self._lock.release()

    def _let_in(self) -> None:
        full: set[BoundedPool] = set()
        for one in list(self.waiting):
            if one.pool in full:
                continue
            # Given before it leaves the queue: an interruption in between costs nothing but a second look.
            one.given = one.given or self._offer(one.pool)
            if one.given is None:
                full.add(one.pool)
                continue
            self.waiting.remove(one)
            one.wake.release()

    def _offer(self, pool: BoundedPool) -> Connection | Slot | None:
        connection = pool.newest()
        if connection is not None:
            return connection
        self._count_returned()
        limits = self._limits
        if 0 < limits.per_endpoint <= pool.opened:
            return None
        if 0 < limits.total <= self._open and not self._make_room():
            return None
        pool.opened += 1
        self._open += 1
        return Slot(self, pool)

    def _count_returned(self) -> None:
        while self.returned:
            self.returned.popleft().opened -= 1
            self._open -= 1

    def _make_room(self) -> bool:
        """Close the connection that has been idle for longest, whichever endpoint it is to."""
        while True:
            oldest = min((pool for pool in self._pools if pool.idle), key=_idle_since, default=None)
            if oldest is None:
                return False
            oldest.drop_oldest("another endpoint needed its place")
            self._count_returned()
            if self._open < self._limits.total:
                return True


def _idle_since(pool: BoundedPool) -> float:
    try:
        return pool.idle[0].since
    except IndexError:
        # Taken at this very moment.
        return float("inf")
