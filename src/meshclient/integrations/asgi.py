"""An ASGI application that is in a registry while it serves, under uvicorn and its like.

    app = Registered(app, Mesh("consul://127.0.0.1:8500"), "orders", port=8080, health="/healthz")

The instance enters after the application's startup, and not before the server answers at the address that callers are
given. It leaves on SIGTERM, and the server goes on serving until callers have noticed and the requests in flight have
ended; only then does the server's own handler hear of the signal. A server closes its sockets before it ends the
lifespan, which would be too late; the handler is therefore put before the server's at startup, when that is in place.
A lifespan that ends without SIGTERM (Ctrl-C, a worker that has served its number of requests) takes the instance out
too, at once. Workers of a pre-fork server are one instance; one of them has it registered.

An application that knows no lifespan gets one here. Where the server offers none (``--lifespan off``) the instance is
registered with the first request, which a health check of whoever started the server may be.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING

from meshclient.integrations.asgi_middleware import REGISTERED, MeshMiddleware

if TYPE_CHECKING:
    from typing import Unpack

    from meshclient.mesh import Mesh
    from meshclient.model.endpoint import EndpointAttributes
    from meshclient.registration.lease import Lease

__all__ = ["Application", "MeshMiddleware", "Message", "Receive", "Registered", "Send"]

Message = MutableMapping[str, object]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class Registered:
    """An application, and its instance in a registry.

    Args:
        app: the ASGI application; wrap it in its middleware first.
        mesh: what says which registry, unless `registry` does.
        name: the service it is an instance of.
        port: where callers reach it; the server is told by itself where to listen.
        host: the address callers reach it at; by default the one this host uses to reach other hosts.
        health: path that answers 2xx while the application is fit to be called; without one, that the port accepts
            connections is enough.
        ttl: seconds without a sign of life after which the registry may drop the instance.
        registry: URI of the registry.
        propagation: seconds to serve on after leaving on SIGTERM; by default what the registry needs.
        grace: seconds then given to requests and websockets in flight.
        attributes: ``scheme``, ``id``, ``weight``, ``zone``, ``tags``, ``metadata`` of the endpoint.

    Raises nothing here; startup fails as `Mesh.register` does. What the server itself allows for its shutdown
    (``--timeout-graceful-shutdown`` and the like), and what its supervisor does, begins after or must exceed
    `propagation` and `grace`.
    """

    def __init__(
        self,
        app: Application,
        mesh: Mesh,
        name: str,
        *,
        port: int,
        host: str | None = None,
        health: str = "",
        ttl: float = 15.0,
        registry: str | None = None,
        propagation: float | None = None,
        grace: float = 10.0,
        **attributes: Unpack[EndpointAttributes],
    ) -> None:
        def register() -> Lease:
            return mesh.register(
                name,
                port=port,
                host=host,
                health=health,
                ttl=ttl,
                registry=registry,
                wait_ready=True,
                propagation=propagation,
                in_flight=lambda: self.in_flight,
                grace=grace,
                **attributes,
            )

        self.in_flight = 0
        self.lease: Lease | None = None
        self._app = app
        self._register = register

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection, or the lifespan."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        self._enter()
        # For the middleware within, which answers whether this instance is ready.
        scope[REGISTERED] = self
        self.in_flight += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self.in_flight -= 1

    async def _live(self, scope: Message, receive: Receive, send: Send) -> None:
        heard = failed = False

        async def hear() -> Message:
            nonlocal heard
            heard = True
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self._leave()
            return message

        async def tell(message: Message) -> None:
            nonlocal failed
            if failed:
                return
            if message["type"] == "lifespan.startup.complete":
                try:
                    # Also where an earlier life has ended. The server is waited for in the background.
                    self.lease = self._register()
                except Exception as exc:
                    # Raised alone it would look like an application that knows nothing of lifespans.
                    failed = True
                    await send({"type": "lifespan.startup.failed", "message": str(exc)})
                    raise
            await send(message)

        try:
            await self._app(scope, hear, tell)
        except Exception:
            # One that never listened did not fail: it knows nothing of lifespans (ASGI, "Lifespan Protocol").
            if heard:
                raise
        if not heard:
            await hear()
            await tell({"type": "lifespan.startup.complete"})
            await hear()
            await tell({"type": "lifespan.shutdown.complete"})

    def _enter(self) -> None:
        if self.lease is None:
            self.lease = self._register()

    async def _leave(self) -> None:
        if self.lease is not None:
            await self.lease.aclose()
