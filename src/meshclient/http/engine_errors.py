"""What the engine's errors are called in httpx.

Users catch httpx's exceptions, so each failure on the wire becomes the one that httpx raises in that situation; the
engine's own error, which knows more, stays its cause.
"""

from __future__ import annotations

import httpx

from meshclient.engine import errors
from meshclient.http.engine_framing import WrongLength
from meshclient.model.outcome import Outcome

# By the nearest class: TlsFailed is a ConnectFailed, StaleConnection is a Disconnected.
_HTTPX: dict[type[errors.WireError], type[httpx.TransportError]] = {
    errors.ConnectFailed: httpx.ConnectError,
    errors.ConnectTimeout: httpx.ConnectTimeout,
    errors.PoolTimeout: httpx.PoolTimeout,
    errors.ReadTimeout: httpx.ReadTimeout,
    errors.WriteTimeout: httpx.WriteTimeout,
    errors.Disconnected: httpx.RemoteProtocolError,
    errors.MalformedResponse: httpx.RemoteProtocolError,
    errors.MalformedRequest: httpx.LocalProtocolError,
    WrongLength: httpx.LocalProtocolError,
    errors.WireError: httpx.TransportError,
}


def translated(error: errors.WireError, request: httpx.Request) -> httpx.TransportError:
    """`error` as httpx would raise it about `request`, with the same text; to be raised from `error`."""
    made = next(_HTTPX[kind] for kind in type(error).__mro__ if kind in _HTTPX)
    if isinstance(error, errors.Disconnected) and isinstance(error.__cause__, OSError):
        # httpx tells a connection that was reset from one that was ended.
        made = httpx.ReadError
    return made(str(error), request=request)


def outcome_of(error: BaseException) -> Outcome | None:
    """How the attempt ended that failed with `error`, if it failed on the engine; None for every other error."""
    cause = error.__cause__
    if not isinstance(cause, errors.WireError):
        return None
    return Outcome(cause.kind, detail=f"{type(error).__name__}: {' '.join(str(error).split())}")
