"""What a stub sends for a call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NewType, Protocol
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
import pytest
from typing_extensions import TypeAliasType

from meshclient.rpc import Body, Form, Header, Path, Query, delete, get, head, options, patch, post, put, service
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture
from unit.rpc.shop import Order, Wire, overridden, wire_fixture  # noqa: F401 - a fixture

OrderId = NewType("OrderId", int)


class Colour(Enum):
    RED = "dark red"
    BLUE = 2


class Size(IntEnum):
    S = 1


@service("orders", headers={"X-All": "1"}, priority=1)
class Orders(Protocol):
    @get("/v1/orders/{order_id}", headers={"x-one": "2"}, deadline=0.5, hedge=False)
    def order(
        self,
        order_id: OrderId,
        expand: str | None = None,
        *,
        tag: Sequence[str] = (),
        tenant: Annotated[str | None, Header("X-Tenant")] = None,
        x_trace_id: Annotated[int | None, Header] = None,
    ) -> None: ...

    @get("/v1/{kind}.{number}/x?fixed=a%20b")
    def parts(
        self, kind: str, page: Annotated[int, Query("page-size")], nr: Annotated[int | str, Path("number")]
    ) -> None: ...

    @post("/v1/orders")
    def create(self, order: Annotated[Order, Body], dry: bool = False) -> None: ...

    @put("/v1/text")
    def text(self, text: Annotated[str, Body]) -> None: ...

    @patch("/v1/maybe")
    def maybe(self, order: Annotated[Order | None, Body] = None) -> None: ...

    @post("/v1/form")
    def form(self, name: Annotated[str, Form], tags: Annotated[list[int] | None, Form("tag")] = None) -> None: ...

    @post("/v1/upload", headers={"content-type": "text/csv"})
    def upload(self, rows: Annotated[Iterator[bytes], Body]) -> None: ...

    @delete("/v1/orders/{order_id}", idempotent=False)
    def cancel(self, order_id: str, /) -> None: ...

    @head("/v1")
    def head(self) -> None: ...

    @options("/v1")
    def allowed(self) -> None: ...


@service("orders", headers={"X-All": "1"}, priority=1)
class AsyncOrders(Protocol):
    @get("/v1/orders/{order_id}", headers={"x-one": "2"}, deadline=0.5, hedge=False)
    async def order(
        self,
        order_id: OrderId,
        expand: str | None = None,
        *,
        tag: Sequence[str] = (),
        tenant: Annotated[str | None, Header("X-Tenant")] = None,
        x_trace_id: Annotated[int | None, Header] = None,
    ) -> None: ...

    @get("/v1/{kind}.{number}/x?fixed=a%20b")
    async def parts(
        self, kind: str, page: Annotated[int, Query("page-size")], nr: Annotated[int | str, Path("number")]
    ) -> None: ...

    @post("/v1/orders")
    async def create(self, order: Annotated[Order, Body], dry: bool = False) -> None: ...

    @put("/v1/text")
    async def text(self, text: Annotated[str, Body]) -> None: ...

    @patch("/v1/maybe")
    async def maybe(self, order: Annotated[Order | None, Body] = None) -> None: ...

    @post("/v1/form")
    async def form(self, name: Annotated[str, Form], tags: Annotated[list[int] | None, Form("tag")] = None) -> None: ...

    @post("/v1/upload", headers={"content-type": "text/csv"})
    async def upload(self, rows: Annotated[AsyncIterator[bytes], Body]) -> None: ...

    @delete("/v1/orders/{order_id}", idempotent=False)
    async def cancel(self, order_id: str, /) -> None: ...

    @head("/v1")
    async def head(self) -> None: ...

    @options("/v1")
    async def allowed(self) -> None: ...


@pytest.fixture
def orders(wire: Wire) -> Any:
    return wire.stub(Orders, AsyncOrders)


def test_path_query_and_headers(face: Face, wire: Wire, orders: Any) -> None:
    face.run(orders.order(OrderId(42), "a b&c", tag=["x", "y/z"], tenant="me", x_trace_id=7))
    assert wire.target == "/v1/orders/42?expand=a%20b%26c&tag=x&tag=y%2Fz"
    assert [wire.last.headers[name] for name in ("x-tenant", "x-trace-id", "x-all", "x-one")] == ["me", "7", "1", "2"]


def test_what_is_none_or_empty_is_left_out(face: Face, wire: Wire, orders: Any) -> None:
    face.run(orders.order(42))
    assert wire.target == "/v1/orders/42"
    assert "x-tenant" not in wire.last.headers
    assert "x-trace-id" not in wire.last.headers


def test_names_of_the_request_differ_from_the_parameters(face: Face, wire: Wire, orders: Any) -> None:
    face.run(orders.parts(nr="b-1", page=3, kind="a"))
    assert wire.target == "/v1/a.b-1/x?fixed=a%20b&page-size=3"


@pytest.mark.parametrize("value", ["é", "a/b", "a b", "%2F", "a?b#c", "..a", "{id}", "a..b", "…", "a\nb", ";v=1"])
def test_a_path_value_stays_in_its_segment(face: Face, wire: Wire, orders: Any, value: str) -> None:
    face.run(orders.cancel(value))
    path, *query = wire.target.split("?")
    assert path.count("/") == 3
    assert query == []
    assert wire.last.url.path == f"/v1/orders/{value}"


@pytest.mark.parametrize("value", ["", ".", "..", "../x", "a/../b", "a\\..\\b", "a/."])
def test_a_path_value_that_would_leave_its_segment_is_refused(face: Face, wire: Wire, orders: Any, value: str) -> None:
    with pytest.raises(ValueError, match=r"Orders.cancel: parameter 'order_id': .*(empty|segment)"):
        face.run(orders.cancel(value))
    assert wire.requests == []


@pytest.mark.parametrize("value", [None, 1.5j, [], b"x"])
def test_a_value_without_a_text_form_is_refused(face: Face, orders: Any, value: object) -> None:
    with pytest.raises(TypeError, match=r"Orders.cancel: parameter 'order_id': .* has no text form"):
        face.run(orders.cancel(value))


def test_a_text_is_no_list_of_texts(face: Face, orders: Any) -> None:
    with pytest.raises(TypeError, match=r"parameter 'tag': 'abc' is one text, not a list"):
        face.run(orders.order(1, tag="abc"))


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "é", "\0"])
def test_a_header_carries_printable_ascii(face: Face, wire: Wire, orders: Any, value: str) -> None:
    with pytest.raises(ValueError, match=r"Orders.order: parameter 'tenant': .* cannot carry"):
        face.run(orders.order(1, tenant=value))
    assert wire.requests == []


def test_a_body_is_written_by_the_codec(face: Face, wire: Wire, orders: Any) -> None:
    face.run(orders.create(Order(1, ["a"]), dry=True))
    assert wire.target == "/v1/orders?dry=true"
    assert msgspec.json.decode(wire.last.content) == {"id": 1, "items": ["a"]}
    assert wire.last.headers["content-type"] == "application/json"


def test_a_body_of_text(face: Face, wire: Wire, orders: Any) -> None:
    face.run(orders.text("é"))
    assert wire.last.content == "é".encode()
    assert wire.last.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_body_that_cannot_be_written(face: Face, orders: Any) -> None:
    with pytest.raises(TypeError, match=r"Orders.create: parameter 'order': .* cannot be written"):
        face.run(orders.create(object()))


def test_no_body(face: Face, wire: Wire, orders: Any) -> None:
    face.run(orders.maybe())
    assert wire.last.content == b""
    assert "content-type" not in wire.last.headers
    face.run(orders.maybe(Order(1)))
    assert wire.last.headers["content-type"] == "application/json"


def test_a_form(face: Face, wire: Wire, orders: Any) -> None:
    face.run(orders.form("a&b é", [1, 2]))
    assert parse_qsl(wire.last.content.decode()) == [("name", "a&b é"), ("tag", "1"), ("tag", "2")]
    assert wire.last.headers["content-type"] == "application/x-www-form-urlencoded"
    face.run(orders.form("x"))
    assert wire.last.content == b"name=x"


def test_a_body_in_pieces_and_a_content_type_of_ones_own(face: Face, wire: Wire, orders: Any) -> None:
    seen = bytearray()

    def kept(parts: list[bytes]) -> Any:
        for part in parts:
            seen.extend(part)
            yield part

    face.run(orders.upload(face.body(kept([b"a,b\n", b"c,d\n"]))))
    assert bytes(seen) == b"a,b\nc,d\n"
    assert wire.last.headers["content-type"] == "text/csv"


@pytest.mark.parametrize(("name", "verb"), [("head", "HEAD"), ("allowed", "OPTIONS")])
def test_other_verbs(face: Face, wire: Wire, orders: Any, name: str, verb: str) -> None:
    face.run(getattr(orders, name)())
    assert wire.last.method == verb


def test_options_of_interface_method_and_block(face: Face, wire: Wire, orders: Any) -> None:
    face.run(orders.order(1))
    assert wire.last.extensions["mesh"] == {"priority": 1, "deadline": 0.5, "hedge": False}
    overridden(face, lambda: orders.order(1), deadline=0.2)
    assert wire.last.extensions["mesh"] == {"priority": 1, "deadline": 0.2, "hedge": False}
    face.run(orders.cancel("1"))
    assert wire.last.extensions["mesh"] == {"priority": 1, "idempotent": False}


@pytest.mark.parametrize(
    ("arguments", "named", "said"),
    [
        ((), {}, "missing a required argument: 'order_id'"),
        ((1, "a", "b"), {}, "too many positional arguments"),
        ((1, "a", "b", "c", 5), {}, "too many positional arguments"),
        ((1,), {"order_id": 1}, "multiple values for argument 'order_id'"),
        ((1,), {"expnd": "a"}, "got an unexpected keyword argument 'expnd'"),
    ],
)
def test_arguments_that_do_not_fit(face: Face, orders: Any, arguments: Any, named: Any, said: str) -> None:
    with pytest.raises(TypeError) as caught:
        face.run(orders.order(*arguments, **named))
    assert said in str(caught.value)
    assert "Orders.order(): " in str(caught.value)


def test_a_positional_parameter_has_no_name(face: Face, orders: Any) -> None:
    with pytest.raises(TypeError):
        face.run(orders.cancel(order_id="x"))


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        (bool, True, "true"),
        (bool, False, "false"),
        (float, 1.5, "1.5"),
        (Decimal, Decimal("1.10"), "1.10"),
        (UUID, UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (date, date(2026, 1, 2), "2026-01-02"),
        (time, time(1, 2), "01:02:00"),
        (datetime, datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        (Colour, Colour.RED, "dark red"),
        (Colour, Colour.BLUE, "2"),
        (Size, Size.S, "1"),
        (OrderId, OrderId(5), "5"),
        (Literal["a", 2], 2, "2"),
        (int | str, "a", "a"),
        (Annotated[int, msgspec.Meta(gt=0)], 1, "1"),
        (TypeAliasType("Alias", int), 1, "1"),
    ],
)
def test_values_as_text(face: Face, wire: Wire, kind: Any, value: object, written: str) -> None:
    @service("orders")
    class Blocking(Protocol):
        @get("/v1/{one}")
        def call(self, one: Any, two: Any, three: Any) -> None: ...

    @service("orders")
    class Asynchronous(Protocol):
        @get("/v1/{one}")
        async def call(self, one: Any, two: Any, three: Any) -> None: ...

    for each in (Blocking.call, Asynchronous.call):
        each.__annotations__ |= {"one": kind, "two": kind | None, "three": Collection[kind]}
    stub = wire.stub(Blocking, Asynchronous)
    face.run(stub.call(value, value, [value, value]))
    path, query = wire.target.split("?")
    assert wire.last.url.path == f"/v1/{written}"
    assert "+" not in query
    assert parse_qsl(query) == [("two", written), ("three", written), ("three", written)]
    assert " " not in path
