"""What is wrong with a method's path or parameters is said when the stub is built: where, and what to write."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import pytest

from meshclient.rpc import Body, Form, Header, Path, Query, get, post
from unit.rpc.complaints import Odd, complaint, one, plain
from unit.rpc.shop import Order

if TYPE_CHECKING:
    from decimal import Context as OnlyForTypes

T = TypeVar("T")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (5, "the path is 5: write text such as"),
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
def test_paths(path: Any, said: str) -> None:
    assert said in complaint(plain, get(path))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"deadline": -3}, "option deadline: "),
        ({"attempt_timeout": "soon"}, "option attempt_timeout: "),
        ({"retry": "often"}, "option retry is 'often': give True or False"),
        ({"retry": {"attempts": "x"}}, "option retry['attempts']: "),
        ({"priority": "high"}, "option priority is 'high': give a whole number"),
        ({"hedge": 1}, "option hedge is 1: give True or False"),
        ({"hash_key": 5}, "option hash_key is 5: give text"),
        ({"headers": 5}, "its headers are 5: give a table"),
        ({"headers": {"x": 5}}, "the header 'x' is 5: a header carries printable ASCII text"),
        ({"headers": {5: "x"}}, "5 is no name of a header"),
    ],
)
def test_options_and_headers(options: dict[str, Any], said: str) -> None:
    assert said in complaint(plain, get("/v1", **options))


@pytest.mark.parametrize("path", ["/v1/..{one}", "/v1/{one}.."])
def test_dots_beside_a_placeholder(path: str) -> None:
    assert "has dots where" in complaint(one(str), get(path))


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
        (Annotated[str, Header] | None, "has its marker within"),
        (Annotated[str, Path, Query], "has 2 places in the request: leave one of the markers"),
        (Annotated[Order, Body], "'one' is a body, which a GET has none of: mark it Query, or use @post"),
        (Annotated[str, Form], "'one' is a body, which a GET has none of"),
    ],
)
def test_parameters(kind: Any, said: str) -> None:
    text = complaint(one(kind))
    assert "parameter 'one'" in text
    assert said in text


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (int | None, "it may be None, which cannot stand there: leave None out of its type"),
        (list[int], "its type list[int] has no text form"),
    ],
)
def test_parameters_in_a_path(kind: Any, said: str) -> None:
    assert said in complaint(one(kind), get("/v1/{one}"))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Odd, "Odd cannot be read: Odd is no dataclass, msgspec.Struct, TypedDict"),
        (list[Odd], "Odd is no dataclass"),
        (AsyncIterator[bytes], "the other colour of methods"),
    ],
)
def test_bodies(kind: Any, said: str) -> None:
    assert said in complaint(one(Annotated[kind, Body]), post("/v1"))


def test_two_bodies() -> None:
    def two(self: Any, a: Annotated[Order, Body], b: Annotated[Order, Body()]) -> None: ...

    def mixed(self: Any, a: Annotated[str, Form], b: Annotated[Order, Body]) -> None: ...

    said = "both are the body: put both into one class, marked Body"
    assert f"parameters 'a' and 'b' {said}" in complaint(two, post("/v1"))
    assert f"parameters 'b' and 'a' {said}" in complaint(mixed, post("/v1"))


def test_one_name_for_two() -> None:
    def queries(self: Any, a: int, b: Annotated[int, Query("a")]) -> None: ...

    def headers(self: Any, x_a: Annotated[int, Header], b: Annotated[int, Header("X-A")]) -> None: ...

    assert "parameters 'a' and 'b' both are Query('a'): rename one" in complaint(queries)
    assert "parameters 'x_a' and 'b' both are Header('X-A')" in complaint(headers)


def test_parameters_that_are_many() -> None:
    def many(self: Any, *names: str) -> None: ...

    def named(self: Any, **names: str) -> None: ...

    assert "it stands for any number of them: write each by its name" in complaint(many)
    assert "it stands for any number of them" in complaint(named)


def test_types_that_are_missing() -> None:
    def untyped(self: Any, a) -> None: ...  # type: ignore[no-untyped-def]  # noqa: ANN001

    def unreturned(self: Any, a: int): ...  # type: ignore[no-untyped-def]  # noqa: ANN202

    def hidden(self: Any, a: OnlyForTypes) -> None: ...

    def selfless() -> None: ...

    assert "parameter 'a' has no type: write `a: str`" in complaint(untyped)
    assert "does not say what it returns: write -> and a type" in complaint(unreturned)
    said = "its annotations cannot be read (name 'OnlyForTypes' is not defined): types have to be names of the module"
    assert said in complaint(hidden)
    assert "has no self" in complaint(selfless)
