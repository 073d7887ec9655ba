"""Service discovery and resilient HTTP calls, inside your process.

    import meshclient

    with meshclient.Client("consul://127.0.0.1:8500") as http:
        http.get("http://orders/v1/orders/42")

Names are loaded on first use: importing the package reads no configuration, starts no thread and imports neither httpx
nor a plugin.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient import propagation
    from meshclient.errors import (
        CircuitOpen,
        ConfigError,
        DeadlineExceeded,
        MeshError,
        NoEndpoints,
        Overloaded,
        PluginError,
        PluginNotFound,
        RejectedError,
        ResolutionError,
        ResolverUnavailable,
        ServiceNotFound,
    )
    from meshclient.http import AsyncClient, AsyncMeshTransport, Client, MeshTransport
    from meshclient.http.ambient import override
    from meshclient.mesh import Mesh
    from meshclient.model.endpoint import Endpoint
    from meshclient.rpc import AsyncChannel, Channel
    from meshclient.rpc.stub.build import stub

__version__ = "0.1.0"

_HOMES = {
    "AsyncChannel": "meshclient.rpc",
    "AsyncClient": "meshclient.http._async.client",
    "AsyncMeshTransport": "meshclient.http._async.transport",
    "Channel": "meshclient.rpc",
    "CircuitOpen": "meshclient.errors",
    "Client": "meshclient.http._sync.client",
    "ConfigError": "meshclient.errors",
    "DeadlineExceeded": "meshclient.errors",
    "Endpoint": "meshclient.model.endpoint",
    "Mesh": "meshclient.mesh",
    "MeshError": "meshclient.errors",
    "MeshTransport": "meshclient.http._sync.transport",
    "NoEndpoints": "meshclient.errors",
    "Overloaded": "meshclient.errors",
    "PluginError": "meshclient.errors",
    "PluginNotFound": "meshclient.errors",
    "RejectedError": "meshclient.errors",
    "ResolutionError": "meshclient.errors",
    "ResolverUnavailable": "meshclient.errors",
    "ServiceNotFound": "meshclient.errors",
    "override": "meshclient.http.ambient",
    "stub": "meshclient.rpc",
}

__all__ = [
    "AsyncChannel",
    "AsyncClient",
    "AsyncMeshTransport",
    "Channel",
    "CircuitOpen",
    "Client",
    "ConfigError",
    "DeadlineExceeded",
    "Endpoint",
    "Mesh",
    "MeshError",
    "MeshTransport",
    "NoEndpoints",
    "Overloaded",
    "PluginError",
    "PluginNotFound",
    "RejectedError",
    "ResolutionError",
    "ResolverUnavailable",
    "ServiceNotFound",
    "__version__",
    "override",
    "propagation",
    "stub",
]


def __getattr__(name: str) -> object:
    if name == "propagation":
        return import_module("meshclient.propagation")
    home = _HOMES.get(name)
    if home is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
