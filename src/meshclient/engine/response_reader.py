"""One response as it comes off the wire, in whatever pieces.

llhttp reads, strictly: whatever two readers may understand differently is how responses are smuggled (RFC 9112 section
11). What it leaves open is decided here, by `response_rules`: which responses there are, where one ends with the
connection, what may follow it, and how large things may be.

Connections derive from it, so that llhttp calls them directly: the callbacks run for every response, and each hop more
is paid for by all of them. A response whose head comes as a whole, in HTTP/1.1 and with a usual status, takes the short
road; any other is read with `_feed_head`, which never lets llhttp look past the end of a head. Raising in a callback
would only be wrapped; what is wrong is put down in `_fault`.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import httptools

from meshclient.engine import response_rules as rules
from meshclient.engine.errors import MalformedResponse, TooLarge

if TYPE_CHECKING:
    from meshclient.engine.limits import ResponseLimits

_USUAL = frozenset((b"HTTP/1.1 2", b"HTTP/1.1 3", b"HTTP/1.1 4", b"HTTP/1.1 5"))
_END = b"\r\n\r\n"
# Interim responses before the final one. A server that works for long may send 102 every few seconds.
_INTERIM = 100
_TOO_LARGE = (
    "the body of its response is larger than {} bytes: max_response sets that bound, raise it if the server is right"
)


class _OutOfTurn(Exception):
    """Something follows the response."""


class ResponseReader:
    """Reads the responses of one connection, one after another.

    Args:
        limits: how large a response may be. A head counts from its first byte to its empty line.

    Attributes:
        status: of the head; 0 while there is none.
        reason: its words.
        version: of HTTP, "1.1" or "1.0".
        headers: as they came, in order; a value may end in white space.
        trailers: fields that followed a chunked body, without those that must not stand there.
        headed: whether the head is here.
        parts: pieces of the body that nobody has taken yet.
        received: bytes of the body so far.
        complete: whether the response is here as a whole.
        keep: once complete: whether another request may follow on the connection.
        upgraded: whether the connection belongs to another protocol from here on.
        surplus: bytes that followed an upgrade's response.
        continued: whether the server said 100 Continue.
    """

    __slots__ = (
        "_careful", "_chunked", "_fault", "_fed", "_fields", "_from", "_idle", "_interim", "_keeps", "_limits",
        "_most", "_parser", "_skip", "_start", "_tail", "_upgrade", "complete", "continued", "headed", "headers",
        "keep", "parts", "reason", "received", "status", "surplus", "trailers", "upgraded", "version",
    )  # fmt: skip

    def __init__(self, limits: ResponseLimits) -> None:
        self._limits = limits
        self._most = limits.body or inf
        self._skip = False
        self._parser = httptools.HttpResponseParser(self)
        self._start = self._tail = b""
        self._from = self._interim = 0
        self._keeps = False
        self.upgraded = False
        self.surplus = b""
        self.expect()
        # Nothing is asked for yet: what comes now is out of turn.
        self.complete = True

    def expect(self, *, bodiless: bool = False, upgrade: bool = False) -> None:
        """A request goes out, and its response is next.

        Args:
            bodiless: it is a HEAD, whose response has a length and no body.
            upgrade: it asks for another protocol; without that, 101 is a fault.
        """
        if self._skip:
            # It waits for a body that will never come.
            self._parser = httptools.HttpResponseParser(self)
        self._skip = self._careful = bodiless
        self._upgrade = upgrade
        self._fault = ""
        self._fed = self._idle = self.received = self.status = 0
        self._fields: list[tuple[bytes, bytes]] = []
        self.headers = self._fields
        self.trailers: list[tuple[bytes, bytes]] = []
        self.parts: list[bytes] = []
        self.reason = b""
        self.version = "1.1"
        self.headed = self.complete = self.keep = self.continued = self._chunked = False

    def feed(self, data: bytes) -> None:
        """Read what came. Raises MalformedResponse; the connection is of no use then."""
        if self.headed:
            self._feed_body(data)
        elif self._careful or data[:10] not in _USUAL:
            self._feed_head(data)
        else:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserError as error:
                self._failed(error)
            if self._fault:
                raise self._invalid()
            if self.status == 0:
                self._begun(data)
            elif len(data) > self._limits.head:
                self._bound(data.find(_END) + len(_END))

    def feed_end(self) -> bool:
        """The peer will send no more. Whether that completes the response, as it does where nothing else would."""
        if not self.complete and self.headed and rules.until_end(self.headers):
            self.complete = True
            self.keep = False
        return self.complete

    def take(self) -> bytes:
        """The body so far, from where it was taken last."""
        parts = self.parts
        self.parts = []
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Its head ends with `data`: see `_feed_head`.
            self.upgraded = self.complete = self.headed = not self._fault
            self.keep = False
        except httptools.HttpParserError as error:
            self._failed(error)
        if self._fault:
            raise self._invalid()

    def _failed(self, error: httptools.HttpParserError) -> None:
        raised = error.__context__
        if raised is not None and not isinstance(raised, _OutOfTurn):
            # It came from outside while a callback ran, as an interrupt does.
            raise raised from None
        if not self.complete:
            raise (self._invalid() if self._fault else MalformedResponse(rules.words(str(error)))) from None
        # The response itself was well; what follows it is not.
        self.keep = False

    def _feed_body(self, data: bytes) -> None:
        if self.complete:
            self._follow(data)
            return
        before = self.received
        self._parse(data)
        if self.received > before or self.complete:
            self._idle = 0
            return
        self._idle += len(data)
        if self._idle > self._limits.between + self._limits.head:
            raise MalformedResponse(f"over {self._idle} bytes of chunk extensions or trailers in a row")

    def _follow(self, data: bytes) -> None:
        if self.upgraded:
            self.surplus += data
        elif data.strip(b"\r\n"):
            # llhttp passes over empty lines where it finds them in one piece with the response.
            self.keep = False

    def _begun(self, data: bytes) -> None:
        """The first piece of a head that takes the short road no further."""
        self._careful = True
        self._from = 0
        self._fed = len(data)
        self._start = data[: rules.START]
        self._tail = data[-len(_END) + 1 :]
        self._bound(self._fed)

    def _feed_head(self, data: bytes) -> None:
        """Read one head after the other, each to its very end, until that of the final response."""
        if self.complete:
            self._follow(data)
            return
        if not self._careful or not self._fed:
            self._careful = True
            self._start = self._tail = b""
            self._from = self._interim = 0
        while data and not self.headed:
            if len(self._start) < rules.START:
                self._start += data[: rules.START - len(self._start)]
                fault = rules.start_fault(self._start)
                if fault:
                    raise MalformedResponse(fault)
            seen = self._tail + data
            found = seen.find(_END)
            end = len(data) if found < 0 else found + len(_END) - len(self._tail)
            self._fed += end
            self._bound(self._fed - self._from)
            self._parse(data[:end])
            data = data[end:]
            if found < 0:
                self._tail = seen[-len(_END) + 1 :]
            else:
                self._from = self._fed
                self._start = self._tail = b""
        if data:
            self._feed_body(data)

    def _bound(self, size: int) -> None:
        if size > self._limits.head:
            self.headed = False
            raise MalformedResponse(f"its head is larger than {self._limits.head} bytes")

    # Called by llhttp.

    def on_message_begin(self) -> None:  # noqa: D102
        if self.complete:
            raise _OutOfTurn

    def on_status(self, text: bytes) -> None:  # noqa: D102
        self.reason += text

    def on_header(self, name: bytes, value: bytes) -> None:  # noqa: D102
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:  # noqa: D102
        parser = self._parser
        self.status = status = parser.get_status_code()
        # True says that the version is 1.1 or the header says keep-alive, and that the end of a body can be told.
        self._keeps = keeps = parser.should_keep_alive()
        self.headed = True
        if status < 200 or not keeps or self._careful or len(self._fields) > self._limits.fields:
            self._look(status)
        self._fields = self.trailers

    def on_chunk_header(self) -> None:  # noqa: D102
        if not self._chunked:
            self._chunked = True
            self._fault = self._fault or rules.coding_fault(self.headers)
            self.headed = not self._fault

    def on_body(self, part: bytes) -> None:  # noqa: D102
        self.received = received = self.received + len(part)
        if received > self._most:
            self._fault = _TOO_LARGE.format(self._limits.body)
            return
        self.parts.append(part)

    def on_message_complete(self) -> None:  # noqa: D102
        if self.complete or self._fault:
            return
        if self.status < 200 and self.status != 101:
            self._go_on()
            return
        self.complete = True
        self.keep = self._keeps
        if self.trailers:
            self._look_at_trailers()

    # What of it is rare.

    def _invalid(self) -> MalformedResponse:
        return (TooLarge if self.received > self._most else MalformedResponse)(self._fault)

    def _look(self, status: int) -> None:
        """The head is not the usual one."""
        headers = self.headers
        self.version = self._parser.get_http_version()
        if len(headers) > self._limits.fields:
            self._fault = f"{len(headers)} header fields are more than {self._limits.fields}"
        elif status < 200:
            upgraded = self._parser.should_upgrade()
            self._fault = rules.interim_fault(status, headers, upgrade=self._upgrade, upgraded=upgraded)
        elif self._skip:
            self.complete = True
            self.keep = rules.persistent(self.version, headers)
        elif status not in (204, 304):
            self._fault = rules.coding_fault(headers)
            # A coding in HTTP/1.0 may be some proxy's misunderstanding (RFC 9112 section 6.1).
            self._keeps = self._keeps and (self.version == "1.1" or not rules.coded(headers))
        # A head that is none is not here.
        self.headed = not self._fault

    def _go_on(self) -> None:
        """An interim response (RFC 9110 section 15.2): the final one follows."""
        self.continued = self.continued or self.status == 100
        self._interim += 1
        if self._interim > _INTERIM:
            self._fault = f"more than {_INTERIM} interim responses came before it"
        self.headed = False
        self.status = 0
        self.reason = b""
        self._fields = self.headers = []

    def _look_at_trailers(self) -> None:
        self._fault = self._fault or rules.trailer_fault(self.trailers, self._limits)
        # A trailer may have changed llhttp's mind.
        self.keep = self.keep and self._parser.should_keep_alive()
        self.trailers = rules.allowed_trailers(self.trailers)
