"""The short way of a request through the library.

It is that of plain calls (`core/first_attempt.py`), with the response passing through as it comes. Whatever is out of
the ordinary goes on over the ordinary road, with what has been decided so far: there is one place for repeats, errors
and odd responses.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, cast

from meshclient.core.first_attempt import begin
from meshclient.engine.errors import WireError
from meshclient.engine.marks import Marks
from meshclient.errors import CircuitOpen, MeshError
from meshclient.http._async.departure import AsyncDeparture
from meshclient.http.ambient import AMBIENT, inbound
from meshclient.http.routing import POOL_SHARE
from meshclient.sidecar.proxy import answer
from meshclient.sidecar.proxy.answer import CHUNKS, UNTIL_CLOSE
from meshclient.sidecar.proxy.problem import refusal_of
from meshclient.sidecar.proxy.story import ProxyStory
from meshclient.sidecar.proxy.upstream import WELL
from meshclient.sidecar.proxy.visit import Visit

if TYPE_CHECKING:
    from meshclient.engine.aio.pool import AsyncPool
    from meshclient.http._async.lane import AsyncLane
    from meshclient.http.options import CallOptions
    from meshclient.sidecar.proxy.client import Client
    from meshclient.sidecar.proxy.destination import Destination
    from meshclient.sidecar.proxy.question import ProxyCall, Question
    from meshclient.sidecar.proxy.response_head import ResponseHead
    from meshclient.sidecar.proxy.upstream import Upstream


class Passing(Visit):
    """As a `Visit`; the `Listener` of its upstream connection while it goes the short way."""

    __slots__ = ("_call", "_connection", "_first", "_keep", "_lane", "_marks", "_options")

    _call: ProxyCall
    _lane: AsyncLane
    _options: CallOptions

    def __init__(self, client: Client, question: Question) -> None:
        super().__init__(client, question)
        self._connection: Upstream | None = None
        self._first: ProxyStory | None = None
        self._marks: Marks | None = None
        self._keep = True

    def send(self, content: bytes) -> None:
        """Send it on with a body that is at hand."""
        question = self.question
        where = cast("Destination", question.destination)
        wire = question.sized(len(content))
        if where.passthrough is None and not question.head.upgrade:
            try:
                if self._briefly(question.setup.lane(where.service), wire, content):
                    return
            except (MeshError, ValueError) as error:
                self.refuse(refusal_of(error))
                return
        self.run(self.ordinarily(question.call(wire, content).request()))

    def hold(self) -> None:
        """The client takes no more for now."""
        if self._connection is not None:
            self._connection.hold()

    def go_on(self) -> None:
        """It does again."""
        if self._connection is not None:
            self._connection.go_on()

    def abandon(self) -> None:
        """The client has gone, or is to go at once."""
        self._give_up("its client has gone", asyncio.CancelledError())
        super().abandon()

    def hand_back(self, error: BaseException) -> None:
        """As of a `Visit`."""
        self._give_up("its request failed here", error)

    def _give_up(self, why: str, error: BaseException) -> None:
        connection, first = self._connection, self._first
        self._connection = self._first = None
        if connection is not None:
            connection.let_go(why)
        if first is not None:
            if self.status:
                first.left()
            else:
                first.given_up(self._call, error)

    def _briefly(self, lane: AsyncLane, wire: bytes, content: bytes) -> bool:
        """Whether it was sent, or answered. Raises CircuitOpen and ConfigError."""
        question, service = self.question, lane.service
        head = question.head
        service.used = started = service.clock()
        if service.released or not lane.plain or lane.shelf is not None:
            return False
        call = self._call = question.call(wire, content)
        options = self._options = _options(lane, call, head.hurried, started) if head.hurried else lane.options(call)
        timeout = options.limit
        if options.retry.retry is not None or timeout <= 0:
            return False
        try:
            first = begin(service, started, timeout, options.key, ProxyStory, service.watch.snapshot)
        except CircuitOpen as error:
            if service.meter is not None:
                service.meter.failed(head.method, error, 0.0, call.service_port)
            raise
        if first is None:
            return False
        self._first, self._lane = first, lane
        try:
            if head.traced and not lane.traces.isdisjoint(head.traced):
                lines = first.continued(head.trace())
            else:
                lines = first.opened(call)
            node, endpoint = first.node, first.endpoint
            if node is None or endpoint is None:
                self._first = None
                self.run(self.ordinarily(AsyncDeparture(call, lane, options, first).unsent(), begun=True))
                return True
            pool = lane.pool(node.key, endpoint)
            data = b"%b%b%b%b" % (wire, lines, options.mark, content)
            connection = self._connection = cast("Upstream | None", pool.take())
            if connection is None:
                self.run(self._connect(pool, data))
            else:
                self._launch(connection, first, data)
        except WireError as error:
            self.run(self._depart(error))
        except BaseException as error:
            self._first = None
            first.given_up(call, error)
            raise
        return True

    def _launch(self, connection: Upstream, first: ProxyStory, data: bytes) -> None:
        """Raises WireError."""
        head, started = self.question.head, first.started
        # The body lasts as long as it does, unless the client says how long it waits.
        deadline = self._options.deadline if head.hurried else None
        connection.launch(
            data,
            started + first.timeout,
            inf if deadline is None else started + deadline,
            self,
            bodiless=head.method == "HEAD",
        )

    async def _connect(self, pool: AsyncPool, data: bytes) -> None:
        first, options = cast("ProxyStory", self._first), self._options
        marks = self._marks = Marks()
        try:
            found = await pool.acquire(
                first.started + POOL_SHARE * first.timeout,
                min(options.connect_timeout, first.timeout),
                marks,
                first.started + first.timeout,
            )
            self._connection = cast("Upstream", found)
            self._launch(self._connection, first, data)
        except WireError as error:
            await self._depart(error)

    # Of the connection, as its `Listener`.

    def interim(self, line: bytes, fields: bytes) -> None:
        """Handed on to clients that know such responses (RFC 9110 section 15.2)."""
        if self.question.head.version == "1.1":
            self._client.write(b"HTTP/1.1 %b%b\r\n\r\n" % (line, fields))

    def answered(self, head: ResponseHead, body: bytes, *, complete: bool) -> None:
        """The response has begun."""
        client, question = self._client, self.question
        asked = question.head
        keep = client.keeps(asked)
        if head.length >= 0:
            framing = b"\r\nContent-Length: " + head.said if head.said else b""
        elif complete and not (asked.trailers and self._trailers()):
            framing = b"\r\nContent-Length: %d" % len(body)
        elif asked.version == "1.1":
            self.framing = CHUNKS
            framing = b"\r\nTransfer-Encoding: chunked"
            body = answer.chunk(body) if body else b""
            if complete:
                body += answer.last_chunk(self._trailers())
        else:
            self.framing = UNTIL_CLOSE
            keep = False
            framing = b""
        via = question.setup.via
        if head.via:
            via = b"\r\nVia: " + head.via + (b", " + via[7:] if via else b"")
        self.status = head.status
        self.size = len(body)
        client.write(
            b"HTTP/1.1 %d%b%b%b\r\nDate: %b%b%b\r\n\r\n%b"
            % (
                head.status, head.reason, head.kept, framing, head.date or client.date(), via,
                b"" if keep and asked.version == "1.1" else answer.closing(keep=keep), body,
            )
        )  # fmt: skip
        if complete:
            self._succeeded()
            self.done(keep=keep)
            return
        self._keep = keep
        if self._first is not None:
            self._first.lasting()
        if client.blocked and self._connection is not None:
            self._connection.hold()

    def part(self, data: bytes) -> None:
        """More of its body."""
        self.size += len(data)
        self._client.write(answer.chunk(data) if self.framing == CHUNKS else data)

    def ended(self, trailers: list[tuple[bytes, bytes]]) -> None:
        """That was all of it."""
        if self.framing == CHUNKS:
            self._client.write(answer.last_chunk(trailers if self.question.head.trailers else []))
        self._succeeded()
        self.done(keep=self._keep)

    def odd(self) -> None:
        """The response is not an ordinary one."""
        self.run(self._await_head())

    def failed(self) -> None:
        """The connection broke."""
        error = cast("Upstream", self._connection).failure
        if not self.status:
            self.run(self._depart(error))
            return
        first = self._first
        self._connection = self._first = None
        if first is not None:
            first.broken(error.kind, str(error))
        self.cut()

    async def _await_head(self) -> None:
        connection, first = cast("Upstream", self._connection), cast("ProxyStory", self._first)
        try:
            await connection.head()
        except WireError as error:
            await self._depart(error)
            return
        request = AsyncDeparture(self._call, self._lane, self._options, first).unwell(connection, self._marks)
        # Until here they are handed back where something fails that nobody foresaw.
        self._connection = self._first = None
        await self.ordinarily(request, begun=True)

    async def _depart(self, error: WireError) -> None:
        """The attempt brought no response: whether there is another is decided on the ordinary road."""
        connection, first = self._connection, cast("ProxyStory", self._first)
        request = AsyncDeparture(self._call, self._lane, self._options, first).failed(connection, self._marks, error)
        self._connection = self._first = None
        await self.ordinarily(request, begun=True)

    def _trailers(self) -> list[tuple[bytes, bytes]]:
        return [] if self._connection is None else self._connection.trailers

    def _succeeded(self) -> None:
        first, connection, marks = self._first, self._connection, self._marks
        self._first = self._connection = None
        if first is None or connection is None:
            return
        now, headed, started = first.service.clock(), connection.headed_at, first.started
        latency = headed - (started if marks is None or marks.began is None else marks.began) - connection.waited
        first.deadline, first.connection = self._options.deadline, connection
        first.succeeded(WELL[self.status], latency if latency > 0 else 0.0, now, headed)
        first.told(self._call, headed)
        if self.question.setup.logs and first.endpoint is not None:
            self.endpoint = first.endpoint.url
        connection.release()


def _options(lane: AsyncLane, call: ProxyCall, hurried: dict[str, str], now: float) -> CallOptions:
    """How it is sent: its own limit of time counts as that of a request that is served."""
    token = AMBIENT.set(inbound(hurried, now))
    try:
        return lane.options(call)
    finally:
        AMBIENT.reset(token)
