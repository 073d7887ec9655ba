"""FastAPI: one client, and calls that continue the requests they are made for.

MESHCLIENT_SERVICES__ORDERS__ENDPOINTS=http://127.0.0.1:9001 uvicorn --app-dir examples/inbound fastapi_service:app
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI

import meshclient
from meshclient.integrations.fastapi import MeshMiddleware, client, lifespan

mesh = meshclient.Mesh()
app = FastAPI(lifespan=lifespan(mesh))
app.add_middleware(MeshMiddleware, mesh=mesh, needs=["orders"], limit=256, disconnect=True, load_report=True)


@app.get("/cart")
async def cart(http: Annotated[meshclient.AsyncClient, Depends(client)]) -> dict[str, str]:
    """Ask another service; its answer has to come before this one's caller gives up."""
    return {"order": (await http.get("http://orders/v1/orders/42")).text}
