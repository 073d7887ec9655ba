"""MessagePack and Protocol Buffers: asked for, sent, and read by what the answer says it is."""

from __future__ import annotations

from typing import Annotated, Any, Protocol

import httpx
import msgspec
import pydantic
import pytest
from google.protobuf.wrappers_pb2 import Int32Value, StringValue

from meshclient.rpc import AsyncChannel, Body, Channel, DecodeError, StubError, post, service, stub
from meshclient.rpc.codec.registry import codec_named
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture
from unit.rpc.shop import Order, Wire, json, shared_mesh, wire_fixture  # noqa: F401 - a fixture


class Model(pydantic.BaseModel):
    a: int


@service("orders", codec="msgpack")
class Orders(Protocol):
    @post("/v1")
    def create(self, order: Annotated[Order, Body]) -> Order: ...

    @post("/v1", codec="json")
    def plain(self, order: Annotated[Order, Body]) -> Order: ...

    @post("/v1")
    def models(self, order: Annotated[list[Model], Body]) -> list[Model]: ...

    @post("/v1", codec="protobuf")
    def measured(self, size: Annotated[Int32Value, Body]) -> StringValue: ...

    @post("/v1", codec="protobuf")
    def maybe(self) -> StringValue | None: ...


@service("orders", codec="msgpack")
class AsyncOrders(Protocol):
    @post("/v1")
    async def create(self, order: Annotated[Order, Body]) -> Order: ...

    @post("/v1", codec="json")
    async def plain(self, order: Annotated[Order, Body]) -> Order: ...

    @post("/v1")
    async def models(self, order: Annotated[list[Model], Body]) -> list[Model]: ...

    @post("/v1", codec="protobuf")
    async def measured(self, size: Annotated[Int32Value, Body]) -> StringValue: ...

    @post("/v1", codec="protobuf")
    async def maybe(self) -> StringValue | None: ...


@pytest.fixture
def orders(wire: Wire) -> Any:
    return wire.stub(Orders, AsyncOrders)


def packed(value: object, media_type: str = "application/msgpack") -> httpx.Response:
    return httpx.Response(200, content=msgspec.msgpack.encode(value), headers={"content-type": media_type})


@pytest.mark.parametrize("media_type", ["application/msgpack", "application/vnd.msgpack", "application/x-msgpack"])
def test_messagepack(face: Face, wire: Wire, orders: Any, media_type: str) -> None:
    wire.answer = packed({"id": 2}, media_type)
    assert face.run(orders.create(Order(1))) == Order(2)
    assert msgspec.msgpack.decode(wire.last.content) == {"id": 1, "items": []}
    assert (wire.last.headers["accept"], wire.last.headers["content-type"]) == ("application/msgpack",) * 2


def test_a_method_speaks_otherwise_than_its_interface(face: Face, wire: Wire, orders: Any) -> None:
    wire.answer = json({"id": 2})
    assert face.run(orders.plain(Order(1))) == Order(2)
    assert wire.last.content == b'{"id":1,"items":[]}'


def test_models_within(face: Face, wire: Wire, orders: Any) -> None:
    wire.answer = packed([{"a": 2}])
    assert face.run(orders.models([Model(a=1)])) == [Model(a=2)]
    assert msgspec.msgpack.decode(wire.last.content) == [{"a": 1}]


def test_an_answer_in_json_is_read_as_json(face: Face, wire: Wire, orders: Any) -> None:
    wire.answer = json({"id": 2})
    assert face.run(orders.create(Order(1))) == Order(2)


def test_bytes_that_are_no_messagepack(face: Face, wire: Wire, orders: Any) -> None:
    wire.answer = httpx.Response(200, content=b"\xc1", headers={"content-type": "application/msgpack"})
    with pytest.raises(DecodeError, match="MessagePack"):
        face.run(orders.create(Order(1)))
    wire.answer = packed({"id": "x"})
    with pytest.raises(DecodeError, match=r"\$\.id"):
        face.run(orders.create(Order(1)))


@pytest.mark.parametrize(
    "media_type", ["application/x-protobuf", "application/protobuf", "application/vnd.google.protobuf"]
)
def test_protocol_buffers(face: Face, wire: Wire, orders: Any, media_type: str) -> None:
    answer = StringValue(value="seven").SerializeToString()
    wire.answer = httpx.Response(200, content=answer, headers={"content-type": media_type})
    assert face.run(orders.measured(Int32Value(value=7))) == StringValue(value="seven")
    assert Int32Value.FromString(wire.last.content) == Int32Value(value=7)
    assert (wire.last.headers["accept"], wire.last.headers["content-type"]) == ("application/x-protobuf",) * 2
    assert face.run(orders.maybe()) == StringValue(value="seven")


def test_no_message(face: Face, wire: Wire, orders: Any) -> None:
    assert face.run(orders.maybe()) is None
    wire.answer = httpx.Response(200, headers={"content-type": "application/x-protobuf"})
    # A message of defaults only has no bytes: it is there all the same.
    assert face.run(orders.measured(Int32Value())) == StringValue()


def test_bytes_that_are_no_message(face: Face, wire: Wire, orders: Any) -> None:
    wire.answer = httpx.Response(200, content=b"\xff\xff", headers={"content-type": "application/x-protobuf"})
    with pytest.raises(DecodeError, match="cannot be read"):
        face.run(orders.maybe())


def test_json_in_place_of_a_message(face: Face, wire: Wire, orders: Any) -> None:
    wire.answer = json({})
    with pytest.raises(DecodeError, match="it is application/json, not application/x-protobuf"):
        face.run(orders.maybe())


def test_a_channels_codec_is_the_stubs(face: Face, wire: Wire) -> None:
    class Plain(Protocol):
        @post("/v1")
        def create(self, order: Annotated[Order, Body]) -> Order: ...

    class AsyncPlain(Protocol):
        @post("/v1")
        async def create(self, order: Annotated[Order, Body]) -> Order: ...

    wire.answer = packed({"id": 2})
    made: Any
    if face.is_async:
        made = stub(AsyncPlain, AsyncChannel(wire.client, "orders", codec="msgpack"))
    else:
        made = stub(Plain, Channel(wire.client, "orders", codec="msgpack"))
    assert face.run(made.create(Order(1))) == Order(2)
    assert wire.last.headers["content-type"] == "application/msgpack"


@pytest.mark.parametrize(("codec", "kind"), [("protobuf", Order), ("json", StringValue), ("msgpack", StringValue)])
def test_types_that_a_codec_has_no_form_for(codec: str, kind: Any) -> None:
    @service("orders", codec=codec)
    class Wrong(Protocol):
        @post("/v1")
        def create(self) -> Any: ...

    Wrong.create.__annotations__["return"] = kind
    with pytest.raises(
        StubError, match=rf"Wrong.create returns a type of which {codec} knows no form: .*{kind.__name__}"
    ):
        stub(Wrong, shared_mesh())


def test_what_the_codecs_are() -> None:
    assert [codec_named(name).media_type for name in ("json", "msgpack", "protobuf")] == [
        "application/json",
        "application/msgpack",
        "application/x-protobuf",
    ]
