"""What both colours say of the same failure: one text for each, whichever of them met it.

Logs are searched for these words and dashboards group by them, so they must not tell how a call was made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.engine.errors import (
    ConnectFailed,
    ConnectTimeout,
    Disconnected,
    MalformedResponse,
    PoolTimeout,
    ReadTimeout,
    StaleConnection,
    TooLarge,
    WriteTimeout,
)

if TYPE_CHECKING:
    from meshclient.engine.target import Target

# Seconds from writing within which the end of a kept connection is taken for an earlier one that crossed the request on
# its way. A server that had begun to work on it is rarely gone so soon.
CROSSED = 0.1


def malformed(target: Target, fault: MalformedResponse) -> MalformedResponse:
    """What came is no response, or too large a one."""
    if isinstance(fault, TooLarge):
        return TooLarge(f"{target}: {fault}")
    return MalformedResponse(f"{target} sent no valid HTTP/1.1 response: {fault}")


def ended(target: Target, error: Exception | None) -> str:
    """The beginning of a text: the peer closed the connection, or it broke by `error`."""
    if error is None:
        return f"{target} closed the connection"
    return f"{target} broke the connection off ({_words(error)})"


def unanswered(target: Target, error: Exception | None) -> Disconnected:
    """It ended, and nothing of a response had come."""
    return Disconnected(f"{ended(target, error)} before it answered")


def half_answered(target: Target, error: Exception | None) -> Disconnected:
    """It ended, and a part of a response had come."""
    return Disconnected(f"{ended(target, error)} in the middle of its response")


def crossed(target: Target, error: Exception | None) -> StaleConnection:
    """A kept connection ended so soon after a request was written that the peer will not have seen it."""
    return StaleConnection(f"{ended(target, error)}, kept from an earlier exchange, while the request was on its way")


def unread(target: Target) -> WriteTimeout:
    """The peer takes no more of the request."""
    return WriteTimeout(f"{target} did not take the request in time")


def late_response(target: Target, *, headed: bool) -> ReadTimeout:
    """The response's head, or what follows it, is not here."""
    what = "did not send the rest of its body" if headed else "gave no response head"
    return ReadTimeout(f"{target} {what} in time")


def unconnected(target: Target, why: str) -> ConnectFailed:
    """There can be no connection."""
    return ConnectFailed(f"{target}: no connection: {why}")


def late_connection(target: Target, so_far: str = "") -> ConnectTimeout:
    """There is none yet; `so_far` is what failed until now."""
    return ConnectTimeout(f"{target}: no connection in time{so_far and f': {so_far}'}")


def crowded(target: Target, count: float, *, here: bool) -> PoolTimeout:
    """All connections that may be open are in use: `count` to this endpoint (`here`), or of the share together."""
    setting = "connections.per_endpoint" if here else "connections.total, or httpx.Limits"
    return PoolTimeout(f"{target}: all {count:.0f} connections were busy for too long; {setting} sets that bound")


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
