"""Flask: the middleware around an application, and one client in it.

    app = Flask(__name__)
    init_app(app, Mesh("consul://127.0.0.1:8500"), limit=64)

    @app.get("/cart")
    def cart() -> str:
        return client().get("http://orders/v1/orders").text

Or with ``app.config["MESHCLIENT"] = {"resolver": "consul://127.0.0.1:8500", "inbound": {"limit": 64}}`` and
``init_app(app)``.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

from meshclient.errors import MeshError
from meshclient.http import Client
from meshclient.http.ambient import AMBIENT
from meshclient.integrations.problem import GIVEN_UP
from meshclient.integrations.setting import Setting
from meshclient.integrations.wsgi import MeshMiddleware

if TYPE_CHECKING:
    from flask import Flask
    from flask.wrappers import Response

    from meshclient.integrations.options import InboundOptions
    from meshclient.mesh import Mesh

_NAME = "meshclient"


def init_app(app: Flask, mesh: Mesh | None = None, **options: Any) -> MeshMiddleware:  # noqa: ANN401 - `InboundOptions`
    """Put the middleware around `app`, and a client into it.

    Args:
        app: as it is served; its ``wsgi_app`` is replaced.
        mesh: the client's; by default the one that ``app.config["MESHCLIENT"]`` describes.
        options: as in `meshclient.integrations.options.Inbound`; stronger than the configuration's ``inbound``.

    Raises ConfigError for a wrong option or setting.
    """
    setting = Setting.parse(app.config.get("MESHCLIENT", {}), 'app.config["MESHCLIENT"]')
    mesh = mesh or setting.mesh()
    given = setting.options(mesh, cast("InboundOptions", options))
    wrapped = app.wsgi_app = MeshMiddleware(app.wsgi_app, **given)  # type: ignore[method-assign]
    app.extensions[_NAME] = Client(mesh=mesh)
    # Flask makes a response of an exception before the middleware could see it.
    handle = app.handle_exception

    def handled(error: Exception) -> Response:
        # Out of time a call may also say that no list of endpoints came.
        late = isinstance(error, MeshError) and AMBIENT.get().ends <= time.monotonic()
        return _response(app) if late else handle(error)

    app.handle_exception = handled  # type: ignore[method-assign, assignment]
    return wrapped


def client() -> Client:
    """The client of the application whose request is being served.

    Raises RuntimeError outside of one, and where there was no `init_app`.
    """
    from flask import current_app

    found = current_app.extensions.get(_NAME)
    if found is None:
        raise RuntimeError("the application has no client: init_app(app, mesh)")
    return cast("Client", found)


def _response(app: Flask) -> Response:
    return app.make_response((GIVEN_UP.body, GIVEN_UP.status.value, dict(GIVEN_UP.headers)))
