"""What became of an exchange whose socket failed."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from meshclient.engine import complaints
from meshclient.engine.errors import Disconnected, TlsFailed, WireError
from meshclient.engine.tls_explanation import explain

if TYPE_CHECKING:
    from meshclient.engine.blocking.wire import Wire


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
    if connection.heard:
        return complaints.half_answered(target, error)
    if connection.uses > 1 and connection.clock() - connection.wrote < complaints.CROSSED:
        return complaints.crossed(target, error)
    return complaints.unanswered(target, error)
