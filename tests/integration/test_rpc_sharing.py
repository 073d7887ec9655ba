"""One stub, used by many: tasks, threads, and event loops that come and go."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

import pytest

import meshclient
from meshclient.rpc import Channel, get, service
from unit.http.rawserver import OK, RawServer, always
from unit.rpc.orderserver import OrderServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

NUMBERS = range(1, 31)


class Order(TypedDict):
    id: int


@service("orders")
class Orders(Protocol):
    @get("/v1/orders/{number}")
    def order(self, number: int) -> Order: ...


@service("orders")
class AsyncOrders(Protocol):
    @get("/v1/orders/{number}")
    async def order(self, number: int) -> Order: ...


@pytest.fixture(name="mesh")
def mesh_of_one() -> Iterator[meshclient.Mesh]:
    with OrderServer() as server, meshclient.Mesh(services={"orders": {"endpoints": [server.url]}}) as mesh:
        yield mesh


def test_threads_and_their_answers_are_kept_apart(mesh: meshclient.Mesh) -> None:
    with mesh.sync_channel("orders") as channel, ThreadPoolExecutor(8) as threads:
        orders = meshclient.stub(Orders, channel)
        assert [order["id"] for order in threads.map(orders.order, NUMBERS)] == list(NUMBERS)


def test_tasks_of_several_loops(mesh: meshclient.Mesh) -> None:
    channel = mesh.channel("orders")
    orders = meshclient.stub(AsyncOrders, channel)

    async def all_at_once() -> list[int]:
        return [order["id"] for order in await asyncio.gather(*(orders.order(number) for number in NUMBERS))]

    for _ in range(3):
        assert asyncio.run(all_at_once()) == list(NUMBERS)
    asyncio.run(channel.aclose())


def test_a_request_of_ones_own_sees_every_call() -> None:
    seen: list[str] = []

    class Watched(Channel):
        def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
            seen.append(method)
            return super().request(method, path, **arguments)

    with RawServer(always(OK)) as server:
        mesh = meshclient.Mesh(services={"orders": {"endpoints": [server.url]}})
        with Watched(mesh, "orders") as channel:
            channel.get("/")
            channel.post("/")
        mesh.close()
    assert seen == ["GET", "POST"]
