"""Values come back from each codec as they were; whatever else comes is a DecodeError."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

import httpx
import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.rpc import DecodeError
from meshclient.rpc.codec.document import Document
from meshclient.rpc.codec.registry import codec_named

TEXT = st.text(st.characters(codec="utf-8"), max_size=10)
SMALL = st.integers(-(2**53), 2**53)


class Line(msgspec.Struct):
    sku: str
    count: int


class Extra(TypedDict):
    note: str


class Owner(pydantic.BaseModel):
    name: str


@dataclass
class Order:
    id: UUID
    made: datetime
    lines: list[Line]
    by_name: dict[str, Line | None]
    extra: Extra
    owner: Owner
    parent: Order | None = None


def order(parent: Any) -> Any:
    return st.builds(
        Order,
        id=st.uuids(),
        made=st.datetimes(),
        lines=st.lists(st.builds(Line, TEXT, SMALL), max_size=3),
        by_name=st.dictionaries(TEXT, st.none() | st.builds(Line, TEXT, SMALL), max_size=2),
        extra=st.fixed_dictionaries({"note": TEXT}),
        owner=st.builds(Owner, name=TEXT),
        parent=parent,
    )


ORDERS = st.recursive(order(st.none()), order, max_leaves=2)
ANY = st.recursive(st.none() | st.booleans() | SMALL | TEXT, lambda inner: st.lists(inner, max_size=3), max_leaves=5)


def response(content: bytes, media_type: str) -> httpx.Response:
    request = httpx.Request("GET", "http://orders/v1")
    return httpx.Response(200, content=content, headers={"content-type": media_type}, request=request)


@pytest.mark.parametrize("name", ["json", "msgpack"])
@given(value=ORDERS)
def test_there_and_back(name: str, value: Order) -> None:
    codec = codec_named(name)
    assert codec.complaint(Order) == ""
    content = codec.encoder(Order)(value)
    assert Document(Order, codec, "orders").read(response(content, codec.media_type)) == value
    # One that was asked for in the other format is read by what it says it is.
    for other in ("json", "msgpack"):
        assert Document(Order, codec_named(other), "orders").read(response(content, codec.media_type)) == value


@pytest.mark.parametrize("kind", [Order, list[Line], dict[str, int], int | None, Owner])
@given(
    content=st.binary(max_size=60) | ANY.map(msgspec.json.encode) | ANY.map(msgspec.msgpack.encode),
    media=st.sampled_from(["application/json", "application/msgpack", "text/html", ""]),
)
def test_whatever_comes_is_a_value_or_a_decode_error(kind: Any, content: bytes, media: str) -> None:
    document = Document(kind, codec_named("json"), "orders", "Orders.call")
    said = ""
    try:
        value = document.read(response(content, media))
    except DecodeError as error:
        said = str(error)
    assert said or value is None or isinstance(value, (int, list, dict, Order, Owner))
    assert said.isprintable()
    assert len(said) < 1500
