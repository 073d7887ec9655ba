"""Clients of both colours whose calls of "orders" go through a cache, and a service that says what a test wants."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import httpx

import meshclient
from meshclient.core.caching.policy import Policy
from meshclient.http._async.caching.cache import AsyncCache
from meshclient.http._sync.caching.cache import Cache
from meshclient.http.caching.memory import MemoryStore
from meshclient.http.caching.shelf import Rule, Shelf
from unit.http.rawserver import Connection, RawServer, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from unit.http.face import Face

BOUND = 60.0
MEGABYTE = 2**20


class Wall:
    """The time of day, which a test can move."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class CachedTransport(httpx.BaseTransport):
    def __init__(self, mesh: meshclient.Mesh, cache: Cache) -> None:
        self.mesh, self.cache, self.inner = mesh, cache, meshclient.MeshTransport(mesh)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        service = self.mesh.service_of(request.url.scheme, request.url.host)
        assert service is not None
        return self.cache.send(request, service, self.inner.handle_request)

    def close(self) -> None:
        self.cache.close()
        self.inner.close()


class AsyncCachedTransport(httpx.AsyncBaseTransport):
    def __init__(self, mesh: meshclient.Mesh, cache: AsyncCache) -> None:
        self.mesh, self.cache, self.inner = mesh, cache, meshclient.AsyncMeshTransport(mesh)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        service = self.mesh.service_of(request.url.scheme, request.url.host)
        assert service is not None
        return await self.cache.send(request, service, self.inner.handle_async_request)

    async def aclose(self) -> None:
        await self.cache.aclose()
        await self.inner.aclose()


@dataclass
class Kept:
    """A client with a cache."""

    face: Face
    client: Any
    shelf: Shelf
    cache: Any
    wall: Wall

    @property
    def counts(self) -> dict[str, int]:
        return {name: count for name, count in self.shelf.lookups.as_dict().items() if count}

    @property
    def urls(self) -> int:
        """Of how many something is kept."""
        store = self.shelf.store
        assert isinstance(store, MemoryStore)
        return len(store._items)

    def send(self, method: str, path: str = "/", **keywords: Any) -> httpx.Response:
        response: httpx.Response = self.face.run(self.client.request(method, f"http://orders{path}", **keywords))
        return response

    def get(self, path: str = "/", **headers: str) -> httpx.Response:
        return self.send("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def kept(
    face: Face,
    *urls: str,
    store: Any = None,
    coalesce: bool = True,
    shelf: Shelf | None = None,
    service: dict[str, Any] | None = None,
    rule: Callable[[str], Rule | None] | None = None,
    **policy: Any,
) -> Kept:
    """A client of the face's colour over a cache over these endpoints."""
    wall = Wall()
    if shelf is None:
        own = Rule(Policy(**policy), coalesce)
        shelf = Shelf("orders", rule or (lambda _: own), MemoryStore(MEGABYTE, wall) if store is None else store, wall)
    mesh = face.mesh(services={"orders": {"endpoints": list(urls), **(service or {})}})
    cache: Any = (AsyncCache if face.is_async else Cache)(shelf)
    transport: Any = (AsyncCachedTransport if face.is_async else CachedTransport)(mesh, cache)
    return Kept(face, face.httpx(transport=transport, timeout=BOUND), shelf, cache, wall)


def answer(*lines: str, body: str | bytes = "", status: str = "200 OK", length: bool = True) -> bytes:
    """A response."""
    content = body.encode() if isinstance(body, str) else body
    head = [f"HTTP/1.1 {status}", *lines, *([f"Content-Length: {len(content)}"] if length else [])]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + content


@dataclass
class Site:
    """A service on loopback: what it says to a request is a function of it, and how often it was asked so far."""

    say: Callable[[Request, int], bytes | None]
    server: RawServer = field(init=False)

    def __post_init__(self) -> None:
        self.server = RawServer(self._rule)

    def _rule(self, connection: Connection) -> None:
        while (request := connection.request()) is not None:
            said = self.say(request, len(self.server.requests))
            if said is None:
                return
            connection.send(said)

    @property
    def asked(self) -> list[Request]:
        return self.server.requests

    @property
    def url(self) -> str:
        return self.server.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *arguments: object) -> None:
        self.server.__exit__(None, None, None)


def numbered(*lines: str, status: str = "200 OK") -> Callable[[Request, int], bytes]:
    """Always the same head, and the number of the request as the body."""
    return lambda _, number: answer(*lines, body=str(number), status=status)
