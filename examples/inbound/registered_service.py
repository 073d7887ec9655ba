"""FastAPI, listed in a registry for as long as it serves, and calling others by their names.

MESHCLIENT_RESOLVER=consul://127.0.0.1:8500 PORT=8080 \
    uvicorn --app-dir examples/inbound registered_service:app --host 0.0.0.0 --port 8080

On SIGTERM it leaves the registry first, serves on until callers know, and then ends.
"""

from __future__ import annotations

import os
from typing import Annotated

from fastapi import Depends, FastAPI

import meshclient
from meshclient.integrations.asgi import Registered
from meshclient.integrations.fastapi import MeshMiddleware, client, lifespan

mesh = meshclient.Mesh()
api = FastAPI(lifespan=lifespan(mesh))
api.add_middleware(MeshMiddleware, mesh=mesh)
# Around everything: the instance is listed once the application has started. The middleware answers `/healthz`; without
# HOST it is listed with the address by which this machine reaches others.
host, port = os.environ.get("HOST"), int(os.environ.get("PORT", "8080"))
app = Registered(api, mesh, "cart", host=host, port=port, health="/healthz")


@api.get("/cart")
async def cart(http: Annotated[meshclient.AsyncClient, Depends(client)]) -> dict[str, str]:
    """Ask another service."""
    return {"order": (await http.get("http://orders/v1/orders/42")).text}
