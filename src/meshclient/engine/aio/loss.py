"""What the end of a connection in the middle of an exchange is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.engine import complaints
from meshclient.engine.errors import ConnectFailed, Disconnected, TlsFailed, WireError
from meshclient.engine.tls_explanation import explain

if TYPE_CHECKING:
    from meshclient.engine.target import Target


def loss(target: Target, error: Exception | None, uses: int, seconds: float, *, answered: bool) -> WireError:
    """The peer closed a connection, or it broke.

    Args:
        target: where it led.
        error: that the transport gave for it.
        uses: exchanges begun on it.
        seconds: since the last one began.
        answered: whether a part of its response had come.
    """
    made = _named(target, error, uses, seconds, answered=answered)
    made.__cause__ = error
    return made


def _named(target: Target, error: Exception | None, uses: int, seconds: float, *, answered: bool) -> WireError:
    if not answered and uses < 2 and target.tls is not None and _of_tls(error):
        # With TLS 1.3 the peer's opinion of our certificate comes after our part of the handshake.
        return TlsFailed(explain(error, target))
    if not uses:
        return ConnectFailed(f"{complaints.ended(target, error)} before a request was sent")
    if uses == 1 and target.tls is not None and not answered:
        # The alert is lost where the peer's reset overtakes it. But a request may have been seen, for all we know.
        return Disconnected(explain(error, target))
    if answered:
        return complaints.half_answered(target, error)
    if uses > 1 and seconds < complaints.CROSSED:
        return complaints.crossed(target, error)
    return complaints.unanswered(target, error)


def _of_tls(error: Exception | None) -> bool:
    import ssl

    return isinstance(error, ssl.SSLError)
