"""Who may open a connection where their number is bounded, and who is next.

There is no lock. An interrupt may strike a thread between taking one and being able to say so, and the collector of
garbage gives slots back on a thread that may hold it already. Instead there is one baton: who finds it lets others in,
who does not find it says that something has changed and goes. A baton that is lost puts another in its place.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from meshclient.engine.complaints import crowded

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.engine.blocking.bounded_pool import BoundedPool
    from meshclient.engine.blocking.connection import Connection
    from meshclient.engine.errors import PoolTimeout
    from meshclient.engine.limits import PoolLimits

# Seconds after which a waiting thread looks for itself, should an interrupted one have failed to tell it.
_LOOK_AGAIN = 1.0


class _Baton:
    """Who has it, and nobody else, counts connections and lets threads in."""

    __slots__ = ("_gate",)

    def __init__(self, gate: Gate) -> None:
        # Weak, or the gate would be kept alive by what is put in the place of its own baton when it is collected.
        self._gate = weakref.ref(gate)

    def __del__(self) -> None:
        gate = self._gate()
        if gate is not None:
            gate.batons.append(_Baton(gate))


class Slot:
    """The right to have one connection; given back when it is lost, at the latest.

    Attributes:
        right: what the gate counts. It tells the gate when the slot is lost, through a callback that is no code of
            ours: an interrupt that strikes as a finalizer begins is swallowed together with what the finalizer was for.
    """

    __slots__ = ("__weakref__", "_gate", "right")

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.right = weakref.ref(self, gate.returned.append)
        # One that is dead can be looked up only if it was hashed before.
        hash(self.right)

    def give_back(self) -> None:
        """For the next. Again changes nothing."""
        self._gate.returned.append(self.right)
        self._gate.stir()

    def __del__(self) -> None:
        # The callback wakes nobody.
        if self._gate.waiting:
            self.give_back()


class _Waiting:
    """A thread in the queue."""

    __slots__ = ("given", "pool", "wake")

    def __init__(self, pool: BoundedPool) -> None:
        self.pool = pool
        self.given: deque[Connection | Slot] = deque()
        self.wake = threading.Lock()
        self.wake.acquire()


class Gate:
    """Counts the open connections of the pools that share it, and keeps the queue for them.

    Attributes:
        batons: one, where nobody has it.
        resting: idle connections, the one that became so first at the front; only where their number is bounded.
        returned: rights that ended; some were counted before.
        waiting: threads, in the order in which they came.
    """

    def __init__(self, limits: PoolLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._stirred = False
        self._open = 0
        self._pools: set[BoundedPool] = set()
        self.batons: deque[_Baton] = deque([_Baton(self)])
        self.waiting: deque[_Waiting] = deque()
        self.returned: deque[weakref.ref[Slot]] = deque()
        self._rights: dict[weakref.ref[Slot], BoundedPool] = {}
        self.resting: OrderedDict[Connection, None] | None = None if limits.idle is None else OrderedDict()

    def join(self, pool: BoundedPool) -> None:
        """A pool is used."""
        self._pools.add(pool)

    def leave(self, pool: BoundedPool) -> None:
        """A pool is retired; what is open to it counts until it is closed."""
        self._pools.discard(pool)

    def bereave(self) -> None:
        """Nothing is open in a forked child, and nobody waits."""
        self._open = 0
        self.batons = deque([_Baton(self)])
        self.waiting.clear()
        self.returned.clear()
        self._rights.clear()
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
            while not me.given:
                rest = until - self._clock()
                if rest <= 0.0:
                    raise self._crowded(pool)
                me.wake.acquire(timeout=min(rest, _LOOK_AGAIN))
                self.stir()
            return me.given.pop()
        except BaseException:
            _remove(self.waiting, me)
            self._take_back(me)
            raise

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

    def stir(self) -> None:
        """Something changed: let in whom there is room for. Does not wait, from any thread."""
        self._stirred = True
        while self._stirred:
            try:
                baton = self.batons.pop()
            except IndexError:
                # Who has it will look again when it is back.
                return
            try:
                self._stirred = False
                self._let_in()
            finally:
                self.batons.append(baton)

    def _crowded(self, pool: BoundedPool) -> PoolTimeout:
        limits = self._limits
        here = 0 < limits.per_endpoint <= pool.opened
        return crowded(pool.target, limits.per_endpoint if here else limits.total, here=here)

    def _let_in(self) -> None:
        self._count_returned()
        full: set[BoundedPool] = set()
        for one in list(self.waiting):
            if one.pool in full:
                continue
            # Given before it leaves the queue: an interrupt in between costs nothing but a second look.
            if not one.given:
                offer = self._offer(one.pool)
                if offer is None:
                    full.add(one.pool)
                    continue
                one.given.append(offer)
            if _remove(self.waiting, one):
                one.wake.release()
            else:
                self._take_back(one)

    def _take_back(self, one: _Waiting) -> None:
        """It has gone, and may have been given something at this very moment."""
        while one.given:
            try:
                given = one.given.pop()
            except IndexError:
                return
            if isinstance(given, Slot):
                given.give_back()
            else:
                given.hand_back()
        self.stir()

    def _offer(self, pool: BoundedPool) -> Connection | Slot | None:
        connection = pool.newest()
        if connection is not None:
            return connection
        limits = self._limits
        if 0 < limits.per_endpoint <= pool.opened:
            return None
        if 0 < limits.total <= self._open and not self._make_room():
            return None
        slot = Slot(self)
        right = slot.right
        # Interrupts strike where something is called, so that the next three are one.
        pool.opened += 1
        self._open += 1
        self._rights[right] = pool
        return slot

    def _count_returned(self) -> None:
        while self.returned:
            right = self.returned[0]
            if right in self._rights:
                # Likewise.
                self._rights[right].opened -= 1
                self._open -= 1
                del self._rights[right]
            del self.returned[0]

    def _make_room(self) -> bool:
        """Close the connection that has been idle for longest, whichever endpoint it is to."""
        while True:
            oldest = min((pool for pool in list(self._pools) if pool.idle), key=_idle_since, default=None)
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


def _remove(waiting: deque[_Waiting], one: _Waiting) -> bool:
    """Whether it was there; of two threads that try, one hears yes."""
    try:
        waiting.remove(one)
    except ValueError:
        return False
    return True
