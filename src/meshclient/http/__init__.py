"""The httpx face: transports and clients that send to services by name.

Names are loaded on first use: what stands here and knows nothing of httpx can be had without it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient.http._async.client import AsyncClient
    from meshclient.http._async.transport import AsyncMeshTransport
    from meshclient.http._sync.client import Client
    from meshclient.http._sync.transport import MeshTransport

_HOMES = {
    "AsyncClient": "meshclient.http._async.client",
    "AsyncMeshTransport": "meshclient.http._async.transport",
    "Client": "meshclient.http._sync.client",
    "MeshTransport": "meshclient.http._sync.transport",
}

__all__ = ["AsyncClient", "AsyncMeshTransport", "Client", "MeshTransport"]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value
