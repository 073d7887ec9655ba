"""One response as it comes off the wire, in whatever pieces.

llhttp reads, strictly: a lone line feed, folded lines, two lengths, or a length beside a transfer coding end the
connection, because whatever two readers may understand differently is how responses are smuggled (RFC 9112 section
11). What llhttp leaves open is decided here: which bodies there are, where one ends with the connection, what may
follow a response, and how large things may be.

Connections derive from it, so that llhttp calls them directly: the callbacks run for every response, and each hop more
is paid for by all of them. Raising in one would only be wrapped; what is wrong is put down in `fault`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httptools

from meshclient.engine.errors import MalformedResponse

if TYPE_CHECKING:
    from meshclient.engine.limits import ResponseLimits

_CLOSE = b"close"


class ResponseReader:
    """Reads the responses of one connection, one after another.

    Args:
        limits: how large a response may be.

    Attributes:
        status: of the head; 0 while there is none.
        reason: its words.
        version: of HTTP, "1.1" or "1.0".
        headers: as they came, in order; a value may end in white space.
        trailers: fields that followed a chunked body.
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
        "_fault", "_fed", "_fields", "_idle", "_limits", "_parser", "_skip", "complete", "continued", "headed",
        "headers", "keep", "parts", "reason", "received", "status", "surplus", "trailers", "upgraded", "version",
    )  # fmt: skip

    def __init__(self, limits: ResponseLimits) -> None:
        self._limits = limits
        self._skip = False
        self._parser = httptools.HttpResponseParser(self)
        self.keep = False
        self.upgraded = False
        self.surplus = b""
        self.expect()
        # Nothing is asked for yet: what comes now is out of turn.
        self.complete = True

    def expect(self, *, bodiless: bool = False) -> None:
        """A request goes out, and its response is next; `bodiless` to HEAD, which has a length and no body."""
        if self._skip:
            # It waits for a body that will never come.
            self._parser = httptools.HttpResponseParser(self)
        self._skip = bodiless
        self._fault = ""
        self._fed = self._idle = self.received = self.status = 0
        self._fields: list[tuple[bytes, bytes]] = []
        self.headers = self._fields
        self.trailers: list[tuple[bytes, bytes]] = []
        self.parts: list[bytes] = []
        self.reason = b""
        self.version = "1.1"
        self.headed = self.complete = self.keep = self.continued = False

    def feed(self, data: bytes) -> None:
        """Read what came. Raises MalformedResponse; the connection is of no use then."""
        before = self.received
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.surplus = data[upgrade.args[0] :]
            self.upgraded = self.complete = self.headed = True
            self.keep = False
        except httptools.HttpParserError as error:
            if not self.complete:
                raise MalformedResponse(self._fault or str(error)) from None
            # The response itself was well; what follows it is not.
            self.keep = False
        if self._fault:
            raise MalformedResponse(self._fault)
        if not self.complete:
            self._bound(len(data), grew=self.received > before)

    def feed_end(self) -> bool:
        """The peer will send no more. Whether that completes the response, as it does where nothing else would."""
        if not self.complete and self.headed and not self._skip and self._until_end():
            self.complete = True
            self.keep = False
        return self.complete

    def take(self) -> bytes:
        """The body so far, from where it was taken last."""
        parts = self.parts
        if len(parts) == 1:
            body = parts[0]
            self.parts = []
            return body
        self.parts = []
        return b"".join(parts)

    def _until_end(self) -> bool:
        return not any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in self.headers)

    def _bound(self, size: int, *, grew: bool) -> None:
        if not self.headed:
            self._fed += size
            if self._fed > self._limits.head:
                raise MalformedResponse(self._too_large())
        elif grew:
            self._idle = 0
        else:
            self._idle += size
            if self._idle > self._limits.between + self._limits.head:
                msg = f"over {self._idle} bytes of chunk extensions or trailers in a row"
                raise MalformedResponse(msg)

    def _too_large(self) -> str:
        return f"its head is larger than {self._limits.head} bytes"

    # Called by llhttp.

    def on_message_begin(self) -> None:  # noqa: D102
        if self.complete:
            self.keep = False

    def on_status(self, words: bytes) -> None:  # noqa: D102
        self.reason += words

    def on_header(self, name: bytes, value: bytes) -> None:  # noqa: D102
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:  # noqa: D102
        if self.complete:
            return
        fields, limits = self._fields, self._limits
        if len(fields) > limits.fields:
            self._fault = f"{len(fields)} header fields are more than {limits.fields}"
        self.status = self._parser.get_status_code()
        self.version = self._parser.get_http_version()
        self.headed = True
        self._fields = self.trailers
        self.on_head()
        if self._skip:
            self.complete = True
            self.keep = self.version == "1.1" and not any(
                name.lower() == b"connection" and _CLOSE in value.lower() for name, value in fields
            )

    def on_head(self) -> None:
        """The head is here; for whoever derives from this."""

    def on_body(self, part: bytes) -> None:  # noqa: D102
        if self.complete:
            self.keep = False
            return
        self.received += len(part)
        if self.received > self._limits.body > 0:
            self._fault = f"its body is larger than {self._limits.body} bytes"
            return
        self.parts.append(part)

    def on_message_complete(self) -> None:  # noqa: D102
        if self.complete:
            return
        if self.status < 200 and self.status != 101:
            # An interim response (RFC 9110 section 15.2): the final one follows.
            self.continued = self.continued or self.status == 100
            self.headed = False
            self.status = self._fed = 0
            self.reason = b""
            self._fields = self.headers = []
            return
        self.complete = True
        # Outside this callback llhttp always says no.
        self.keep = self._parser.should_keep_alive()
