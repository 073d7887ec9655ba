"""What holds for the connections and requests of one listener."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.sidecar.proxy.gate import Gate


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """Of one `Proxy`.

    Args:
        header_timeout: seconds from the first byte of a request head to its last.
        idle_timeout: seconds for which a connection is kept on which no request has begun.
        body_timeout: seconds that may pass between two parts of a request body, and for which a client may take
            nothing of its response, or an endpoint nothing of a request body that is larger than `replay`.
        tunnel_timeout: seconds for which a tunnel is kept through which nothing goes.
        max_head: bytes of a request head, 431 above.
        max_line: bytes of its first line, 414 above, and of a header line, 431 above.
        max_fields: number of its header fields, 431 above.
        replay: bytes of a request body up to which it is read before it is sent on, so that it can be sent again.
        max_connections: open at once; 0 for any number. The next ones are closed at once with 503.
        via: the pseudonym in Via (RFC 9110 section 7.6.3); empty for none.
        forwarded: whether requests say for whom they are forwarded: X-Forwarded-For and Forwarded (RFC 7239).
        gate: asked before each request, or None.
        log: given a line of JSON for each request, or None.
    """

    header_timeout: float = 10.0
    idle_timeout: float = 75.0
    body_timeout: float = 60.0
    tunnel_timeout: float = 3600.0
    max_head: int = 32 * 1024
    max_line: int = 16 * 1024
    max_fields: int = 128
    replay: int = 64 * 1024
    max_connections: int = 0
    via: str = "meshclient"
    forwarded: bool = True
    gate: Gate | None = None
    log: Callable[[str], None] | None = None
