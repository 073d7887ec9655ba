"""What is wrong with answers and errors of a method is said when the stub is built: where, and what to write."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from meshclient.rpc import Reply, StatusError, get, head
from unit.rpc.complaints import Odd, complaint, plain
from unit.rpc.shop import Order

if TYPE_CHECKING:
    from decimal import Context as OnlyForTypes


@dataclass
class Line:
    sku: str


class OwnConstructor(StatusError):
    def __init__(self, sku: str) -> None:
        """Take something else than a response."""


class OwnField(StatusError):
    status: str  # type: ignore[assignment]


class OddField(StatusError):
    odd: Odd


class HiddenField(StatusError):
    hidden: OnlyForTypes


def giving(kind: Any) -> Callable[..., Any]:
    def method(self: Any) -> Any: ...

    method.__annotations__["return"] = kind
    return method


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
def test_returns(kind: Any, said: str) -> None:
    assert said in complaint(giving(kind))


def test_a_stream_is_no_coroutine() -> None:
    async def events(self: Any) -> AsyncIterator[Order]:
        raise NotImplementedError

    async def blocking(self: Any) -> Iterator[Order]:
        raise NotImplementedError

    assert "write `def events(...) -> AsyncIterator[...]`" in complaint(events)
    assert "write `def blocking(...) -> AsyncIterator[...]`" in complaint(blocking)


def test_a_head_without_a_body() -> None:
    said = "the answer to HEAD has no body: write -> None, Reply[None] or httpx.Response"
    assert said in complaint(giving(Order), head("/v1"))


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
def test_errors(errors: Any, said: str) -> None:
    assert said in complaint(plain, get("/v1", errors=errors))


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
def test_routes(keywords: Any, said: str) -> None:
    assert said in complaint(plain, get("/v1", **keywords))
