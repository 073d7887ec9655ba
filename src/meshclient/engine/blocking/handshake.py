"""The TLS handshake on a socket that is connected."""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING

from meshclient.engine.complaints import late_connection
from meshclient.engine.errors import TlsFailed
from meshclient.engine.tls_explanation import explain

if TYPE_CHECKING:
    import socket

    from meshclient.engine.target import Target, Tls


def shake_hands(sock: socket.socket, target: Target, tls: Tls, until: float) -> ssl.SSLSocket:
    """The same connection, made safe; on any error it is closed.

    Raises TlsFailed, ConnectTimeout, and what the files of the certificates may raise.

    Args:
        sock: connected.
        target: where to; its name is what the certificate is checked against.
        tls: of the target.
        until: on `time.monotonic`.
    """
    try:
        rest = until - time.monotonic()
        if rest <= 0.0:
            raise TimeoutError
        sock.settimeout(None if rest == float("inf") else rest)
        # An end without a closing alert is told from one with it: where only the end of the connection ends a body,
        # anybody could cut it (RFC 9112 section 9.8).
        return tls.context().wrap_socket(
            sock, server_hostname=target.server_name or target.host, suppress_ragged_eofs=False
        )
    except TimeoutError:
        sock.close()
        raise late_connection(target, "the TLS handshake was not over") from None
    except (ssl.SSLError, ssl.CertificateError, OSError) as error:
        sock.close()
        raise TlsFailed(explain(error, target)) from error
    except BaseException:
        sock.close()
        raise
