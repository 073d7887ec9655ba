"""What reaches the wire, and what becomes of what it brings, with a wire that is played."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

import meshclient
from meshclient.core.hedge import SAMPLES
from meshclient.http.ambient import parse_timeout
from meshclient.model.outcome import Kind
from servers.process import wait_until
from unit.http.playing import AsyncGate, async_play

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tenacity import RetryCallState

    from meshclient.mesh import MeshService

ENDPOINTS = ["http://127.0.0.1:1", "http://127.0.0.1:2"]
BOUND = 60.0


class AsyncBody(httpx.AsyncByteStream):
    """A response body that tells when it is closed."""

    def __init__(self, name: str, closed: list[str]) -> None:
        self._name = name
        self._closed = closed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"body"

    async def aclose(self) -> None:
        self._closed.append(self._name)


class AsyncWire(httpx.AsyncBaseTransport):
    """Answers with the status that `answer` gives for the number of the request, counted from 1."""

    def __init__(self, answer: Callable[[int], Any]) -> None:
        self._answer = answer
        self.sent: list[httpx.Request] = []
        self.closed: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        number = len(self.sent)
        status: int = await self._answer(number)
        return httpx.Response(status, stream=AsyncBody(str(number), self.closed))

    def told(self, header: str) -> list[str | None]:
        """The values of a header, request by request."""
        return [request.headers.get(header) for request in self.sent]


def client(wire: AsyncWire, **settings: object) -> tuple[httpx.AsyncClient, MeshService]:
    services = {"orders": {"endpoints": ENDPOINTS, "retry": {"backoff": "1ms..2ms"}, **settings}}
    mesh = meshclient.Mesh(mode="on-demand", services=services)
    service = mesh.service("orders")
    for _ in range(SAMPLES if service.hedging is not None else 0):
        assert service.hedging is not None
        service.hedging.observe(0.02, service.clock())
    return httpx.AsyncClient(transport=meshclient.AsyncMeshTransport(mesh, wire)), service


def pending(service: MeshService) -> int:
    return sum(status.pending for status in service.balancer.status(service.clock()))


def test_each_attempt_says_how_long_it_waits_and_which_it_is() -> None:
    async def answer(number: int) -> int:
        if number < 3:
            raise httpx.ReadTimeout("late")
        return 200

    async def scenario() -> None:
        wire = AsyncWire(answer)
        http, _ = client(wire, deadline="2s", attempt_timeout="1500ms")
        async with http:
            response = await http.get("http://orders/")
        assert wire.told("mesh-attempt") == [None, "2", "3"]
        waits = [parse_timeout(said or "") or 0.0 for said in wire.told("mesh-timeout")]
        assert waits[0] == 1.5
        assert all(0 < wait <= 1.5 for wait in waits)
        kinds = [attempt.outcome.kind for attempt in response.extensions["mesh"].attempts]
        assert kinds == [Kind.TIMEOUT, Kind.TIMEOUT, Kind.OK]
        assert "mesh-attempt" not in response.request.headers

    async_play(scenario)


def test_an_answer_that_is_not_wanted_is_closed_before_the_next_attempt() -> None:
    wires: list[AsyncWire] = []

    async def answer(number: int) -> int:
        assert wires[0].closed == [str(before) for before in range(1, number)]
        return 503 if number < 3 else 200

    async def scenario() -> None:
        wires.append(AsyncWire(answer))
        http, service = client(wires[0])
        async with http:
            assert (await http.get("http://orders/")).content == b"body"
        assert wires[0].closed == ["1", "2", "3"]
        assert pending(service) == 0

    async_play(scenario)


def test_an_answer_is_closed_when_a_strategy_fails() -> None:
    async def answer(_: int) -> int:
        return 503

    def fail(_: RetryCallState) -> bool:
        raise KeyError("no")

    async def scenario() -> None:
        wire = AsyncWire(answer)
        http, service = client(wire, retry={"stop": fail})
        with pytest.raises(KeyError, match="no"):
            await http.get("http://orders/")
        await http.aclose()
        assert (wire.closed, pending(service)) == (["1"], 0)

    async_play(scenario)


def test_the_loser_of_a_race_is_closed_whenever_it_comes() -> None:
    async def scenario() -> None:
        gate = AsyncGate()

        async def answer(number: int) -> int:
            if number == 1:
                await gate.wait()
            return 200

        wire = AsyncWire(answer)
        http, service = client(wire, hedge={"extra": 1.0, "quantile": 0.5})
        async with http:
            response = await http.get("http://orders/")
        attempts = response.extensions["mesh"].attempts
        assert [(attempt.hedge, attempt.outcome.kind) for attempt in attempts] == [
            (False, Kind.CANCELLED),
            (True, Kind.OK),
        ]
        assert wire.told("mesh-attempt") == [None, "2"]
        assert wire.closed == ["2"]
        gate.open()
        # A task has been cancelled and brings nothing; a thread brings its answer now.
        if gate.brings:
            wait_until(lambda: wire.closed == ["2", "1"], BOUND, "the end of the loser's answer")
        assert pending(service) == 0

    async_play(scenario)


def test_an_error_without_a_repeat_is_raised_as_it_was() -> None:
    error = httpx.ReadError("broken")

    async def answer(_: int) -> int:
        raise error

    async def scenario() -> None:
        http, service = client(AsyncWire(answer))
        with pytest.raises(httpx.ReadError) as caught:
            await http.post("http://orders/")
        await http.aclose()
        assert caught.value is error
        assert caught.value.mesh.attempts[0].outcome.kind is Kind.DISCONNECTED  # type: ignore[attr-defined]
        assert pending(service) == 0

    async_play(scenario)
