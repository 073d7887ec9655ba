"""Channels and stubs against a real service of two instances."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import httpx
import pytest

import meshclient
from meshclient.errors import DeadlineExceeded
from meshclient.http.filled import FilledResponse
from meshclient.rpc import AsyncChannel, Body, Channel, Reply, StatusError, delete, get, post, service, stub
from meshclient.rpc.codec.media_type import content_type
from meshclient.rpc.stub.channels import Channels
from meshclient.rpc.stub.route import Common
from unit.http.face import Face, face_fixture, pending  # noqa: F401 - a fixture
from unit.rpc.orderserver import OrderServer
from unit.rpc.shop import overridden

BOUND = 60.0


@dataclass
class Order:
    id: int
    port: int = 0


class NotFound(StatusError):
    order: int


@service("orders", errors={404: NotFound})
class Orders(Protocol):
    @get("/v1/orders/{number}")
    def order(self, number: int) -> Reply[Order]: ...

    @post("/v1/orders")
    def create(self, order: Annotated[Order, Body]) -> Order: ...

    @post("/v1/orders", idempotent=True, codec="msgpack")
    def create_once(self, order: Annotated[Order, Body]) -> Order: ...

    @delete("/v1/all")
    def clear(self) -> None: ...

    @get("/v1/events")
    def events(self, count: int = 0) -> Iterator[Order]: ...


@service("orders", errors={404: NotFound})
class AsyncOrders(Protocol):
    @get("/v1/orders/{number}")
    async def order(self, number: int) -> Reply[Order]: ...

    @post("/v1/orders")
    async def create(self, order: Annotated[Order, Body]) -> Order: ...

    @post("/v1/orders", idempotent=True, codec="msgpack")
    async def create_once(self, order: Annotated[Order, Body]) -> Order: ...

    @delete("/v1/all")
    async def clear(self) -> None: ...

    @get("/v1/events")
    def events(self, count: int = 0) -> AsyncIterator[Order]: ...


@pytest.fixture(name="servers")
def two_instances() -> Iterator[tuple[OrderServer, OrderServer]]:
    with ExitStack() as stack:
        yield stack.enter_context(OrderServer()), stack.enter_context(OrderServer())


@pytest.fixture(name="client")
def client_of_both(face: Face, servers: tuple[OrderServer, OrderServer]) -> Any:
    settings = {"endpoints": [server.url for server in servers], "balancer": "round_robin", "throttle": False}
    return face.client(services={"orders": settings})


@pytest.fixture(name="orders")
def stub_over_both(face: Face, client: Any) -> Any:
    return stub(AsyncOrders if face.is_async else Orders, client)


def events(face: Face, orders: Any, most: int, **arguments: Any) -> list[Order]:
    """The first records of a stream, which is left then."""
    found: list[Order] = []

    async def collect() -> list[Order]:
        async for each in orders.events(**arguments):
            found.append(each)
            if len(found) == most:
                break
        return found

    if face.is_async:
        face.run(collect())
        return found
    for each in orders.events(**arguments):
        found.append(each)
        if len(found) == most:
            break
    return found


def test_calls_are_spread(face: Face, orders: Any, servers: tuple[OrderServer, OrderServer]) -> None:
    replies = [face.run(orders.order(number)) for number in range(1, 11)]
    assert [reply.value.id for reply in replies] == list(range(1, 11))
    assert Counter(reply.value.port for reply in replies) == {server.server_port: 5 for server in servers}
    for reply in replies:
        assert reply.response.extensions["mesh"].endpoint.port == reply.value.port


def test_the_instance_that_is_left_answers(face: Face, orders: Any, servers: tuple[OrderServer, OrderServer]) -> None:
    face.run(orders.order(1))
    servers[0].stop()
    reports = []
    for _ in range(4):
        reply = face.run(orders.order(1))
        assert reply.value.port == servers[1].server_port
        reports.append(reply.response.extensions["mesh"])
    tried = next(report.attempts for report in reports if len(report.attempts) == 2)
    assert [attempt.endpoint.port for attempt in tried] == [server.server_port for server in servers]


def test_an_instance_that_fails_is_gone_round(
    face: Face, orders: Any, servers: tuple[OrderServer, OrderServer]
) -> None:
    servers[0].failing = 503
    for _ in range(4):
        assert face.run(orders.order(1)).value.port == servers[1].server_port
    assert any(target == "/v1/orders/1" for _, target, _ in servers[0].seen)


def test_the_error_of_a_call_has_its_story(face: Face, orders: Any, servers: tuple[OrderServer, OrderServer]) -> None:
    for server in servers:
        server.failing = 503
    with pytest.raises(StatusError, match=r"orders answered GET /v1/orders/1 .* with 503: Out of order") as caught:
        face.run(orders.order(1))
    assert caught.value.mesh is not None
    assert len(caught.value.mesh.attempts) > 1
    servers[0].failing = servers[1].failing = 0
    with pytest.raises(NotFound) as missing:
        face.run(orders.order(0))
    assert (missing.value.order, missing.value.status) == (0, 404)
    assert missing.value.problem is not None
    assert missing.value.problem.title == "Not found"


def test_only_what_may_be_executed_twice_is_repeated(
    face: Face, orders: Any, servers: tuple[OrderServer, OrderServer]
) -> None:
    for server in servers:
        server.failing = 503
    with pytest.raises(StatusError) as once:
        face.run(orders.create(Order(1)))
    with pytest.raises(StatusError) as twice:
        face.run(orders.create_once(Order(1)))
    assert once.value.mesh is not None
    assert twice.value.mesh is not None
    assert (len(once.value.mesh.attempts), len(twice.value.mesh.attempts) > 1) == (1, True)


def test_bodies(face: Face, orders: Any, servers: tuple[OrderServer, OrderServer]) -> None:
    ports = {server.server_port for server in servers}
    for method in (orders.create, orders.create_once):
        made = face.run(method(Order(7)))
        assert (made.id, made.port in ports) == (7, True)
    types = {headers["content-type"] for server in servers for _, _, headers in server.seen}
    assert types == {"application/json", "application/msgpack"}
    assert face.run(orders.clear()) is None


def test_a_stream_that_ends(face: Face, orders: Any, client: Any) -> None:
    found = events(face, orders, 100, count=3)
    assert [each.id for each in found] == [1, 2, 3]
    assert pending(client) == 0


def test_a_stream_that_is_left_is_closed(
    face: Face, orders: Any, client: Any, servers: tuple[OrderServer, OrderServer]
) -> None:
    found = events(face, orders, 3)
    assert [each.id for each in found] == [1, 2, 3]
    server = next(each for each in servers if each.server_port == found[0].port)
    # asyncio closes an iterator that was left by a task of its own, for which the loop has to run.
    gone = face.run(asyncio.to_thread(server.left.wait, BOUND)) if face.is_async else server.left.wait(BOUND)
    assert gone
    assert pending(client) == 0


def test_a_stream_ends_with_the_calls_deadline(face: Face, orders: Any, client: Any) -> None:
    seen: list[Order] = []

    async def collect() -> None:
        async for each in orders.events():
            seen.append(each)  # noqa: PERF401 - what came before the error counts

    def call() -> Any:
        if face.is_async:
            return collect()
        seen.extend(orders.events())
        return None

    with pytest.raises(DeadlineExceeded, match="did not end within its deadline"):
        overridden(face, call, deadline=0.3)
    assert pending(client) == 0


def test_a_cancelled_reader_closes_its_stream(servers: tuple[OrderServer, OrderServer]) -> None:
    async def scenario() -> int:
        async with meshclient.AsyncClient(services={"orders": {"endpoints": [servers[0].url]}}) as client:
            orders = stub(AsyncOrders, client)
            begun = asyncio.Event()

            async def read() -> None:
                async for _ in orders.events():
                    begun.set()

            task = asyncio.create_task(read())
            await asyncio.wait_for(begun.wait(), BOUND)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            gone = await asyncio.to_thread(servers[0].left.wait, BOUND)
            assert gone
            return pending(client)

    assert asyncio.run(scenario()) == 0


def test_a_stub_over_a_channel_over_a_mesh(face: Face, servers: tuple[OrderServer, OrderServer]) -> None:
    mesh = face.mesh(services={"orders": {"endpoints": [server.url for server in servers]}})
    channel: Any = (AsyncChannel if face.is_async else Channel)(mesh, "orders", headers={"x-tenant": "a"}, deadline=3)
    orders: Any = stub(AsyncOrders if face.is_async else Orders, channel)
    reply = face.run(orders.order(1))
    assert reply.response.extensions["mesh"].deadline_left < 3
    response = face.run(channel.get("/v1/orders/2", params={"a": "b c"}))
    assert channel.decode(response, Order).id == 2
    sent = [(target, headers) for server in servers for _, target, headers in server.seen]
    assert {target.partition("?")[0] for target, _ in sent} == {"/v1/orders/1", "/v1/orders/2"}
    assert {headers["x-tenant"] for _, headers in sent} == {"a"}
    assert next(headers["accept"] for target, headers in sent if target == "/v1/orders/1") == "application/json"
    face.close(channel)


def written(headers: dict[str, str]) -> dict[str, str]:
    """Without those that the mesh adds, which tell of the time left and of the trace."""
    added = ("mesh-timeout", "traceparent", "x-amzn-trace-id")
    return {name: value for name, value in headers.items() if name not in added}


def test_what_a_stubs_own_client_sends_by_itself_is_the_same_on_the_wire(
    face: Face, client: Any, servers: tuple[OrderServer, OrderServer]
) -> None:
    interface: Any = AsyncOrders if face.is_async else Orders
    own = Channels(client.mesh, "orders", Common(headers={"x-all": "1"})).of(face.is_async)
    assert own.client.headers["accept"] == "application/json"
    seen = []
    for over in (own, (AsyncChannel if face.is_async else Channel)(client, "orders", headers={"x-all": "1"})):
        orders: Any = stub(interface, over)
        for call in (orders.order(1), orders.create(Order(1)), orders.create_once(Order(1)), orders.clear()):
            face.run(call)
        sent = [each for server in servers for each in server.seen]
        seen.append(sorted((verb, target, sorted(written(headers).items())) for verb, target, headers in sent))
        for server in servers:
            server.seen.clear()
    assert seen[0] == seen[1]
    face.close(own)


@pytest.mark.parametrize(("path", "expected"), [("/v1/orders/1", "application/json"), ("/v1/none", "")])
def test_a_content_type_is_read_without_making_the_headers(
    face: Face, servers: tuple[OrderServer, OrderServer], path: str, expected: str
) -> None:
    client = face.orders(servers[0].url)
    for _ in range(3):
        # Only calls of a service whose list is known take the short road.
        response = face.run(client.get(f"http://orders{path}"))
    assert type(response) is FilledResponse
    assert content_type(response) == expected
    assert "headers" not in response.__dict__
    assert response.headers.get("content-type", "") == expected
    assert content_type(response) == expected


def test_a_refused_connection_is_httpxs_error(
    face: Face, client: Any, servers: tuple[OrderServer, OrderServer]
) -> None:
    for server in servers:
        server.stop()
    orders: Any = stub(AsyncOrders if face.is_async else Orders, client)
    with pytest.raises(httpx.ConnectError) as caught:
        face.run(orders.order(1))
    assert caught.value.mesh.service == "orders"  # type: ignore[attr-defined]
