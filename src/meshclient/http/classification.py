"""What an httpx exception or response head says in the project's own terms."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import httpx

from meshclient.http.engine_errors import outcome_of
from meshclient.model.outcome import Kind, Outcome, classify_status

if TYPE_CHECKING:
    from meshclient.http.trail import Trail

_KINDS: tuple[tuple[type[Exception], Kind], ...] = (
    (httpx.ConnectTimeout, Kind.CONNECT_TIMEOUT),
    (httpx.PoolTimeout, Kind.POOL_TIMEOUT),
    (httpx.TimeoutException, Kind.TIMEOUT),
    (httpx.ConnectError, Kind.CONNECT_ERROR),
    (httpx.NetworkError, Kind.DISCONNECTED),
    (httpx.RemoteProtocolError, Kind.PROTOCOL_ERROR),
)

# Seconds in which a closed connection shows itself after the first write: a round trip, with room for a busy machine.
STALE_WITHIN = 0.1


def classify_error(error: Exception, trail: Trail) -> Outcome:
    """The outcome of an attempt that ended in `error` before a response head.

    A connection that was open before this attempt and broke as soon as it was used is stale rather than broken: its
    server had closed it while it lay idle, which says nothing about the endpoint. One that broke later broke while the
    server was at work. An error of our own in the middle of sending (the caller's body failed) gives the attempt up:
    the server may have seen some of it. Our own engine says the kind itself.
    """
    if (known := outcome_of(error)) is not None:
        return known
    kind = next((kind for cls, kind in _KINDS if isinstance(error, cls)), Kind.LOCAL_ERROR)
    # httpx has one class for "answered nonsense" and "hung up without a word"; only its text tells them apart.
    if kind is Kind.PROTOCOL_ERROR and str(error).startswith("Server disconnected"):
        kind = Kind.DISCONNECTED
    reused = trail.wrote is not None and not trail.connected
    if kind is Kind.DISCONNECTED and reused and trail.held_for() < STALE_WITHIN:
        kind = Kind.STALE_CONNECTION
    # httpx checks the head only after it said that it writes it: LocalProtocolError means that nothing was sent.
    if kind is Kind.LOCAL_ERROR and trail.wrote is not None and not isinstance(error, httpx.LocalProtocolError):
        kind = Kind.CANCELLED
    text = " ".join(_text(error).split())
    return Outcome(kind, detail=f"{type(error).__name__}: {text}" if text else type(error).__name__)


def _text(error: BaseException) -> str:
    """What it says, or the nearest reason that says anything: what trio raises of TLS is silent itself."""
    # httpcore cuts the chain of causes off where its pool hands an error on.
    while not (text := str(error)) and (reason := error.__cause__ or error.__context__) is not None:
        error = reason
    return text


def classify_response(response: httpx.Response) -> Outcome:
    """The outcome of a response head."""
    status = response.status_code
    asked = response.headers.get("retry-after") if status >= httpx.codes.TOO_MANY_REQUESTS else None
    return classify_status(status, None if asked is None else parse_retry_after(asked, datetime.now(UTC)))


def http_version(response: httpx.Response) -> str:
    """Of the protocol that it came by, as ``network.protocol.version`` has it; empty where that is not known."""
    said = response.extensions.get("http_version")
    if not isinstance(said, bytes) or not said.startswith(b"HTTP/"):
        return ""
    return said[5:].decode("ascii", "replace")


def parse_retry_after(value: str, now: datetime) -> float | None:
    """Seconds in a ``Retry-After`` field (RFC 9110 section 10.2.3): a number, or a date compared with `now`."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - now).total_seconds())
