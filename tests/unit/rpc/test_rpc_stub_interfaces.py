"""What is wrong with an interface as a whole is said when the stub is built; and what a stub is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Protocol

import pytest

import meshclient
from meshclient.rpc import AsyncChannel, Channel, StubError, get, service, stub
from meshclient.rpc.stub.assembly import assemble
from meshclient.rpc.stub.channels import Channels
from meshclient.rpc.stub.interface import methods
from meshclient.rpc.stub.route import Common
from unit.rpc.complaints import Odd
from unit.rpc.shop import shared_mesh


@pytest.fixture
def mesh() -> meshclient.Mesh:
    return shared_mesh()


def test_members_that_are_no_methods(mesh: meshclient.Mesh) -> None:
    class Undecorated(Protocol):
        def order(self) -> None: ...

    class Attribute(Protocol):
        name: str

        @get("/v1")
        def order(self) -> None: ...

    class Property(Protocol):
        @property
        def name(self) -> str: ...

    class Empty(Protocol):
        def _helper(self) -> None: ...

    for kind, said in (
        (
            Undecorated,
            "Undecorated.order has no route: decorate it with @get('/...') or another verb, or name it _order",
        ),
        (Attribute, "Attribute.name is no method"),
        (Property, "Property.name is no method"),
        (Empty, "Empty has no method: write one"),
    ):
        with pytest.raises(StubError) as caught:
            stub(kind, mesh, service="orders")
        assert said in str(caught.value)


def test_all_that_is_wrong_is_said_at_once(mesh: meshclient.Mesh) -> None:
    @service("orders")
    class Orders(Protocol):
        @get("v1")
        def a(self) -> None: ...

        @get("/v1")
        def fine(self) -> None: ...

        @get("/v1")
        def b(self, odd: Odd) -> None: ...

    with pytest.raises(StubError) as caught:
        stub(Orders, mesh)
    lines = str(caught.value).splitlines()
    assert [line.split("Orders.")[1][0] for line in lines] == ["a", "b"]


def test_so_is_what_the_interface_says_and_what_has_no_route(mesh: meshclient.Mesh) -> None:
    @service("orders", deadline=-1, headers={"x-a": 5}, codec="jsn")  # type: ignore[dict-item]
    class Orders(Protocol):
        @get(5)  # type: ignore[arg-type]
        def a(self) -> None: ...

        def b(self) -> None: ...

        @get("/v1", deadline=-3)
        def c(self) -> None: ...

        @get("/v1")
        def fine(self) -> None: ...

    with pytest.raises(StubError) as caught:
        stub(Orders, mesh)
    said = str(caught.value).replace(f"{Orders.__qualname__}", "Orders").splitlines()
    for line, beginning in zip(
        said,
        [
            "Orders: the header 'x-a' is 5: a header carries",
            "Orders: option deadline: ",
            "Orders: there is no codec 'jsn'",
            "Orders.b has no route",
            "Orders.a: the path is 5: write text such as '/v1/orders/{id}'",
            "Orders.c: option deadline: ",
        ],
        strict=True,
    ):
        assert line.startswith(beginning), said


def test_the_service_has_to_be_named_once(mesh: meshclient.Mesh) -> None:
    class Nameless(Protocol):
        @get("/v1")
        def a(self) -> None: ...

    with pytest.raises(StubError, match=r"names no service: decorate it with @service\('orders'\)"):
        stub(Nameless, mesh)
    with Channel(mesh, "orders") as channel:
        stub(Nameless, channel)
        with pytest.raises(StubError, match="the channel is bound to 'orders': leave service='x' out"):
            stub(Nameless, channel, service="x")


def test_the_colour_has_to_fit(mesh: meshclient.Mesh) -> None:
    @service("orders")
    class Orders(Protocol):
        @get("/v1")
        def blocking(self) -> None: ...

    @service("orders")
    class AsyncOrders(Protocol):
        @get("/v1")
        def events(self) -> AsyncIterator[int]: ...

    channel = AsyncChannel(mesh, "orders")
    with pytest.raises(StubError, match="it is not awaited, and needs a Mesh, Channel or Client to go over"):
        stub(Orders, channel)
    asyncio.run(channel.aclose())
    with (
        meshclient.Client(mesh=mesh) as client,
        pytest.raises(StubError, match="it is awaited, and needs a Mesh, AsyncChannel or AsyncClient to go over"),
    ):
        stub(AsyncOrders, client)


def test_an_instance_is_no_interface(mesh: meshclient.Mesh) -> None:
    with pytest.raises(StubError, match="is no class: give a Protocol"):
        stub(lambda: None, mesh)


def test_what_a_stub_is(mesh: meshclient.Mesh) -> None:
    class Base(Protocol):
        @get("/v1/a")
        async def a(self) -> None:
            """What it does."""

    @service("orders")
    class Orders(Base, Protocol):
        @get("/v1/b")
        def b(self) -> None: ...

        def _both(self) -> tuple[Any, Any]:
            return self.a, self.b

    orders = stub(Orders, mesh)
    assert asyncio.iscoroutinefunction(orders.a)
    assert not asyncio.iscoroutinefunction(orders.b)
    assert orders.a.__doc__ == "What it does."
    assert orders._both() == (orders.a, orders.b)
    assert type(orders).__name__ == "Orders"


def test_what_a_stubs_own_client_sends_is_not_added_to_each_call(mesh: meshclient.Mesh) -> None:
    @service("orders")
    class Orders(Protocol):
        @get("/v1/{number}")
        def one(self, number: int) -> list[int]: ...

        @get("/v1/{number}/text")
        def text(self, number: int) -> str: ...

    channels = Channels(mesh, "orders", Common())
    one, text = assemble(*methods(Orders), Common(), channels.of)
    assert one.plan.write((7,), {}) == ("http://orders/v1/7", None, None)
    assert text.plan.write((7,), {}) == ("http://orders/v1/7/text", {"accept": "*/*"}, None)
    assert channels.of(False).client.headers["accept"] == "application/json"
