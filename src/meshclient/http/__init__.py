"""The httpx face: transports and clients that send to services by name."""

from meshclient.http._async.client import AsyncClient
from meshclient.http._async.transport import AsyncMeshTransport
from meshclient.http._sync.client import Client
from meshclient.http._sync.transport import MeshTransport

__all__ = ["AsyncClient", "AsyncMeshTransport", "Client", "MeshTransport"]
