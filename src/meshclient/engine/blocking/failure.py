"""What became of an exchange whose socket failed."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from meshclient.engine.errors import Disconnected, StaleConnection, TlsFailed, WireError
from meshclient.engine.tls_explanation import explain

if TYPE_CHECKING:
    from meshclient.engine.blocking.wire import Wire

# Seconds after the request was written in which the end of a kept connection is taken for an earlier one that crossed
# the request on its way. A server that sees a request and then dies takes longer, or is not told from it.
_CROSSED = 0.1


def failure(connection: Wire, error: OSError | None) -> WireError:
    """The error of this situation.

    Args:
        connection: which one.
        error: what a socket's call raised; None: the peer closed.
    """
    target = connection.target
    if connection.closed_because:
        return Disconnected(f"{target}: {connection.closed_because}")
    if (
        isinstance(error, ssl.SSLError)
        and "ALERT" in (error.reason or "")
        and connection.uses == 1
        and not connection.heard
    ):
        # TLS 1.3: whether the server accepts our certificate shows where its first byte was to be read.
        return TlsFailed(explain(error, target))
    how = "closed the connection" if error is None else f"broke the connection off ({error.strerror or error})"
    if connection.heard:
        part = "within the body" if connection.headed else "within the head"
        return Disconnected(f"{target} {how} {part} of its response")
    if connection.uses > 1 and connection.clock() - connection.wrote < _CROSSED:
        return StaleConnection(f"{target} {how}, which was kept from an earlier exchange, before it answered")
    return Disconnected(f"{target} {how} before it answered")
