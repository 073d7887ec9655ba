"""Flask: one client, and calls that continue the requests they are made for.

MESHCLIENT_SERVICES__ORDERS__ENDPOINTS=http://127.0.0.1:9001 flask --app examples/inbound/flask_service.py run
"""

from __future__ import annotations

from flask import Flask

import meshclient
from meshclient.integrations.flask import client, init_app

app = Flask(__name__)
init_app(app, meshclient.Mesh(), needs=["orders"], limit=32, load_report=True)


@app.get("/cart")
def cart() -> dict[str, str]:
    """Ask another service; its answer has to come before this one's caller gives up."""
    return {"order": client().get("http://orders/v1/orders/42").text}
