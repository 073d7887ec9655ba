"""A second attempt beside one that is late, on real servers and in both colours."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import meshclient
from meshclient.core.hedge import SAMPLES
from meshclient.discovery.runtime.aside import THREAD_NAME
from meshclient.model.events import HedgeStarted
from meshclient.model.outcome import Kind
from servers.process import wait_until
from unit.http.face import Face, face_fixture, pending, statuses  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.model.events import Event
    from servers.backend import Backend, Backends

BOUND = 60.0
# Seconds that most answers take, as far as the client knows: the second attempt follows soon.
USUAL = 0.03
HEDGE = {"extra": 1.0, "quantile": 0.5}


def hedging(face: Face, backends: list[Backend], *, service: dict[str, Any] | None = None, **keywords: Any) -> Any:
    """A client that knows how long answers of "orders" take, and asks the endpoints in turn."""
    settings = {"hedge": HEDGE, "balancer": "round_robin", "attempt_timeout": "2s", **(service or {})}
    client = face.orders(*(backend.url for backend in backends), service=settings, **keywords)
    known = client.mesh.service("orders").hedging
    for _ in range(SAMPLES if known else 0):
        known.observe(USUAL, client.mesh.service("orders").clock())
    return client


def hedged_call(face: Face, client: Any, method: str = "GET", path: str = "/", **keywords: Any) -> httpx.Response:
    """The answer to the first of two calls, one of which meets the slow endpoint, that took two attempts."""
    for _ in range(2):
        response: httpx.Response = face.run(client.request(method, f"http://orders{path}", **keywords))
        assert response.status_code == 200
        if len(response.extensions["mesh"].attempts) > 1:
            break
    return response


def open_at(face: Face, backend: Backend) -> int:
    """Connections that a server has open, beside the one that asks."""
    face.run(asyncio.sleep(0.01) if face.is_async else None)
    open_now: int = backend.stats()["open"]
    return open_now - 1


def test_the_faster_of_two_is_the_answer_and_nothing_is_left_of_the_other(face: Face, backends: Backends) -> None:
    slow, fast = backends(2)
    slow.control(hang=True)
    events: list[Event] = []
    with meshclient.Mesh(
        services={"orders": {"endpoints": [slow.url, fast.url], "hedge": HEDGE, "balancer": "round_robin"}},
        defaults={"attempt_timeout": "1s"},
        observers=[events.append],
    ) as mesh:
        client = face.client(mesh=mesh)
        known = mesh.service("orders").hedging
        assert known is not None
        for _ in range(SAMPLES):
            known.observe(USUAL, mesh.service("orders").clock())
        response = hedged_call(face, client)
        assert response.json()["instance"] == fast.name
        loser, winner = response.extensions["mesh"].attempts
        assert (loser.endpoint.port, loser.hedge, loser.outcome.kind) == (slow.port, False, Kind.CANCELLED)
        assert (winner.endpoint.port, winner.hedge, winner.outcome.kind) == (fast.port, True, Kind.OK)
        assert loser.reason == "attempt 2 was faster"
        assert winner.started >= USUAL
        [started] = [event for event in events if isinstance(event, HedgeStarted)]
        assert (started.endpoint.port, started.number) == (fast.port, 2)
        assert pending(client) == 0
        assert [status.failures for status in statuses(client)] == [0, 0]
        # A task is cancelled with its connection; a thread ends with the time that its socket has.
        wait_until(lambda: open_at(face, slow) == 0, BOUND, "the end of the slow attempt")


def test_late_answers_of_the_losers_are_thrown_away(face: Face, backends: Backends) -> None:
    """Their bodies as well: each would keep its connection."""
    slow, fast = backends(2)
    slow.control(delay=0.15)
    client = hedging(face, [slow, fast], limits=httpx.Limits(max_connections=4), timeout=5)
    # More than four that were lost would leave none for the others.
    for _ in range(8):
        hedged_call(face, client, path="/stream?chunks=3&size=2000")
    wait_until(lambda: open_at(face, slow) <= 4, BOUND, "the end of the slow attempts")
    assert pending(client) == 0
    assert len([thread for thread in threading.enumerate() if thread.name == THREAD_NAME]) < 8


def test_the_one_that_was_first_may_still_win(face: Face, backends: Backends) -> None:
    slow, other = backends(2)
    slow.control(delay=0.15)
    other.control(delay=0.4)
    client = hedging(face, [slow, other])
    answers = [face.run(client.get("http://orders/")) for _ in range(2)]
    assert {answer.json()["instance"] for answer in answers} == {slow.name}
    assert sorted(len(answer.extensions["mesh"].attempts) for answer in answers) == [2, 2]
    assert pending(client) == 0


def test_a_hedge_that_fails_leaves_it_to_the_first(face: Face, backends: Backends) -> None:
    slow, bad = backends(2)
    slow.control(delay=0.2)
    bad.control(status=503)
    client = hedging(face, [slow, bad], service={"retry": {"backoff": "1ms..2ms"}})
    wanted, kinds = "server_error: the other attempt went on", set[str]()
    # A call that meets the bad one first is repeated instead.
    for _ in range(20):
        response = face.run(client.get("http://orders/"))
        assert (response.status_code, response.json()["instance"]) == (200, slow.name)
        kinds |= {attempt.reason for attempt in response.extensions["mesh"].attempts if attempt.hedge}
        if wanted in kinds:
            break
    assert wanted in kinds
    assert pending(client) == 0


def streamed(face: Face) -> dict[str, Any]:
    return {"content": face.body([b"a", b"b"])}


@pytest.mark.parametrize(
    ("method", "options", "service"),
    [
        ("POST", lambda _: {}, {}),
        ("PUT", streamed, {}),
        ("GET", lambda _: {"extensions": {"mesh": {"hedge": False}}}, {}),
        ("GET", lambda _: {}, {"hedge": False}),
        ("GET", lambda _: {}, {"shadow": ["hedge"]}),
        ("GET", lambda _: {}, {"retry": {"budget": 0, "budget_floor": 0}}),
        ("GET", lambda _: {}, {"hedge": {"extra": 0.0, "quantile": 0.5}}),
    ],
)
def test_what_may_not_be_sent_twice_is_not(
    face: Face, backends: Backends, method: str, options: Callable[[Face], Any], service: dict[str, Any]
) -> None:
    slow, fast = backends(2)
    slow.control(delay=0.15)
    client = hedging(face, [slow, fast], service=service)
    for _ in range(2):
        response = face.run(client.request(method, "http://orders/", **options(face)))
        assert len(response.extensions["mesh"].attempts) == 1
    assert [backend.stats()["requests"] for backend in (slow, fast)] == [1, 1]
    if "shadow" in service:
        assert client.mesh.service("orders").shadow.counts["hedge"] == 1


def test_a_post_that_says_it_may_is_hedged(face: Face, backends: Backends) -> None:
    slow, fast = backends(2)
    slow.control(hang=True)
    client = hedging(face, [slow, fast], service={"attempt_timeout": "0.5s"})
    response = hedged_call(face, client, "POST", json={"a": 1}, headers={"idempotency-key": "1"})
    assert response.json()["instance"] == fast.name
    assert len(response.extensions["mesh"].attempts) == 2
    wait_until(lambda: open_at(face, slow) == 0, BOUND, "the end of the slow attempt")


def test_a_deadline_ends_both(face: Face, backends: Backends) -> None:
    both = backends(2, hang=True)
    client = hedging(face, both, limits=httpx.Limits(max_connections=2))
    with pytest.raises(meshclient.DeadlineExceeded) as caught:
        face.run(client.get("http://orders/", extensions={"mesh": {"deadline": 0.3}}))
    assert caught.value.mesh is not None
    assert len(caught.value.mesh.attempts) == 2
    assert pending(client) == 0
    # Nobody is to blame: the deadline left less than a whole attempt to each.
    for backend in both:
        wait_until(lambda backend=backend: open_at(face, backend) == 0, BOUND, "the end of both attempts")  # type: ignore[misc]
        backend.control()
    assert face.run(client.get("http://orders/")).status_code == 200


def test_a_caller_that_gives_up_while_two_are_in_flight_leaves_nothing(backends: Backends) -> None:
    both = backends(2, hang=True)
    face = Face("async")

    async def scenario(client: Any) -> None:
        for turn in range(1, 4):
            call = asyncio.create_task(client.get("http://orders/"))
            while sum(backend.stats()["requests"] for backend in both) < 2 * turn:  # noqa: ASYNC110 - in a server
                await asyncio.sleep(0.01)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert pending(client) == 0
        assert [status.failures for status in statuses(client)] == [0, 0]
        for backend in both:
            backend.control()
        assert (await client.get("http://orders/")).status_code == 200
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not others

    try:
        face.run(scenario(hedging(face, both, limits=httpx.Limits(max_connections=2))))
    finally:
        face.end()


def test_a_caller_that_gives_up_while_the_loser_ends_closes_the_winners_answer() -> None:
    """The loser takes its time to end; the response that has arrived meanwhile must not be forgotten."""
    closed: list[str] = []

    class Body(httpx.AsyncByteStream):
        def __init__(self, name: str) -> None:
            self._name = name

        async def __aiter__(self) -> Any:
            yield b""

        async def aclose(self) -> None:
            closed.append(self._name)

    ending = asyncio.Event()

    class Wire(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.headers.get("mesh-attempt"):
                return httpx.Response(200, stream=Body("winner"))
            try:
                await asyncio.Event().wait()
            finally:
                ending.set()
                await asyncio.sleep(0.1)
            raise AssertionError

    async def scenario() -> None:
        services = {"orders": {"endpoints": ["http://127.0.0.1:1", "http://127.0.0.1:2"], "hedge": HEDGE}}
        async with meshclient.Mesh(services=services) as mesh:
            service = mesh.service("orders")
            assert service.hedging is not None
            for _ in range(SAMPLES):
                service.hedging.observe(USUAL, service.clock())
            async with httpx.AsyncClient(transport=meshclient.AsyncMeshTransport(mesh, Wire())) as client:
                call = asyncio.create_task(client.get("http://orders/"))
                await ending.wait()
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
                assert closed == ["winner"]
                assert pending_at(service) == 0

    asyncio.run(scenario())


def pending_at(service: Any) -> int:
    return sum(status.pending for status in service.balancer.status(service.clock()))
