"""What a client is answered by the proxy itself: a problem document (RFC 9457) and ``mesh-error``.

What an upstream answers is never touched; by this header whoever asked can tell the two apart.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from math import ceil
from typing import TYPE_CHECKING

import httpx

from meshclient import errors
from meshclient.sidecar.proxy.answer import ALLOWED
from meshclient.sidecar.proxy.destination import Refusal
from meshclient.telemetry.error_type import of_error

if TYPE_CHECKING:
    from meshclient.model.outcome import Outcome

_STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (errors.ServiceNotFound, 503),
    (errors.NoEndpoints, 503),
    (errors.ResolverUnavailable, 503),
    (errors.RejectedError, 503),
    (errors.DeadlineExceeded, 504),
    (errors.ConfigError, 500),
    (httpx.ConnectTimeout, 503),
    (httpx.PoolTimeout, 503),
    (httpx.TimeoutException, 504),
    (httpx.ConnectError, 503),
)
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def refusal_of(error: Exception) -> Refusal:
    """What a request is answered whose call ended in `error`."""
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 502)
    latest: Outcome | None = None
    report = getattr(error, "mesh", None)
    if report is not None and report.attempts:
        latest = report.attempts[-1].outcome
    word = of_error(error, latest)
    if word == "_OTHER":
        word = _word(error)
    notes = [note.removeprefix("meshclient: ") for note in getattr(error, "__notes__", ())]
    detail = "; ".join([str(error) or type(error).__name__, *notes])
    return Refusal(status, word, detail, getattr(error, "retry_after", None))


def _word(error: Exception) -> str:
    """Of an error that is httpx's own, as of a host that is no service."""
    if isinstance(error, httpx.ConnectError):
        return "connect_error"
    if isinstance(error, httpx.TimeoutException):
        return "timeout"
    return "protocol_error" if isinstance(error, httpx.ProtocolError) else "disconnected"


def problem(refusal: Refusal, date: bytes, *, bodiless: bool, close: bool) -> bytes:
    """The whole response.

    Args:
        refusal: what to say.
        date: value of Date.
        bodiless: the request was HEAD.
        close: whether the connection ends with it.
    """
    phrase = _PHRASES.get(refusal.status, "Error")
    said = {"title": phrase, "status": refusal.status, "detail": refusal.detail, "error": refusal.error}
    body = json.dumps(said).encode()
    lines = [
        f"HTTP/1.1 {refusal.status} {phrase}",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        f"Date: {date.decode()}",
        f"mesh-error: {refusal.error}",
    ]
    if refusal.status == 405:
        # RFC 9110 section 15.5.6.
        lines.append(f"Allow: {ALLOWED.decode()}")
    if refusal.retry_after is not None:
        lines.append(f"Retry-After: {max(1, ceil(refusal.retry_after))}")
    if close:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode() + (b"" if bodiless else body)
