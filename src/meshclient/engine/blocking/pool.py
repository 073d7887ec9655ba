"""The open connections to one target.

Idle ones are a stack whose push and pop are one step of the interpreter each, so threads need no lock for it. The one
used last is used next: it is the least likely to have been closed by the server, and those too many grow old at the
other end.
"""

from __future__ import annotations

import time
from collections import deque
from math import inf
from typing import TYPE_CHECKING

from meshclient.engine.blocking.connection import Connection
from meshclient.engine.blocking.dial import dial
from meshclient.engine.complaints import late_connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.engine.blocking.engine import Engine
    from meshclient.engine.blocking.gate import Slot
    from meshclient.engine.marks import Marks
    from meshclient.engine.target import Target

# Seconds of idleness from which a connection is looked at before it is used; the look costs a system call.
LOOK_AFTER = 0.02


class Pool:
    """Connections to `target`, any number of them. For any number of threads.

    Attributes:
        target: where they lead.
        idle: those that nobody uses, the newest last.
        epoch: how often the pool was retired; a connection of an earlier one is not kept.
        share: that it belongs to.
    """

    __slots__ = ("__weakref__", "_clock", "_engine", "epoch", "idle", "share", "target")

    def __init__(self, engine: Engine, target: Target, share: str, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock
        self.target = target
        self.share = share
        self.idle: deque[Connection] = deque()
        self.epoch = 0

    def take(self) -> Connection | None:
        """The idle connection that was used last and is alive, or None: see `acquire`."""
        pop = self.idle.pop
        while True:
            try:
                connection = pop()
            except IndexError:
                return None
            now = self._clock()
            if now - connection.since < LOOK_AFTER or connection.usable(now):
                connection.busy = True
                return connection

    def acquire(
        self,
        until: float,  # noqa: ARG002 - whoever has to wait is bounded
        connect: float,
        marks: Marks | None = None,
        end: float = inf,
    ) -> Connection:
        """An idle connection, or a new one.

        Args:
            until: on the clock, when waiting for a free one ends.
            connect: seconds for connecting, at most.
            marks: what is told when the wait is over and whether a connection was opened.
            end: on the clock, when all of it must be over.

        Raises ConnectFailed, TlsFailed, ConnectTimeout, PoolTimeout.
        """
        connection = self.take()
        if connection is None:
            return self._open(end, connect, marks, None)
        if marks is not None:
            marks.began = self._clock()
            connection.marks = marks
        return connection

    def back(self) -> Callable[[Connection], None]:
        """What a connection is given to when its exchange is over."""
        return self.idle.append

    def forget(self, connection: Connection) -> None:
        """It was closed."""

    def _open(self, end: float, connect: float, marks: Marks | None, slot: Slot | None) -> Connection:
        now = self._clock()
        if marks is not None:
            marks.began = now
            marks.connected = True
        self._engine.sweep(now)
        self._engine.adopt(self)
        epoch = self.epoch
        seconds = min(connect, end - now)
        if seconds <= 0.0:
            raise late_connection(self.target, "no time was left")
        sock = dial(self.target, time.monotonic() + seconds, marks)
        connection = Connection(self, sock, epoch, slot, self._engine)
        connection.marks = marks
        return connection

    def retire(self, why: str) -> None:
        """Close the idle ones now, and the others when their exchange ends. The pool can still be used."""
        self.epoch += 1
        self.close_idle(why)

    def join(self) -> None:
        """It is in use, again perhaps."""

    def close_retired(self) -> None:
        """Close what is idle and was opened before the pool was retired."""
        for connection in list(self.idle):
            if connection.epoch != self.epoch:
                try:
                    self.idle.remove(connection)
                except ValueError:
                    continue
                connection.abandon("its endpoint was taken out")

    def close_idle(self, why: str) -> None:
        """Close what is idle."""
        while self.drop_oldest(why):
            pass

    def drop_oldest(self, why: str) -> bool:
        """Close the one that has been idle for longest; False where there is none."""
        try:
            connection = self.idle.popleft()
        except IndexError:
            return False
        connection.abandon(why)
        return True

    def expire(self, now: float) -> None:
        """Close what has been idle for too long."""
        idle = self.idle
        while idle:
            try:
                oldest = idle.popleft()
            except IndexError:
                return
            if now - oldest.since < oldest.patience:
                # Not for the front if another thread has put it back there, which only costs a place in the order.
                idle.appendleft(oldest)
                return
            oldest.abandon("it was idle for too long")
