"""A service of orders as its callers describe it, in both colours, and answers for it without a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import meshclient
from meshclient.rpc import stub

if TYPE_CHECKING:
    from collections.abc import Callable

    from unit.http.face import Face

ENDPOINT = "http://127.0.0.1:1"


@dataclass
class Order:
    """An order."""

    id: int
    items: list[str] = field(default_factory=list)


@cache
def shared_mesh() -> meshclient.Mesh:
    """Knows the service and remembers nothing of its failures; made once, since making one is most of such a test."""
    return meshclient.Mesh(services={"orders": {"endpoints": [ENDPOINT], "ejection": False, "throttle": False}})


class Wire:
    """Answers requests, and keeps them.

    Attributes:
        requests: all that were sent, in order.
        answer: what is answered next, or what makes it of the request.
    """

    def __init__(self, face: Face) -> None:
        self._face = face
        self.requests: list[httpx.Request] = []
        self.answer: httpx.Response | Callable[[httpx.Request], httpx.Response] = httpx.Response(204)
        self.client = face.client(mesh=shared_mesh(), transport=httpx.MockTransport(self._handle))

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answer(request) if callable(self.answer) else self.answer

    @property
    def last(self) -> httpx.Request:
        """The last request."""
        return self.requests[-1]

    @property
    def target(self) -> str:
        """Its path and query as they were sent."""
        return self.last.url.raw_path.decode()

    def stub(self, blocking: Callable[..., Any], asynchronous: Callable[..., Any], **keywords: Any) -> Any:
        """A stub of the face's colour."""
        return stub(asynchronous if self._face.is_async else blocking, self.client, **keywords)


@pytest.fixture(name="wire")
def wire_fixture(face: Face) -> Wire:
    """A client of each colour in turn, and what it sent."""
    return Wire(face)


def json(document: object, status: int = 200, media_type: str = "application/json") -> httpx.Response:
    """A response with a document of JSON in it."""
    return httpx.Response(status, json=document, headers={"content-type": media_type})


def overridden(face: Face, call: Callable[[], Any], **options: object) -> Any:
    """The result of a call that is made within `meshclient.override`."""
    if not face.is_async:
        with meshclient.override(**options):
            return call()

    async def block() -> Any:
        # An event loop has a context of its own.
        with meshclient.override(**options):
            return await call()

    return face.run(block())
