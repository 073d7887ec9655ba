"""Instances of a service that exist in memory only, and the wire that leads to them.

>>> import httpx
>>> from meshclient.testing.fake_mesh import FakeMesh
>>> instance = FakeEndpoint(script=[503, httpx.ConnectError, FakeEndpoint(json="late", latency=0.01)], json="well")
>>> with FakeMesh({"orders": instance}) as mesh, mesh.client() as http:
...     [http.get("http://orders/").json() for _ in range(3)]
['late', 'well', 'well']
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import httpx

from meshclient.http.waiting import async_pause, pause
from meshclient.testing.fake_body import FakeBody

if TYPE_CHECKING:
    from meshclient.model.endpoint import Endpoint

Step: TypeAlias = "FakeEndpoint | int | Exception | type[httpx.TransportError]"
Handler: TypeAlias = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]

_NEVER_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(slots=True, eq=False)
class FakeEndpoint:
    """One instance and how it answers; a test may change it at any time.

    Args:
        latency: seconds it takes, which really pass unless the mesh has a `ManualClock`; longer than the attempt may
            take, and the attempt times out.
        status: of its answers.
        json: body of its answers; None for an empty one.
        headers: of its answers.
        fail: what it does instead of answering: an httpx exception, or the class of one. `ConnectError` and the like
            mean that nothing was sent.
        handler: makes its answers in place of the above, as with `httpx.MockTransport`; may be asynchronous for an
            `AsyncClient`.
        body: of its answers in place of `json`: bytes, or the pieces that arrive one after another.
        body_pause: seconds before each piece; longer than the reader waits, and reading times out.
        cut: whether the connection breaks where the body would end.
        script: what it does first, one for each request: a status, an exception or the class of one, or another
            `FakeEndpoint`. Afterwards it is as the rest says.
    """

    latency: float = 0.0
    status: int = 200
    json: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    fail: Exception | type[httpx.TransportError] | None = None
    handler: Handler | None = None
    body: bytes | Iterable[bytes] | None = None
    body_pause: float = 0.0
    cut: bool = False
    script: Sequence[Step] = ()
    _left: deque[FakeEndpoint] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._left = deque(_act(each) for each in self.script)

    def turn(self) -> FakeEndpoint:
        """How the next request is treated."""
        return self._left.popleft().turn() if self._left else self

    def rewind(self) -> None:
        """Begin the script anew, and those within it: what one test has used up is there for the next."""
        self._left = deque(_act(each) for each in self.script)
        for each in self._left:
            each.rewind()


def _act(step: Step) -> FakeEndpoint:
    if isinstance(step, FakeEndpoint):
        return step
    return FakeEndpoint(status=step) if isinstance(step, int) else FakeEndpoint(fail=step)


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
        clock: the mesh's own; latencies and pauses pass on it where it is one that tests advance.
    """

    def __init__(
        self,
        instances: list[tuple[str, Endpoint, FakeEndpoint]],
        calls: list[FakeCall],
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._clock = clock
        self._instances = {endpoint.host: (name, endpoint, fake) for name, endpoint, fake in instances}
        self._calls = calls

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it."""
        fake = self._found(request)
        trace = request.extensions.get("trace", _untraced)
        for event in _trail(fake):
            trace(event, {})
        request.read()
        seconds, late = _pause(fake, request)
        pause(seconds, self._clock)
        answer = _answer(fake, request, self._clock, late=late)
        if isinstance(answer, httpx.Response):
            return _unread(answer)
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
        seconds, late = _pause(fake, request)
        await async_pause(seconds, self._clock)
        answer = _answer(fake, request, self._clock, late=late)
        return _unread(await answer if inspect.isawaitable(answer) else answer)

    def _found(self, request: httpx.Request) -> FakeEndpoint:
        found = self._instances.get(request.url.host)
        if found is None:
            known = ", ".join(sorted({name for name, _, _ in self._instances.values()})) or "none"
            msg = f"{request.url} is at no endpoint of the FakeMesh, which opens no sockets; its services: {known}"
            raise httpx.ConnectError(msg, request=request)
        name, endpoint, fake = found
        self._calls.append(FakeCall(name, endpoint, request))
        return fake.turn()


def _unread(answer: httpx.Response) -> httpx.Response:
    """`answer` as one whose body is still to come: content at hand counts as read, and nobody would see its end."""
    if not (answer.is_closed and isinstance(answer.stream, httpx.ByteStream)):
        return answer
    return httpx.Response(
        answer.status_code,
        headers=answer.headers,
        stream=answer.stream,
        extensions=answer.extensions,
        default_encoding=answer.default_encoding,
    )


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


def _answer(
    fake: FakeEndpoint, request: httpx.Request, clock: Callable[[], float] | None, *, late: bool
) -> httpx.Response | Awaitable[httpx.Response]:
    if late:
        raise httpx.ReadTimeout(f"no answer for {fake.latency:.3g}s", request=request)
    if isinstance(fake.fail, type):
        raise fake.fail(f"{fake.fail.__name__} of a FakeEndpoint", request=request)
    if fake.fail is not None:
        raise fake.fail
    if fake.handler is not None:
        return fake.handler(request)
    if fake.body is not None or fake.cut:
        pieces = (fake.body,) if isinstance(fake.body, bytes) else fake.body or ()
        body = FakeBody(pieces, request, pause=fake.body_pause, cut=fake.cut, clock=clock)
        return httpx.Response(fake.status, headers=fake.headers, stream=body)
    if fake.json is None:
        return httpx.Response(fake.status, headers=fake.headers)
    return httpx.Response(fake.status, headers=fake.headers, json=fake.json)
