"""The open connections to one target, where their number is bounded."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from meshclient.engine.blocking.gate import Slot
from meshclient.engine.blocking.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.engine.blocking.connection import Connection
    from meshclient.engine.blocking.engine import Engine
    from meshclient.engine.blocking.gate import Gate
    from meshclient.engine.marks import Marks
    from meshclient.engine.target import Target


class BoundedPool(Pool):
    """A pool that shares a gate with others; whoever waits at it goes first.

    Attributes:
        opened: connections that are open or being opened; the gate counts them.
    """

    __slots__ = ("_gate", "opened")

    def __init__(self, engine: Engine, target: Target, share: str, clock: Callable[[], float], gate: Gate) -> None:
        super().__init__(engine, target, share, clock)
        self._gate = gate
        self.opened = 0
        gate.join(self)

    def take(self) -> Connection | None:
        """As of any pool, but None while somebody waits."""
        return None if self._gate.waiting else self.newest()

    def newest(self) -> Connection | None:
        """An idle connection, past those who wait."""
        connection = super().take()
        if connection is not None:
            self.forget(connection)
        return connection

    def acquire(self, until: float, connect: float, marks: Marks | None = None, end: float = inf) -> Connection:
        """As of any pool; where no more may be opened it waits for its turn."""
        found = self.take() or self._gate.admit(self, min(until, end))
        if not isinstance(found, Slot):
            if marks is not None:
                marks.began = self._clock()
                found.marks = marks
            return found
        try:
            return self._open(end, connect, marks, found)
        except BaseException:
            found.give_back()
            raise

    def back(self) -> Callable[[Connection], None]:
        """What a connection is given to when its exchange is over."""
        return self._keep

    def join(self) -> None:
        """It is in use, again perhaps."""
        self._gate.join(self)

    def forget(self, connection: Connection) -> None:
        """It is not idle any more."""
        if self._gate.resting is not None:
            self._gate.resting.pop(connection, None)

    def retire(self, why: str) -> None:
        """As of any pool; its places are free as soon as its connections are closed."""
        super().retire(why)
        self._gate.leave(self)

    def _keep(self, connection: Connection) -> None:
        self.idle.append(connection)
        self._gate.rest(connection)
        if self._gate.waiting:
            self._gate.stir()
