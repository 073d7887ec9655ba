"""What is wrong with an interface is said when the stub is built: where, and what to write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

import httpx
import pytest

import meshclient
from meshclient.rpc import (
    AsyncChannel,
    Body,
    Channel,
    Form,
    Header,
    Path,
    Query,
    Reply,
    StatusError,
    StubError,
    get,
    head,
    post,
    service,
    stub,
)
from unit.rpc.shop import Order, shared_mesh

if TYPE_CHECKING:
    from decimal import Context as OnlyForTypes

T = TypeVar("T")


@dataclass
class Line:
    sku: str


class Odd:
    """No codec knows it."""


class OwnConstructor(StatusError):
    def __init__(self, sku: str) -> None:
        """Take something else than a response."""


class OwnField(StatusError):
    status: str  # type: ignore[assignment]


class OddField(StatusError):
    odd: Odd


class HiddenField(StatusError):
    hidden: OnlyForTypes


@pytest.fixture
def mesh() -> meshclient.Mesh:
    return shared_mesh()


def interface(method: Callable[..., Any], route: Any = None, name: str = "m") -> Any:
    """A Protocol with that one method."""
    decorated = (route or get("/v1"))(method)
    return service("orders")(type("Orders", (Protocol,), {name: decorated, "__module__": __name__}))


def complaint(mesh: meshclient.Mesh, method: Callable[..., Any], route: Any = None) -> str:
    with pytest.raises(StubError) as caught:
        stub(interface(method, route), mesh)
    said = str(caught.value)
    assert said.startswith("Orders.m")
    assert "\n" not in said
    return said


def plain(self: Any) -> None: ...


def one(kind: Any) -> Callable[..., Any]:
    def method(self: Any, one: Any) -> None: ...

    method.__annotations__["one"] = kind
    return method


def giving(kind: Any) -> Callable[..., Any]:
    def method(self: Any) -> Any: ...

    method.__annotations__["return"] = kind
    return method


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("v1", "the path 'v1' does not begin with one '/'"),
        ("http://orders/v1", "does not begin with one '/': write it as it is within the service"),
        ("//v1", "does not begin with one '/'"),
        ("/v1/{id", "has a brace without its other: write placeholders as {name}"),
        ("/v1/id}", "has a brace without its other"),
        ("/v1/{}", "has a placeholder that is no parameter's name"),
        ("/v1/{id:int}", "has a placeholder that is no parameter's name: write it as {name}"),
        ("/v1/{a-b}", "has a placeholder that is no parameter's name"),
        ("/v1?id={id}", "has a placeholder in its query: give the method a parameter"),
        ("/v1/a b", "has characters in '/v1/a b' that a URL cannot hold: percent-encode them"),
        ("/v1#a", "that a URL cannot hold"),
        ("/v1/../x", "has dots where a server would take them as a step"),
        ("/v1/.", "has dots where"),
        ("/v1/{id}/missing", "the path has a placeholder {id}, the method no parameter 'id': add `id: str`"),
    ],
)
def test_paths(mesh: meshclient.Mesh, path: str, said: str) -> None:
    assert said in complaint(mesh, plain, get(path))


@pytest.mark.parametrize("path", ["/v1/..{one}", "/v1/{one}.."])
def test_dots_beside_a_placeholder(mesh: meshclient.Mesh, path: str) -> None:
    assert "has dots where" in complaint(mesh, one(str), get(path))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Odd, "its type Odd has no text form: give it str, int"),
        (Order, "if it is the body write Annotated[Order, Body]"),
        (dict[str, str], "its type dict[str, str] has no text form"),
        (list[Order], "its type Order has no text form"),
        (list[int | None], "it may be None, which cannot stand there"),
        (tuple[int, str], "has no text form"),
        (list, "has no text form"),
        (Any, "its type Any does not say what it is"),
        (object, "its type object does not say what it is"),
        (T, "does not say what it is"),
        (bytes, "its type bytes has no text form"),
        (int | Odd, "its type Odd has no text form"),
        (Annotated[Odd, Header], "its type Odd has no text form"),
        (Annotated[list[str], Header], "its type list[str] has no text form"),
        (Annotated[str, Header("a b")], "'a b' is no name of a header"),
        (Annotated[str, Header("Host")], "the header 'Host' is written by the client itself: leave it out"),
        (Annotated[str, Path], "is marked Path, and the path has no {one}: write it there"),
        (Annotated[str, Path, Query], "has 2 places in the request: leave one of the markers"),
        (Annotated[Order, Body], "'one' is a body, which a GET has none of: mark it Query, or use @post"),
        (Annotated[str, Form], "'one' is a body, which a GET has none of"),
    ],
)
def test_parameters(mesh: meshclient.Mesh, kind: Any, said: str) -> None:
    text = complaint(mesh, one(kind))
    assert "parameter 'one'" in text
    assert said in text


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (int | None, "it may be None, which cannot stand there: leave None out of its type"),
        (list[int], "its type list[int] has no text form"),
    ],
)
def test_parameters_in_a_path(mesh: meshclient.Mesh, kind: Any, said: str) -> None:
    assert said in complaint(mesh, one(kind), get("/v1/{one}"))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Odd, "Odd cannot be read: Odd is no dataclass, msgspec.Struct, TypedDict"),
        (list[Odd], "Odd is no dataclass"),
        (AsyncIterator[bytes], "the other colour of methods"),
    ],
)
def test_bodies(mesh: meshclient.Mesh, kind: Any, said: str) -> None:
    assert said in complaint(mesh, one(Annotated[kind, Body]), post("/v1"))


def test_two_bodies(mesh: meshclient.Mesh) -> None:
    def two(self: Any, a: Annotated[Order, Body], b: Annotated[Order, Body()]) -> None: ...

    def mixed(self: Any, a: Annotated[str, Form], b: Annotated[Order, Body]) -> None: ...

    said = "both are the body: put both into one class, marked Body"
    assert f"parameters 'a' and 'b' {said}" in complaint(mesh, two, post("/v1"))
    assert f"parameters 'b' and 'a' {said}" in complaint(mesh, mixed, post("/v1"))


def test_one_name_for_two(mesh: meshclient.Mesh) -> None:
    def queries(self: Any, a: int, b: Annotated[int, Query("a")]) -> None: ...

    def headers(self: Any, x_a: Annotated[int, Header], b: Annotated[int, Header("X-A")]) -> None: ...

    assert "parameters 'a' and 'b' both are Query('a'): rename one" in complaint(mesh, queries)
    assert "parameters 'x_a' and 'b' both are Header('X-A')" in complaint(mesh, headers)


def test_parameters_that_are_many(mesh: meshclient.Mesh) -> None:
    def many(self: Any, *names: str) -> None: ...

    def named(self: Any, **names: str) -> None: ...

    assert "it stands for any number of them: write each by its name" in complaint(mesh, many)
    assert "it stands for any number of them" in complaint(mesh, named)


def test_types_that_are_missing(mesh: meshclient.Mesh) -> None:
    def untyped(self: Any, a) -> None: ...  # type: ignore[no-untyped-def]  # noqa: ANN001

    def unreturned(self: Any, a: int): ...  # type: ignore[no-untyped-def]  # noqa: ANN202

    def hidden(self: Any, a: OnlyForTypes) -> None: ...

    def selfless() -> None: ...

    assert "parameter 'a' has no type: write `a: str`" in complaint(mesh, untyped)
    assert "does not say what it returns: write -> and a type" in complaint(mesh, unreturned)
    said = "its annotations cannot be read (name 'OnlyForTypes' is not defined): types have to be names of the module"
    assert said in complaint(mesh, hidden)
    assert "has no self" in complaint(mesh, selfless)


class Cat:
    def __init__(self, lives: int) -> None:
        self.lives = lives


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Odd, "returns a type of which json knows no form: Odd cannot be read: Odd is no dataclass"),
        (list[Odd], "Odd is no dataclass"),
        (Order | Line, "more than one dataclass"),
        (Reply, "write Reply[...] with the type of a body"),
        (Reply[Odd], "Odd is no dataclass"),
        (Reply[AsyncIterator[int]], "cannot be read"),
        (AsyncIterator, "does not say what it iterates over: write"),
        (Iterator, "does not say what it iterates over"),
        (Iterator[Odd], "returns a stream of what JSON has no form for: Odd cannot be read"),
        (Iterator[Reply[Order]], "of one that is no stream"),
        (httpx.Headers, "cannot be read"),
    ],
)
def test_returns(mesh: meshclient.Mesh, kind: Any, said: str) -> None:
    assert said in complaint(mesh, giving(kind))


def test_a_stream_is_no_coroutine(mesh: meshclient.Mesh) -> None:
    async def events(self: Any) -> AsyncIterator[Order]:
        raise NotImplementedError

    async def blocking(self: Any) -> Iterator[Order]:
        raise NotImplementedError

    assert "write `def events(...) -> AsyncIterator[...]`" in complaint(mesh, events)
    assert "write `def blocking(...) -> AsyncIterator[...]`" in complaint(mesh, blocking)


def test_a_head_without_a_body(mesh: meshclient.Mesh) -> None:
    said = "the answer to HEAD has no body: write -> None, Reply[None] or httpx.Response"
    assert said in complaint(mesh, giving(Order), head("/v1"))


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ({200: StatusError}, "errors has 200: write a status from 300 to 599, or one of 3xx, 4xx, 5xx"),
        ({"404": StatusError}, "errors has '404'"),
        ({404: ValueError}, "errors has ValueError, which is no StatusError: write `class ValueError(StatusError)`"),
        ({404: 5}, "errors has 5, which is no StatusError"),
        ({404: OwnConstructor}, "OwnConstructor has an __init__ of its own: annotate its fields"),
        ({404: OwnField}, "OwnField has a field 'status', which is every StatusError's own"),
        ({404: OddField}, "OddField: OddField cannot be read: Odd is no dataclass"),
        ({404: HiddenField}, "the fields of HiddenField cannot be read (name 'OnlyForTypes' is not defined)"),
    ],
)
def test_errors(mesh: meshclient.Mesh, errors: Any, said: str) -> None:
    assert said in complaint(mesh, plain, get("/v1", errors=errors))


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"deadlin": 1}, "Orders.m has no option 'deadlin'; did you mean 'deadline'?"),
        ({"codec": "xml"}, "Orders.m: there is no codec 'xml'; known: json, msgpack, protobuf"),
        ({"headers": {"x y": "1"}}, "'x y' is no name of a header"),
        ({"headers": {"x": "é"}}, "the header 'x' is 'é': a header carries printable ASCII text"),
        ({"headers": {"Content-Length": "1"}}, "is written by the client itself"),
    ],
)
def test_routes(mesh: meshclient.Mesh, keywords: Any, said: str) -> None:
    assert said in complaint(mesh, plain, get("/v1", **keywords))


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
