"""Instances of a service that exist in memory only, and the wire that leads to them."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import httpx

if TYPE_CHECKING:
    from meshclient.model.endpoint import Endpoint

Handler: TypeAlias = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]

_NEVER_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(slots=True, eq=False)
class FakeEndpoint:
    """One instance and how it answers; a test may change it at any time.

    Args:
        latency: seconds it takes, which really pass; longer than the attempt may take, and the attempt times out.
        status: of its answers.
        json: body of its answers; None for an empty one.
        headers: of its answers.
        fail: what it does instead of answering: an httpx exception, or the class of one. `ConnectError` and the like
            mean that nothing was sent.
        handler: makes its answers in place of the above, as with `httpx.MockTransport`; may be asynchronous for an
            `AsyncClient`.
    """

    latency: float = 0.0
    status: int = 200
    json: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    fail: Exception | type[httpx.TransportError] | None = None
    handler: Handler | None = None


@dataclass(frozen=True, slots=True)
class FakeCall:
    """What arrived, or would have.

    Args:
        service: the name of the service.
        endpoint: the address it was sent to.
        request: as it was sent; its body has been read.
    """

    service: str
    endpoint: Endpoint
    request: httpx.Request


class FakeWire(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Carries requests to fake endpoints, for clients of both colours. Opens no socket.

    Args:
        instances: service, address and behaviour of every instance.
        calls: each request is added here.
    """

    def __init__(self, instances: list[tuple[str, Endpoint, FakeEndpoint]], calls: list[FakeCall]) -> None:
        self._instances = {endpoint.host: (name, endpoint, fake) for name, endpoint, fake in instances}
        self._calls = calls

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it."""
        fake = self._found(request)
        trace = request.extensions.get("trace", _untraced)
        for event in _trail(fake):
            trace(event, {})
        request.read()
        pause, late = _pause(fake, request)
        time.sleep(pause)
        answer = _answer(fake, request, late=late)
        if isinstance(answer, httpx.Response):
            return answer
        if inspect.iscoroutine(answer):
            answer.close()
        msg = "an asynchronous handler needs an AsyncClient: use FakeMesh.async_client()"
        raise TypeError(msg)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it."""
        fake = self._found(request)
        trace = request.extensions.get("trace", _async_untraced)
        for event in _trail(fake):
            await trace(event, {})
        await request.aread()
        pause, late = _pause(fake, request)
        await asyncio.sleep(pause)
        answer = _answer(fake, request, late=late)
        return await answer if inspect.isawaitable(answer) else answer

    def _found(self, request: httpx.Request) -> FakeEndpoint:
        found = self._instances.get(request.url.host)
        if found is None:
            known = ", ".join(sorted({name for name, _, _ in self._instances.values()})) or "none"
            msg = f"{request.url} is at no endpoint of the FakeMesh, which opens no sockets; its services: {known}"
            raise httpx.ConnectError(msg, request=request)
        name, endpoint, fake = found
        self._calls.append(FakeCall(name, endpoint, request))
        return fake


def _untraced(event: str, info: Mapping[str, object]) -> None:
    pass


async def _async_untraced(event: str, info: Mapping[str, object]) -> None:
    pass


def _trail(fake: FakeEndpoint) -> tuple[str, ...]:
    """What httpcore would tell of the way there: the mesh judges by it whether anything was sent."""
    kind = fake.fail if isinstance(fake.fail, type) else type(fake.fail)
    connected = "connection.connect_tcp.started"
    return (connected,) if issubclass(kind, _NEVER_CONNECTED) else (connected, "http11.send_request_headers.started")


def _pause(fake: FakeEndpoint, request: httpx.Request) -> tuple[float, bool]:
    limit = request.extensions.get("timeout", {}).get("read")
    late = limit is not None and fake.latency > limit
    return (limit if late else fake.latency), late


def _answer(fake: FakeEndpoint, request: httpx.Request, *, late: bool) -> httpx.Response | Awaitable[httpx.Response]:
    if late:
        raise httpx.ReadTimeout(f"no answer for {fake.latency:.3g}s", request=request)
    if isinstance(fake.fail, type):
        raise fake.fail(f"{fake.fail.__name__} of a FakeEndpoint", request=request)
    if fake.fail is not None:
        raise fake.fail
    if fake.handler is not None:
        return fake.handler(request)
    if fake.json is None:
        return httpx.Response(fake.status, headers=fake.headers)
    return httpx.Response(fake.status, headers=fake.headers, json=fake.json)
