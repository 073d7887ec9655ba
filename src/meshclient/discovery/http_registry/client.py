"""The HTTP client for a registry."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Connecting and the TLS handshake have this share of a question's time each, so that they are over before it is:
# httpcore closes a connection that fails in its handshake, and loses one that is cancelled there.
_HANDSHAKE = 0.45


def open_client(
    context: ssl.SSLContext | None,
    *,
    timeout: float,
    transport: httpx.AsyncBaseTransport | None = None,
    headers: Mapping[str, str] | None = None,
    socket_options: Sequence[tuple[int, int, int]] = (),
) -> httpx.AsyncClient:
    """A client for the running event loop, which the caller closes; the environment's proxies do not count.

    Only connecting is bounded, since a registry may hold its answer back: put questions with `Question`.

    Args:
        context: what TLS needs; None where every server speaks plain HTTP.
        timeout: seconds for a question that is answered at once.
        transport: what carries the requests instead of the network.
        headers: sent with every request.
        socket_options: arguments of `setsockopt` for each connection.
    """
    # An empty context saves loading the system's authorities where there is nothing to verify.
    verify = context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.AsyncClient(
        timeout=httpx.Timeout(None, connect=timeout if context is None else timeout * _HANDSHAKE),
        trust_env=False,
        headers=headers,
        transport=transport
        or httpx.AsyncHTTPTransport(verify=verify, trust_env=False, socket_options=list(socket_options)),
    )
