# Generated from src/meshclient/rpc/_async/channel.py by scripts/unasync.py; edit that file, then run `make sync`.
"""A client bound to one service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.http._sync.client import Client
from meshclient.mesh import Mesh
from meshclient.rpc.binding import Binding
from meshclient.rpc.location import located

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self, Unpack

    import httpx

    from meshclient.rpc.arguments import CallArguments, RequestArguments, Streaming


class Channel(Binding):
    """Requests to one service, given by their paths alone: ``orders.get("/v1/orders/42", deadline=0.5)``.

    Keywords of a request are httpx's, the options of `extensions["mesh"]` as keywords of their own, and ``body``, an
    object for the channel's codec. A path is one within the service; an absolute URL raises ConfigError.

    Args:
        source: the mesh that knows the service; or a client of yours, with its auth, hooks and cookies, which is not
            closed with the channel.
        service: the service's name.
        headers: sent with each request, unless the request has its own of that name.
        codec: ``"json"``, ``"msgpack"`` or ``"protobuf"``: writes ``body=``, and what stubs over this channel use.
        options: the mesh's options for every call: ``deadline``, ``attempt_timeout``, ``retry``, ``hedge``,
            ``hash_key``, ``idempotent``, ``priority``.

    Raises ConfigError for a wrong value, and where the mesh knows of no service at all.
    """

    def __init__(
        self,
        source: Mesh | Client,
        service: str,
        *,
        headers: Mapping[str, str] | None = None,
        codec: str = "json",
        **options: Unpack[CallArguments],
    ) -> None:
        mesh = source if isinstance(source, Mesh) else source.mesh
        self._owns_client = isinstance(source, Mesh)
        super().__init__(mesh, service, headers or {}, sent=self._owns_client, codec=codec, options=options)
        self.client = Client(mesh=source, headers=self.headers) if isinstance(source, Mesh) else source

    def request(self, method: str, path: str, **arguments: Unpack[RequestArguments]) -> httpx.Response:
        """Send a request; what httpx's client raises, and ConfigError for an option or a path that is none."""
        return self.client.request(method, located(self.base, path), **self.keywords(arguments))

    def stream(self, method: str, path: str, **arguments: Unpack[RequestArguments]) -> Streaming:
        """A request whose response is read while it comes: ``with channel.stream("GET", "/") as response``."""
        return self.client.stream(method, located(self.base, path), **self.keywords(arguments))

    def get(self, path: str, **arguments: Unpack[RequestArguments]) -> httpx.Response:
        """Send a GET request."""
        if self.bare and not arguments and not self._taken_over():
            return self.client.get(located(self.base, path))
        return self.request("GET", path, **arguments)

    def head(self, path: str, **arguments: Unpack[RequestArguments]) -> httpx.Response:
        """Send a HEAD request."""
        return self.request("HEAD", path, **arguments)

    def options(self, path: str, **arguments: Unpack[RequestArguments]) -> httpx.Response:
        """Send an OPTIONS request."""
        return self.request("OPTIONS", path, **arguments)

    def post(self, path: str, **arguments: Unpack[RequestArguments]) -> httpx.Response:
        """Send a POST request."""
        return self.request("POST", path, **arguments)

    def put(self, path: str, **arguments: Unpack[RequestArguments]) -> httpx.Response:
        """Send a PUT request."""
        return self.request("PUT", path, **arguments)

    def patch(self, path: str, **arguments: Unpack[RequestArguments]) -> httpx.Response:
        """Send a PATCH request."""
        return self.request("PATCH", path, **arguments)

    def delete(self, path: str, **arguments: Unpack[RequestArguments]) -> httpx.Response:
        """Send a DELETE request."""
        return self.request("DELETE", path, **arguments)

    def _taken_over(self) -> bool:
        """Whether somebody has replaced `request`, and wants to see every call."""
        return "request" in self.__dict__ or type(self).request is not Channel.request

    def close(self) -> None:
        """Close the connections, unless they are those of a client that was given."""
        if self._owns_client:
            self.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
