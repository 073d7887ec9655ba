"""Putting the mesh under a client that httpx has set up; the one file that knows where a client keeps its transports.

Given a transport of our own, httpx would ignore ``proxy``, ``verify``, ``limits`` and the proxy variables of the
environment. So it builds its transports as for any other client, and each is then wrapped: requests for services go
straight to their endpoints, all others the way httpx would have sent them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

import httpx

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Collection

    from httpx._utils import URLPattern

T = TypeVar("T")


class _Transports(Protocol[T]):
    _transport: T
    _mounts: dict[URLPattern, T | None]


def mount_mesh(client: _Transports[T], wrap: Callable[[T, T], T], own: Collection[str]) -> None:
    """Replace the client's transports by ``wrap(direct, passthrough)``; the patterns in `own` stay the user's.

    Raises RuntimeError with a version of httpx that keeps its transports elsewhere.
    """
    if not (hasattr(client, "_transport") and hasattr(client, "_mounts")):
        msg = (
            "this version of httpx keeps its transports elsewhere: use httpx.Client(transport=MeshTransport(mesh)), "
            "or an httpx between 0.28.1 and 1"
        )
        raise RuntimeError(msg)
    direct = client._transport  # noqa: SLF001
    client._transport = wrap(direct, direct)  # noqa: SLF001
    for pattern, transport in list(client._mounts.items()):  # noqa: SLF001
        if transport is not None and pattern.pattern not in own:
            client._mounts[pattern] = wrap(direct, transport)  # noqa: SLF001


def has_proxies(client: _Transports[T]) -> bool:
    """Whether requests for some URLs go another way than the others."""
    return bool(client._mounts)  # noqa: SLF001


def direct_transport(client: _Transports[T]) -> tuple[T, ssl.SSLContext]:
    """What httpx made to send requests without a proxy, and the context for TLS that it made for it."""
    transport = client._transport  # noqa: SLF001
    pool = getattr(transport, "_pool", None)
    context = getattr(pool, "_ssl_context", None)
    return transport, context or httpx.create_ssl_context()
