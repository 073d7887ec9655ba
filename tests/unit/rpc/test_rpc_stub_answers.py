"""What a stub makes of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypedDict

import attrs
import httpx
import msgspec
import pydantic
import pytest

import meshclient.errors
from meshclient.rpc import DecodeError, Reply, get, head, service
from meshclient.rpc.codec.document import Document
from meshclient.rpc.codec.registry import JSON
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture
from unit.rpc.shop import Order, Wire, json, wire_fixture  # noqa: F401 - a fixture


class Struct(msgspec.Struct):
    a: int


class Model(pydantic.BaseModel):
    a: int
    b: str = pydantic.Field(default="x", alias="bee")


class Table(TypedDict):
    a: int


class Row(NamedTuple):
    a: int


@attrs.define
class Attrs:
    a: int


@dataclass
class Nested:
    order: Order
    models: list[Model]
    next: Nested | None = None


class Cat(msgspec.Struct, tag=True):
    lives: int


class Dog(msgspec.Struct, tag=True):
    name: str


def returning(wire: Wire, kind: Any, **route: Any) -> Any:
    """A stub whose method `call` returns that."""

    @service("orders")
    class Orders(Protocol):
        @get("/v1/orders", **route)
        def call(self) -> Any: ...

    @service("orders")
    class AsyncOrders(Protocol):
        @get("/v1/orders", **route)
        async def call(self) -> Any: ...

    for each in (Orders.call, AsyncOrders.call):
        each.__annotations__["return"] = kind
    return wire.stub(Orders, AsyncOrders)


@pytest.mark.parametrize(
    ("kind", "document", "value"),
    [
        (Order, {"id": 1, "items": ["a"], "more": 1}, Order(1, ["a"])),
        (Struct, {"a": 1}, Struct(1)),
        (Model, {"a": 1, "bee": "y"}, Model.model_validate({"a": 1, "bee": "y"})),
        (Table, {"a": 1}, {"a": 1}),
        (Row, [1], Row(1)),
        (Attrs, {"a": 1}, Attrs(1)),
        (list[Order], [{"id": 1}], [Order(1)]),
        (dict[str, Struct], {"x": {"a": 1}}, {"x": Struct(1)}),
        (Sequence[Model], [{"a": 1}], [Model.model_validate({"a": 1})]),
        (
            Nested,
            {"order": {"id": 1}, "models": [{"a": 2}], "next": {"order": {"id": 3}, "models": []}},
            Nested(Order(1), [Model.model_validate({"a": 2})], Nested(Order(3), [])),
        ),
        (Cat | Dog, {"type": "Dog", "name": "Rex"}, Dog("Rex")),
        (Order | None, None, None),
        (int, 5, 5),
        (bool, True, True),
        (tuple[int, str], [1, "a"], (1, "a")),
        (Any, {"a": [1]}, {"a": [1]}),
    ],
)
def test_types(face: Face, wire: Wire, kind: Any, document: object, value: object) -> None:
    wire.answer = json(document)
    answer = face.run(returning(wire, kind).call())
    assert answer == value
    assert type(answer) is type(value)
    assert wire.last.headers["accept"] == "application/json"


@pytest.mark.parametrize(("kind", "value"), [(str, "5é"), (bytes, "5é".encode()), (None, None), (type(None), None)])
def test_what_is_passed_on_as_it_is(face: Face, wire: Wire, kind: Any, value: object) -> None:
    wire.answer = httpx.Response(200, text="5é")
    assert face.run(returning(wire, kind).call()) == value
    # Where no body is wanted there may be an error with one.
    assert wire.last.headers["accept"] == ("application/json" if value is None else "*/*")


@pytest.mark.parametrize("status", [200, 404, 500])
def test_a_response_is_passed_on_whatever_its_status(face: Face, wire: Wire, status: int) -> None:
    wire.answer = httpx.Response(status, text="x")
    assert face.run(returning(wire, httpx.Response, retry=False).call()).status_code == status


def test_a_value_with_its_response(face: Face, wire: Wire) -> None:
    wire.answer = httpx.Response(201, json={"id": 3}, headers={"etag": "e"})
    reply = face.run(returning(wire, Reply[Order]).call())
    assert (reply.value, reply.status, reply.headers["etag"]) == (Order(3), 201, "e")
    assert reply.response.extensions["mesh"].endpoint.url == "http://127.0.0.1:1"
    wire.answer = httpx.Response(204)
    assert face.run(returning(wire, Reply[None]).call()).value is None


def test_an_empty_body_is_none_where_the_type_has_it(face: Face, wire: Wire) -> None:
    assert face.run(returning(wire, Order | None).call()) is None
    assert face.run(returning(wire, Struct | None, codec="msgpack").call()) is None
    with pytest.raises(DecodeError, match=r"with 204, and its body cannot be read: it is empty$"):
        face.run(returning(wire, Order).call())


@pytest.mark.parametrize(
    ("document", "path", "fault"),
    [
        ({"id": "1"}, "$.id", "Expected `int`, got `str`"),
        ({"id": 1, "items": ["a", 2]}, "$.items[1]", "Expected `str`, got `int`"),
        ({}, "", "Object missing required field `id`"),
        ([], "", "Expected `object`, got `array`"),
    ],
)
def test_a_document_of_another_shape(face: Face, wire: Wire, document: object, path: str, fault: str) -> None:
    wire.answer = json(document)
    with pytest.raises(DecodeError) as caught:
        face.run(returning(wire, Order).call())
    error = caught.value
    name = "AsyncOrders" if face.is_async else "Orders"
    assert error.method.endswith(f"{name}.call")
    assert (error.service, error.status, error.path) == ("orders", 200, path)
    assert error.response.request.url.path == "/v1/orders"
    assert error.mesh is not None
    assert error.mesh.service == "orders"
    text = str(error)
    assert "orders answered GET /v1/orders" in text
    assert fault in text
    assert error.excerpt in text


def test_it_is_an_error_of_both_families(face: Face, wire: Wire) -> None:
    wire.answer = httpx.Response(200, content=b"{", headers={"content-type": "application/json"})
    for family in (httpx.DecodingError, meshclient.errors.MeshError):
        with pytest.raises(family, match="truncated"):
            face.run(returning(wire, Order).call())


@pytest.mark.parametrize("body", [b"[" * 100_000, b"\xff\xfe", b'{"id":1}}', b'"\xff"', b"\0"])
def test_bytes_that_are_no_document(face: Face, wire: Wire, body: bytes) -> None:
    wire.answer = httpx.Response(200, content=body, headers={"content-type": "application/json"})
    with pytest.raises(DecodeError, match="cannot be read") as caught:
        face.run(returning(wire, Any if body[:1] == b"[" else Order).call())
    assert len(str(caught.value)) < 600
    assert str(caught.value).isprintable()


def test_a_models_own_complaint(face: Face, wire: Wire) -> None:
    wire.answer = json({"a": "no"})
    with pytest.raises(DecodeError, match="Input should be a valid integer") as single:
        face.run(returning(wire, Model).call())
    assert single.value.path == "$.a"
    wire.answer = json([{"a": 1}, {"a": "no"}])
    with pytest.raises(DecodeError, match=r"Input should be .* integer.*, in '\.a' of Model") as caught:
        face.run(returning(wire, list[Model]).call())
    assert caught.value.path == "$[1]"


@pytest.mark.parametrize(
    "media_type", ["text/html", "application/x-protobuf", "nonsense", "image/png;x=application/json"]
)
def test_an_answer_of_another_kind(face: Face, wire: Wire, media_type: str) -> None:
    wire.answer = httpx.Response(200, content=b"<html>sorry</html>", headers={"content-type": media_type})
    with pytest.raises(DecodeError) as caught:
        face.run(returning(wire, Order).call())
    assert f"it is {media_type}, not application/json; it begins '<html>sorry</html>'" in str(caught.value)


@pytest.mark.parametrize(
    "media_type", ["application/json; charset=utf-8", "application/vnd.orders.v1+json", "TEXT/JSON", ""]
)
def test_other_names_for_json(face: Face, wire: Wire, media_type: str) -> None:
    wire.answer = httpx.Response(200, content=b'{"id":1}', headers={"content-type": media_type} if media_type else {})
    orders = returning(wire, Order)
    for _ in range(2):
        assert face.run(orders.call()) == Order(1)


def test_content_types_are_not_remembered_without_end() -> None:
    document = Document(Order, JSON, "orders")
    for number in range(30):
        assert document.read(json({"id": number}, media_type=f"application/json; n={number}")) == Order(number)
    assert len(document._decoders) == 8


def test_head_has_no_body(face: Face, wire: Wire) -> None:
    @service("orders")
    class Orders(Protocol):
        @head("/v1")
        def call(self) -> Reply[None]: ...

    @service("orders")
    class AsyncOrders(Protocol):
        @head("/v1")
        async def call(self) -> Reply[None]: ...

    wire.answer = httpx.Response(200, headers={"content-length": "7", "content-type": "application/json"})
    assert face.run(wire.stub(Orders, AsyncOrders).call()).headers["content-length"] == "7"
