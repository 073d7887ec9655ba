"""By which an attempt that runs in a thread of its own is ended from another thread.

A socket that is being read cannot be interrupted by its own thread, and a task needs none of this: it is cancelled.
What is cut is the connection, and only between the moment when the attempt has it and that of the response's head:
later it may be another call's.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient.engine.blocking.connection import Connection

_WHY = "its attempt was given up"


class Rein:
    """Of one attempt.

    Attributes:
        pulled: whether it was to end.
    """

    __slots__ = ("_connection", "_lock", "pulled")

    def __init__(self) -> None:
        self.pulled = False
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    def hold(self, connection: Connection) -> None:
        """The attempt goes by this connection, from now on until `let_go`."""
        with self._lock:
            self._connection = connection
            if self.pulled:
                connection.interrupt(_WHY)

    def let_go(self) -> None:
        """The connection may be another's."""
        with self._lock:
            self._connection = None

    def pull(self) -> None:
        """End the attempt: whoever waits for its response meets the end of the connection, or will."""
        with self._lock:
            self.pulled = True
            if self._connection is not None:
                self._connection.interrupt(_WHY)


def hold(rein: Rein, connection: Connection) -> None:
    """As `Rein.hold`."""
    rein.hold(connection)


def async_hold(rein: Rein, connection: object) -> None:
    """Nothing: tasks are cancelled, and get no rein."""
