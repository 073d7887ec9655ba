"""A connection to an endpoint whose responses pass through: their heads as blocks, their bodies counted.

It is one of the engine's, kept in the engine's pools. Where a request is passed on by `launch` its transport calls
whoever listens straight away, without a task or a future in between; a response that is out of the ordinary is left to
the engine's own reader, and whoever listens goes on as with any other connection.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Protocol

from meshclient.engine import complaints
from meshclient.engine.aio.connection import AsyncConnection
from meshclient.engine.aio.exchange import HEAD
from meshclient.engine.errors import MalformedResponse
from meshclient.engine.sweep import LOOK, TOLERANCE
from meshclient.model.outcome import Kind, classify_status
from meshclient.sidecar.proxy.response_head import INTERIM, MISPLACED, response_head

if TYPE_CHECKING:
    import socket

    from meshclient.engine.aio.pool import AsyncPool
    from meshclient.engine.errors import WireError
    from meshclient.sidecar.proxy.response_head import ResponseHead

# What statuses say that are the end of a call.
WELL = {status: said for status in range(200, 600) if (said := classify_status(status)).kind is Kind.OK}
# As many interim responses as the engine's reader takes.
_INTERIM = 100


class Listener(Protocol):
    """Whom a response is for."""

    def interim(self, line: bytes, fields: bytes) -> None:
        """An interim response came (RFC 9110 section 15.2)."""
        ...

    def answered(self, head: ResponseHead, body: bytes, *, complete: bool) -> None:
        """The head came, with a part of the body."""
        ...

    def part(self, data: bytes) -> None:
        """A further part."""
        ...

    def ended(self, trailers: list[tuple[bytes, bytes]]) -> None:
        """The body is complete."""
        ...

    def odd(self) -> None:
        """The engine's reader goes on with it: whoever listens waits for its head."""
        ...

    def failed(self) -> None:
        """The connection is closed, and `Upstream.failure` says why."""
        ...


class Upstream(AsyncConnection):
    """As an `AsyncConnection`, unless a request was passed on by `launch`.

    Attributes:
        listener: whom the response is for; None while there is nobody, or the engine's reader has it.
    """

    __slots__ = ("_before", "_block", "_bodiless", "_counted", "_head", "_interims", "_left", "listener")

    def __init__(self, pool: AsyncPool, sock: socket.socket, era: int) -> None:
        super().__init__(pool, sock, era)
        self.listener: Listener | None = None
        self._before = b""
        # The last head and its bytes: within a second a server mostly says the same again.
        self._block = b""
        self._head: ResponseHead | None = None
        self._bodiless = self._counted = False
        self._left = self._interims = 0

    @property
    def failure(self) -> WireError:
        """Why the exchange is over."""
        return self._ended()

    def launch(self, data: bytes, due: float, then: float, listener: Listener, *, bodiless: bool) -> None:
        """Write a request; its response is told to `listener`.

        Args:
            data: the whole request.
            due: clock by which the response's head must be here.
            then: clock by which all of it must be.
            listener: told until the response is complete or odd, or the connection failed.
            bodiless: the response has no body, whatever its head says: HEAD.

        Raises StaleConnection where it is closed already.
        """
        if self.closed_because:
            raise self._ended()
        self.complete = self.headed = self.keep = self.continued = False
        self._fed = self.status = self._interims = 0
        self._bodiless = bodiless
        self.uses += 1
        self.due = due
        self._then = then
        self._gap = inf
        self._wait = HEAD
        if self._odd:
            self._begin()
        if not self.watched:
            self._sweep.watch(self)
        self.listener = listener
        try:
            self._transport.write(data)
        except RuntimeError:
            # uvloop: it has just broken, and that is told in the next turn of the loop.
            self._lost(None)

    def let_go(self, why: str) -> None:
        """Nobody listens any more: close it."""
        self.listener = None
        self.abandon(why)

    def hold(self) -> None:
        """Read no more for now."""
        if self._reading and not self.closed_because:
            self._reading = False
            self._odd = True
            self._transport.pause_reading()

    def go_on(self) -> None:
        """Read again."""
        if not self._reading and not self.closed_because:
            self._reading = True
            self._transport.resume_reading()

    # Called by the transport.

    def data_received(self, data: bytes) -> None:  # noqa: D102
        listener = self.listener
        if listener is None:
            super().data_received(data)
        elif self.headed:
            self._more(listener, data)
        else:
            if self._before:
                data, self._before = self._before + data, b""
            head = self._head
            if head is not None and not self._bodiless and data.startswith(self._block):
                self._answered(listener, head, data)
                return
            head = response_head(data, bodiless=self._bodiless)
            if head is None:
                self._wonder(listener, data)
            elif head.status not in WELL or head.length > self._most:
                self._oddly_answered(listener, data)
            else:
                if not self._bodiless:
                    self._head, self._block = head, data[: head.size]
                self._answered(listener, head, data)

    def eof_received(self) -> None:  # noqa: D102
        if self.listener is None or self.complete:
            super().eof_received()
        elif not self._counted and self.headed and self.feed_end():
            self.close("its end was the end of the response", at_once=True)
            self._ended_well(self.listener)
        else:
            self._lost(None)

    # Called by the sweep.

    def expire(self, now: float) -> None:  # noqa: D102
        if self.listener is None:
            super().expire(now)
        elif self._stood > TOLERANCE and not self._looked:
            self._looked = self._odd = True
            grace = 0.0 if self.headed else self._then - now
            self.due = now + max(LOOK, min(self._stood - (now - self.due), grace))
        else:
            self._fail(self._late())

    # Its own.

    def _answered(self, listener: Listener, head: ResponseHead, data: bytes) -> None:
        """An ordinary response has begun."""
        self.headed = True
        self.headed_at = self._clock()
        self._dated = True
        self.due = self._then
        self.status = head.status
        if self.uses == 1:
            self.headers = [(b"keep-alive", head.keep_alive)]
        length = head.length
        if length < 0:
            self._counted = False
            self._read_on(listener, head, data)
            return
        self._counted = True
        size = head.size + length
        if len(data) < size:
            self._left = size - len(data)
            self._odd = True
            listener.answered(head, data[head.size :], complete=False)
            return
        self.complete = True
        self.listener = None
        # What follows a response was asked for by nobody.
        self.keep = head.keep and len(data) == size
        listener.answered(head, data[head.size : size], complete=True)

    def _read_on(self, listener: Listener, head: ResponseHead, data: bytes) -> None:
        """The engine's reader finds the end of the body."""
        self._odd = True
        try:
            self.expect()
            self.feed(data)
        except MalformedResponse as error:
            # The head was well; the fault is told as one of the body, after it.
            self.headed = False
            self._fail(complaints.malformed(self._target, error))
            return
        complete = self.complete
        if complete:
            self.listener = None
        listener.answered(head, self.take(), complete=complete)

    def _more(self, listener: Listener, data: bytes) -> None:
        """A further part of the body."""
        if self._counted:
            left = self._left - len(data)
            if left > 0:
                self._left = left
                listener.part(data)
                return
            self.keep = not left and self._head is not None and self._head.keep
            self.complete = True
            listener.part(data[:left] if left else data)
        else:
            try:
                self.feed(data)
            except MalformedResponse as error:
                self._fail(complaints.malformed(self._target, error))
                return
            if self.parts:
                listener.part(self.take())
            if not self.complete:
                return
        self._ended_well(listener)

    def _ended_well(self, listener: Listener) -> None:
        self.listener = None
        listener.ended(self.trailers)

    def _wonder(self, listener: Listener, data: bytes) -> None:
        """The head is not here as a whole, or not an ordinary one."""
        found = INTERIM(data)
        if found is not None and self._interims < _INTERIM and not MISPLACED(found[2]):
            self._interims += 1
            # Whatever becomes of it: the request has been seen.
            self.continued = True
            listener.interim(found[1], found[2])
            rest = data[found.end() :]
            if rest:
                self.data_received(rest)
            return
        if b"\r\n\r\n" not in data and len(data) <= self._limits.head:
            self._before = data
            self._odd = True
            self._fed = len(data)
            return
        self._oddly_answered(listener, data)

    def _oddly_answered(self, listener: Listener, data: bytes) -> None:
        """The engine's reader sees to all of it."""
        self.listener = None
        self._odd = True
        self._before = b""
        self.expect(bodiless=self._bodiless)
        super().data_received(data)
        listener.odd()

    def _wake(self) -> None:
        listener, self.listener = self.listener, None
        if listener is None:
            super()._wake()
        else:
            self._before = b""
            listener.failed()
