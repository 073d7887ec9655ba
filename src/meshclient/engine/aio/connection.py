"""A connection's life in its pool: taken, put back, closed, and why."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from meshclient.engine.aio.streaming import Streaming
from meshclient.engine.errors import Disconnected
from meshclient.engine.keep_alive import kept_for

if TYPE_CHECKING:
    import socket

    from meshclient.engine.aio.pool import AsyncPool
    from meshclient.engine.errors import WireError
    from meshclient.engine.marks import Marks

# Transports of uvloop from before a fork. They close their handles when they are freed, and with them what this process
# shares with its parent.
_INHERITED: list[object] = []


class AsyncConnection(Streaming):
    """Belongs to whoever took it from its pool, until `release` or `abandon`.

    Attributes:
        expires: clock when it will have been idle for too long.
        reserved: whether somebody who waited will have it in a moment.
    """

    __slots__ = ("_era", "_lasts", "_pool", "_sock", "expires", "reserved")

    def __init__(self, pool: AsyncPool, sock: socket.socket, era: int) -> None:
        super().__init__(pool)
        self._pool = pool
        self._sock = sock
        self._era = era
        self._lasts = pool.idle_seconds
        self.expires = 0.0
        self.reserved = False

    def release(self) -> None:
        """The exchange is over: keep the connection if its response is complete and it may be kept.

        Further calls do nothing.
        """
        if not self.busy:
            return
        if self.keep and not (self._odd or self.closed_because) and self._era == self._pool.era:
            self.busy = False
            self.expires = self.headed_at + self._lasts
            self._pool.put(self)
        else:
            self._release_oddly()

    def abandon(self, why: str) -> None:
        """Close it now."""
        self.close(why, at_once=True)
        self.busy = False

    def close(self, why: str, *, at_once: bool = False) -> None:
        """Close it, after what is still to be written or without; its place is free."""
        if self.closed_because:
            return
        self.closed_because = why
        if self._waiter is not None and not self.complete:
            # Somebody else closes it under whoever reads: another task, at the end of a program.
            self._failure = self._failure or Disconnected(f"{self._target}: {why}")
            self._wake()
        if self._transport is not None:
            if at_once:
                self._transport.abort()
            else:
                self._transport.close()
        self._pool.gone(self)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: D102
        super().connection_lost(error)
        self._pool.over(self)

    # For its pool.

    def taken(self, now: float, marks: Marks | None) -> None:
        """Somebody has it after a wait."""
        self.busy = True
        self.reserved = False
        self.began = now
        if marks is not None:
            self._marks = marks
            self._odd = True

    def promised(self) -> None:
        """Somebody will have it; until then nobody has, and a second `release` by the last one does no harm."""
        self.busy = False
        self.reserved = True

    def returned(self) -> None:
        """They no longer want it."""
        self.reserved = False
        if not self.closed_because:
            self._pool.put(self)

    def rest(self, now: float) -> None:
        """It was opened for nobody."""
        if self._era == self._pool.era and not self.closed_because:
            self.busy = False
            self.expires = now + self._lasts
            self._pool.put(self)
        else:
            self.abandon("its endpoint was taken out")

    def shut(self, failure: WireError) -> None:
        """Close it, whatever is under way."""
        if not self.complete:
            self._failure = failure
        self.close(str(failure), at_once=self.busy)
        self._wake()

    def abort(self) -> None:
        """Close its transport without any more ado."""
        if self._transport is not None:
            self._transport.abort()

    def drop(self, *, ours: bool) -> None:
        """Close the socket alone; its loop is closed or belongs to another process.

        Args:
            ours: whether it is this process's. Otherwise its transport would close it for the other one too.
        """
        self.closed_because = self.closed_because or "its loop ended"
        transport, sock = self._transport, self._sock
        if not self.over and transport is not None:
            inner = getattr(getattr(transport, "_ssl_protocol", None), "_transport", transport)
            if hasattr(inner, "_sock"):
                # asyncio: it would warn that nobody closed it, which its loop no longer lets anybody do.
                transport.__dict__["_closed"] = True
                inner._sock = None  # noqa: SLF001
            elif not ours:
                _INHERITED.append(transport)
        if sock.fileno() >= 0:
            os.close(sock.detach())

    def _release_oddly(self) -> None:
        if self.uses == 1 and self.complete:
            self._learn()
        if self.keep and not (self._early or self._paused or self.closed_because) and self._era == self._pool.era:
            if not self._reading:
                self._reading = True
                self._transport.resume_reading()
            self.busy = False
            self.expires = self._clock() + self._lasts
            self._pool.put(self)
        else:
            self.close(self._unkept(), at_once=not self.complete or self._paused)
            self.busy = False

    def _learn(self) -> None:
        """What the first response on a connection tells about the next ones."""
        self._lasts = min(self._lasts, kept_for(self.headers))
        tls = self._target.tls
        if tls is not None:
            tls.learn(self._transport.get_extra_info("ssl_object"), self._target.server_name)

    def _unkept(self) -> str:
        if not self.complete:
            return "its response was not read to the end"
        if self._early or self._paused:
            return "the response was complete before the request"
        if self._era != self._pool.era:
            return "its endpoint was taken out"
        return "the peer wanted it closed"
