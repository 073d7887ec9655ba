"""Plain ASGI; with Registered around it, it would be in a registry while it serves.

MESHCLIENT_SERVICES__ORDERS__ENDPOINTS=http://127.0.0.1:9001 uvicorn --app-dir examples/inbound asgi_service:app
"""

from __future__ import annotations

import meshclient
from meshclient.integrations.asgi import MeshMiddleware, Message, Receive, Send

mesh = meshclient.Mesh()
http = meshclient.AsyncClient(mesh=mesh)


async def cart(scope: Message, _: Receive, send: Send) -> None:
    """Serve one request."""
    if scope["type"] != "http":
        raise RuntimeError("this application serves HTTP only")
    found = scope["path"] == "/cart"
    body = (await http.get("http://orders/v1/orders/42")).content if found else b""
    await send({"type": "http.response.start", "status": 200 if found else 404, "headers": []})
    await send({"type": "http.response.body", "body": body})


app = MeshMiddleware(cart, mesh=mesh, needs=["orders"], limit=256, max_lag=0.5, disconnect=True, load_report=True)
