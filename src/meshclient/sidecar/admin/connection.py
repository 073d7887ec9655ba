"""One connection: requests are answered one after the other, or one of them becomes a stream of events.

It holds one answer that was not read yet and no more: while its client does not read, nothing is read from it either.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol, cast

from meshclient.sidecar.admin.reply import Refused
from meshclient.sidecar.admin.request import Reader
from meshclient.sidecar.admin.routes import allowed
from meshclient.sidecar.admin.stream import Stream

if TYPE_CHECKING:
    from meshclient.sidecar.admin.broadcast import Broadcast
    from meshclient.sidecar.admin.guard import Guard
    from meshclient.sidecar.admin.limits import Limits
    from meshclient.sidecar.admin.reply import Reply
    from meshclient.sidecar.admin.request import Request
    from meshclient.sidecar.admin.routes import Route, Routes

_LOG = logging.getLogger("meshclient")


class Desk(Protocol):
    """What all connections have in common.

    Attributes:
        limits: of each and all.
        guard: who may ask.
        routes: what there is.
        broadcast: what streams are sent.
        connections: those that are open.
    """

    limits: Limits
    guard: Guard
    routes: Routes
    broadcast: Broadcast
    connections: set[Connection]


class Connection(asyncio.Protocol):
    """Of one client.

    Args:
        desk: what it asks.
        local: it came by a Unix socket.
    """

    def __init__(self, desk: Desk, *, local: bool) -> None:
        self._desk = desk
        self._local = local
        self._loop = asyncio.get_running_loop()
        self._reader = Reader(desk.limits)
        self._transport: asyncio.Transport | None = None
        self._stream: Stream | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._asking = self._closing = self._stalled = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast("asyncio.Transport", transport)
        desk = self._desk
        full = len(desk.connections) >= desk.limits.connections
        desk.connections.add(self)
        if full:
            detail = f"administration serves {desk.limits.connections} connections at once, and all are taken"
            self._refuse(Refused(HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", detail, (("Retry-After", "1"),)))
        else:
            self._limit(desk.limits.idle)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        del exc
        self._desk.connections.discard(self)
        if self._stream is not None:
            self._desk.broadcast.leave(self._stream)
        for timer in (self._timer, self._beat):
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Something to be read."""
        if self._closing or self._stream is not None:
            # Who reads events has nothing more to say.
            return
        try:
            requests = self._reader.feed(data)
        except Refused as refused:
            self._refuse(refused)
            return
        if self._reader.reading and not self._asking:
            self._asking = True
            self._limit(self._desk.limits.request)
        if requests:
            self._asking = False
            # Who does not wait for an answer gets one, and may come again.
            self._answer(requests[0], alone=len(requests) == 1 and not self._reader.reading)

    def eof_received(self) -> None:
        """The client says no more; what it has asked for is still sent."""
        self._closing = True
        if self._stream is not None:
            self._desk.broadcast.leave(self._stream)

    def pause_writing(self) -> None:
        """The client does not read."""
        self._stalled = True
        if self._stream is not None:
            self._stream.pause()
        elif self._transport is not None and not self._closing:
            self._transport.pause_reading()
        self._limit(self._desk.limits.stall)

    def resume_writing(self) -> None:
        """It reads again."""
        self._stalled = False
        if self._stream is not None:
            self._unlimit()
            self._stream.resume()
        elif self._transport is not None and not self._closing:
            self._transport.resume_reading()
            self._limit(self._desk.limits.idle)

    def abort(self) -> None:
        """End it, whatever is under way."""
        if self._transport is not None:
            self._transport.abort()

    def forsake(self, nowhere: int) -> None:
        """In a forked child: have this side of it lead `nowhere`, a descriptor, so that it can end on its parent's."""
        sock = None if self._transport is None else self._transport.get_extra_info("socket")
        if sock is not None and sock.fileno() >= 0:
            os.dup2(nowhere, sock.fileno(), inheritable=False)

    def _answer(self, request: Request, *, alone: bool) -> None:
        keep = request.keep and alone
        try:
            route = self._checked(request)
            reply = route.answer(request)
        except Refused as refused:
            self._write(refused.reply(), request, keep=keep)
            return
        except Exception:  # noqa: BLE001 - such as a view of somebody else's: the others are served on
            _LOG.exception("administration cannot answer %s", request.path)
            detail = "this could not be answered; the log of the process says why"
            self._write(Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", detail).reply(), request, keep=False)
            return
        if route.stream:
            self._begin_stream(reply)
        else:
            self._write(reply, request, keep=keep)

    def _checked(self, request: Request) -> Route:
        desk = self._desk
        try:
            route = desk.routes.find(request)
        except Refused:
            # What is there is not for everybody to find out.
            desk.guard.check(request, local=self._local, public=False, page=False)
            raise
        desk.guard.check(request, local=self._local, public=route.public, page=route.page)
        allowed(route, request)
        if route.stream and desk.broadcast.readers >= desk.limits.streams:
            detail = f"{desk.limits.streams} streams of events are read already, and there are no more"
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", detail, (("Retry-After", "5"),))
        return route

    def _write(self, reply: Reply, request: Request | None, *, keep: bool) -> None:
        if self._transport is None:
            return
        head = reply.head(keep=keep, length=len(reply.body))
        self._limit(self._desk.limits.idle)
        self._transport.write(head if request is not None and request.method == "HEAD" else head + reply.body)
        if not keep:
            self._close()

    def _refuse(self, refused: Refused) -> None:
        self._write(refused.reply(), None, keep=False)

    def _begin_stream(self, reply: Reply) -> None:
        if self._transport is None:
            return
        self._unlimit()
        self._transport.write(reply.head(keep=False, length=None) + reply.body)
        self._stream = Stream(self._send)
        if self._stalled:
            self._stream.pause()
        self._beat = self._loop.call_later(self._desk.limits.heartbeat, self._beaten)
        self._desk.broadcast.join(self._stream)

    def _send(self, data: bytes) -> None:
        # The end of a connection is told a little later than it comes, and there may be many lines until then.
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _beaten(self) -> None:
        if self._stream is not None:
            self._stream.beat()
            self._beat = self._loop.call_later(self._desk.limits.heartbeat, self._beaten)

    def _close(self) -> None:
        """What is written is still sent, for as long as the client takes it."""
        self._closing = True
        self._limit(self._desk.limits.stall)
        if self._transport is not None:
            self._transport.close()

    def _limit(self, seconds: float) -> None:
        self._unlimit()
        self._timer = self._loop.call_later(seconds, self._late)

    def _unlimit(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        if self._asking and not self._closing:
            detail = f"the request did not come within {self._desk.limits.request:g}s"
            with suppress(OSError):
                self._refuse(Refused(HTTPStatus.REQUEST_TIMEOUT, "request_timeout", detail))
        else:
            self.abort()
