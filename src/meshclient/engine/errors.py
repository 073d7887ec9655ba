"""How an exchange on the wire can fail; each class names its row in the table of outcomes.

The face (`meshclient.http`) makes of each the httpx exception of that situation.
"""

from __future__ import annotations

from typing import ClassVar

from meshclient.model.outcome import Kind


class WireError(Exception):
    """An exchange failed. The text says with which endpoint and what happened."""

    kind: ClassVar[Kind] = Kind.LOCAL_ERROR


class ConnectFailed(WireError):
    """No connection could be made: refused, unreachable, no such host."""

    kind = Kind.CONNECT_ERROR


class TlsFailed(ConnectFailed):
    """The handshake failed; the text says what to change."""


class ConnectTimeout(WireError):
    """No connection within its time."""

    kind = Kind.CONNECT_TIMEOUT


class PoolTimeout(WireError):
    """Every connection that may be open was busy for as long as the call could wait."""

    kind = Kind.POOL_TIMEOUT


class ReadTimeout(WireError):
    """The response, or its next part, did not come within its time."""

    kind = Kind.TIMEOUT


class WriteTimeout(WireError):
    """The peer did not take the request within its time."""

    kind = Kind.TIMEOUT


class Disconnected(WireError):
    """The peer closed or reset the connection before the response was complete."""

    kind = Kind.DISCONNECTED


class StaleConnection(Disconnected):
    """The peer had closed a kept connection before it saw the request, or while it came (RFC 9112 section 9.3.1)."""

    kind = Kind.STALE_CONNECTION


class MalformedResponse(WireError):
    """What came is not an HTTP/1.1 response, or is larger than allowed; the connection is closed."""

    kind = Kind.PROTOCOL_ERROR


class TooLarge(MalformedResponse):
    """The response is one, with a body larger than allowed."""


class MalformedRequest(WireError):
    """The request cannot be written as HTTP/1.1; nothing was sent."""

    kind = Kind.LOCAL_ERROR
