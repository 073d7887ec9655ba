"""Starlette and FastAPI: one client for the application, as long as it lives.

    mesh = Mesh("consul://127.0.0.1:8500")
    app = FastAPI(lifespan=lifespan(mesh))
    app.add_middleware(MeshMiddleware, limit=256)

    @app.get("/cart")
    async def cart(http: Annotated[AsyncClient, Depends(client)]) -> Cart: ...

A route of Starlette calls ``client(request)``. To be listed in a registry, the application as a whole goes into
`meshclient.integrations.asgi.Registered`.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import HTTPConnection

from meshclient.http import AsyncClient
from meshclient.integrations.asgi_middleware import MeshMiddleware

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from typing import TypeAlias

    from meshclient.mesh import Mesh

    # What an application is given as its lifespan; both kinds of application are.
    Lifespan: TypeAlias = Callable[[Any], AbstractAsyncContextManager[Mapping[str, Any] | None]]

__all__ = ["MeshMiddleware", "client", "lifespan"]

# In the lifespan's state, which each request has a copy of.
_STATE = "meshclient"


def lifespan(
    mesh: Mesh,
    inner: Lifespan | None = None,
    **arguments: Any,  # noqa: ANN401 - httpx's own
) -> Callable[[Any], AbstractAsyncContextManager[Mapping[str, Any]]]:
    """What an application has as its lifespan to have a client.

    Args:
        mesh: the client's; closed at the end.
        inner: the application's own, which runs within: its startup may call, and its state is kept.
        arguments: the client's, such as ``timeout`` and ``headers``.
    """

    @asynccontextmanager
    async def live(app: Any) -> AsyncIterator[Mapping[str, Any]]:  # noqa: ANN401 - whatever the framework calls one
        async with mesh, AsyncClient(mesh=mesh, **arguments) as http:
            app.state.meshclient = http
            async with inner(app) if inner else nullcontext() as state:
                yield {**(state or {}), _STATE: http}

    return live


# Not only for requests: websockets have clients too. FastAPI reads the annotation.
def client(connection: HTTPConnection) -> AsyncClient:
    """The application's client.

    Raises RuntimeError where the application was not given a `lifespan`, or the server runs none.
    """
    found = getattr(connection.state, _STATE, None)
    if found is None:
        raise RuntimeError("the application has no client: FastAPI(lifespan=lifespan(mesh)), and a server that runs it")
    return cast("AsyncClient", found)
