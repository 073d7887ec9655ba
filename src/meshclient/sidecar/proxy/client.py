"""The requests of one client connection, one after another.

What it sends is read as far as it may be, and no further: while a request is under way the next one waits unread.
"""

from __future__ import annotations

import logging
import re
from functools import partial
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, cast

from meshclient.sidecar.proxy.answer import UNTIL_CLOSE
from meshclient.sidecar.proxy.chunks import ChunkFault
from meshclient.sidecar.proxy.client_connection import ClientConnection
from meshclient.sidecar.proxy.destination import Refusal
from meshclient.sidecar.proxy.passing import Passing
from meshclient.sidecar.proxy.question import Question
from meshclient.sidecar.proxy.relay import BodyFault
from meshclient.sidecar.proxy.request_body import BodyStream, RequestBody
from meshclient.sidecar.proxy.request_head import CHUNKED, partial_fault, read_head
from meshclient.sidecar.proxy.tunnel import connect

if TYPE_CHECKING:
    import asyncio

    from meshclient.sidecar.proxy.destination import Destination
    from meshclient.sidecar.proxy.proxy import Proxy
    from meshclient.sidecar.proxy.request_head import RequestHead
    from meshclient.sidecar.proxy.visit import Visit

_LOG = logging.getLogger("meshclient.sidecar")
# Bytes of further requests that may lie here while one is under way.
_PIPELINED = 64 * 1024
# Seconds between the end of a request and that of all that its client sends, if it said both in one breath. It still
# listens then (RFC 9112 section 9.6). The end may as well be that of the connection: whoever gives a request up does so
# in the same way, but later.
_BREATH = 0.1
# Bytes of a request head that is remembered; thousands of idle connections remember one each.
_REMEMBERED = 2048
# Seconds for the first request on a connection that was accepted as the last.
_LAST = 2.0
_EMPTY_LINES = re.compile(rb"(?:\r\n)*+").match


class Client(ClientConnection):
    """As a `ClientConnection` that speaks HTTP.

    Attributes:
        closes: whether the connection ends with the response under way.
        visit: the request under way.
    """

    __slots__ = ("_asked", "_before", "_body", "_parts", "_question", "closes", "visit")

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(proxy)
        # What came and has not been read yet.
        self._before = b""
        # The request body that is still to come, and the parts of one that is gathered.
        self._body: RequestBody | None = None
        self._parts: list[bytes] = []
        self._question: Question | None = None
        # Clock when the last request body was whole.
        self._asked = 0.0
        self.visit: Visit | None = None
        self.closes = False

    # Called by the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        super().connection_made(transport)
        settings = self._proxy.setup.settings
        # One that was accepted while the listener closed may ask once.
        self.due = monotonic() + (_LAST if self._proxy.draining else settings.idle_timeout)
        if not self._proxy.enter(self):
            why = f"The sidecar has {settings.max_connections} connections, as many as it may (max_connections)."
            self._refuse_head(Refusal(503, "overloaded", why, 1.0, close=True))

    def data_received(self, data: bytes) -> None:  # noqa: D102
        self.stats.received += len(data)
        if self.parted:
            return
        if self.visit is None:
            self._next(self._before + data if self._before else data)
        elif self._body is not None:
            self._take_in(self._body, data)
        elif self._tunnel is not None:
            self.moved()
            self._tunnel.put_nowait(data)
            if self._tunnel.qsize() > 1:
                self._hold()
        else:
            self._before += data
            if len(self._before) > _PIPELINED:
                self._hold()

    def eof_received(self) -> bool:  # noqa: D102
        if self._tunnel is not None:
            self._tunnel.put_nowait(b"")
            return True
        visit = self.visit
        if self.parted or (visit is None and not self._before) or self._body is not None:
            return False
        if visit is not None and monotonic() - max(visit.began, self._asked) > _BREATH:
            # It has gone.
            return False
        self.half = True
        self._resume()
        return True

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002, D102
        self.parted = True
        self.due = inf
        self._wake()
        if self._tunnel is not None:
            self._tunnel.put_nowait(b"")
        visit = self.visit
        if visit is not None:
            if visit.stream is not None:
                visit.stream.fail(ConnectionResetError("the client broke its request off"))
            visit.abandon()
        self._proxy.leave(self)

    def pause_writing(self) -> None:  # noqa: D102
        self.blocked = True
        if self.parted:
            return
        self._give_time()
        visit = self.visit
        if visit is None:
            self._rest_reading()
        elif visit.status:
            # Before that the endpoint is not what it waits for, and must not be late because of it.
            visit.hold()

    def resume_writing(self) -> None:  # noqa: D102
        self.blocked = False
        if not self.parted:
            settings = self._proxy.setup.settings
            if self._body is not None:
                self.due = monotonic() + settings.body_timeout
            elif self._tunnel is not None:
                self.moved()
            else:
                self.due = monotonic() + settings.idle_timeout if self.visit is None else inf
        self._wake()
        if self.visit is not None:
            self.visit.go_on()
        elif not self.parted:
            self._next_one()

    # Reading requests.

    def _next(self, data: bytes) -> None:
        """What begins with a request head."""
        self._before = b""
        setup = self._proxy.setup
        if data[:2] == b"\r\n" and (empty := _EMPTY_LINES(data)) is not None:
            # RFC 9112 section 2.2: an empty line or so before it is let pass.
            data = data[empty.end() :]
        end = data.find(b"\r\n\r\n") + 4
        if end < 4:
            self._wait_for_rest(data)
            return
        block = data if end == len(data) else data[:end]
        question = self._question
        if question is None or question.block != block or question.setup is not setup:
            head = read_head(block, setup.settings, self.peer)
            if isinstance(head, Refusal):
                self._refuse_head(head)
                return
            question = Question(block, head, setup)
            self._question = question if end <= _REMEMBERED else None
        self.due = inf
        self.stats.requests += 1
        self.stats.active += 1
        visit = self.visit = Passing(self, question)
        if question.head.length:
            self._begin_body(visit, question.head, data[end:])
            return
        if end < len(data):
            self._before = data[end:]
        if not visit.enter():
            return
        if question.head.method == "CONNECT":
            visit.run(connect(visit, self, cast("Destination", question.destination)))
        else:
            visit.send(b"")

    def _wait_for_rest(self, data: bytes) -> None:
        if self.half:
            # There is none.
            self.close()
            return
        if not data:
            return
        settings = self._proxy.setup.settings
        fault = partial_fault(data, settings)
        if fault is not None:
            self._refuse_head(fault)
            return
        # From the first byte on, however slowly the others come.
        self.due = min(self.due, monotonic() + settings.header_timeout)
        self._before = data

    def _begin_body(self, visit: Visit, head: RequestHead, data: bytes) -> None:
        # First of all: whatever the request is answered, what follows is not the next one.
        body = self._body = RequestBody(head.length)
        if not visit.enter():
            return
        settings = visit.question.setup.settings
        self._parts = []
        if head.expects or head.upgrade or max(head.length, len(data)) > settings.replay:
            self._stream(visit)
        if data:
            self._take_in(body, data)
        if visit.over or self._body is not body:
            return
        self.due = monotonic() + settings.body_timeout
        if head.length == CHUNKED and visit.stream is None:
            # Nobody knows how long it will be.
            parts, self._parts = self._parts, []
            stream = self._stream(visit)
            for part in parts:
                stream.put(part)

    def _stream(self, visit: Visit) -> BodyStream:
        """The body is sent on while it comes."""
        stream = visit.stream = BodyStream(partial(self._wanted, visit), self._go_on)
        question = visit.question
        request = question.call(question.framed(), b"").request()
        request.stream = stream
        visit.run(visit.ordinarily(request))
        return stream

    def _wanted(self, visit: Visit) -> None:
        if visit.question.head.expects and not visit.status and not visit.over:
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _take_in(self, body: RequestBody, data: bytes) -> None:
        """A part of the request body under way."""
        visit = cast("Visit", self.visit)
        try:
            part = body.feed(data)
        except ChunkFault as fault:
            self._spoil(Refusal(400, "bad_request", f"The request body is malformed: {fault}.", close=True))
            return
        stream = visit.stream
        if body.complete:
            self._body = None
            self.due = inf
            self._asked = monotonic()
            self._before = body.rest
            if stream is not None:
                stream.put(part)
                stream.end()
            else:
                parts, self._parts = self._parts, []
                visit.send(b"".join([*parts, part]) if parts else part)
            return
        self.due = monotonic() + visit.question.setup.settings.body_timeout
        if stream is None:
            self._parts.append(part)
        elif not stream.put(part):
            # The endpoint is slow, not the client; `due` is for it to take something now.
            self._hold()

    def _go_on(self) -> None:
        super()._go_on()
        if self._body is not None and not self.parted:
            self.due = monotonic() + self._proxy.setup.settings.body_timeout

    def _spoil(self, refusal: Refusal) -> None:
        """The rest of the request cannot be used: nobody behind gets it as if it were whole."""
        visit = cast("Visit", self.visit)
        self.closes = True
        self.due = inf
        if visit.stream is None:
            visit.refuse(refusal)
        elif visit.status:
            visit.abandon()
            self.cut()
        else:
            visit.stream.fail(BodyFault(refusal))

    def _refuse_head(self, refusal: Refusal) -> None:
        self.stats.refused[refusal.error] += 1
        self.stats.statuses[refusal.status // 100] += 1
        self._proxy.log_refused(refusal, self.peer)
        self.refuse(refusal, bodiless=False, close=True)
        self.part()

    def _resume(self) -> None:
        if self.visit is None and self._before and not (self.parted or self.blocked):
            self._next(self._before)

    def _rest_reading(self) -> None:
        """A client that does not take its answers gets no more of them."""
        if not self.half:
            self._hold()

    def _next_one(self) -> None:
        if not self._reading:
            self._go_on()
        if self._before:
            # Not from here: a thousand requests in one piece would be as many frames.
            self.loop.call_soon(self._resume)

    # For the request under way.

    def keeps(self, head: RequestHead) -> bool:
        """Whether the connection may be kept after this request."""
        if self.closes or self._body is not None or self._proxy.draining:
            return False
        return head.persistent and not (self.half and not self._before)

    def finished(self, visit: Visit, *, keep: bool, cut: bool) -> None:
        """The request is over."""
        stats = self.stats
        stats.active -= 1
        stats.statuses[visit.status // 100] += 1
        setup = visit.question.setup
        if setup.logs:
            self._proxy.log(visit, self.peer)
        self._proxy.left(setup)
        self.visit = None
        if self._tunnel is not None:
            stats.tunnels -= 1
        if self.parted:
            return
        if self._tunnel is not None:
            self.close()
        elif cut:
            self.cut() if visit.framing == UNTIL_CLOSE else self.close()
        elif not keep or self._body is not None or self._proxy.draining or (self.half and not self._before):
            self.part()
        elif self.blocked:
            self._rest_reading()
        else:
            self.due = monotonic() + setup.settings.idle_timeout
            self._next_one()

    def unexpected(self, error: BaseException) -> None:
        """An error that nobody foresaw."""
        _LOG.error("a request failed in the sidecar itself", exc_info=error)

    def tunnel(self) -> asyncio.Queue[bytes]:  # noqa: D102
        tunnel = super().tunnel()
        self.closes = True
        self._body = None
        if self._before:
            tunnel.put_nowait(self._before)
            self._before = b""
        return tunnel

    # For the proxy.

    def late(self) -> None:
        """What was due has not happened."""
        if (self.parted or self.blocked) and self._takes():
            return
        self.due = inf
        visit = self.visit
        if self.parted:
            self._transport.abort()
        elif self.blocked or self._tunnel is not None:
            if visit is not None:
                visit.abandon()
            self.cut()
        elif visit is None:
            if self._before:
                self._refuse_head(Refusal(408, "timeout", "The request head did not come in time.", close=True))
            else:
                self.close()
        elif self._body is not None and not self._reading and not visit.status:
            visit.stop(Refusal(504, "timeout", "The endpoint took no more of the request body in time.", close=True))
        elif self._body is not None:
            self._spoil(Refusal(408, "timeout", "The request body did not come in time.", close=True))

    def forget(self) -> None:
        """What was remembered belongs to a setup that is no longer in use."""
        self._question = None

    def rest(self) -> None:
        """Nothing new begins here: an idle connection is closed, another one with its response."""
        if self.visit is None and not self.parted:
            self.close()

    def cut_off(self) -> bool:
        """Close it at once; whether a request was under way."""
        visit = self.visit
        if visit is not None:
            visit.abandon()
        self.cut()
        return visit is not None
