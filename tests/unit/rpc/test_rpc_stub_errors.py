"""Answers other than 2xx become exceptions, those that a method declares or StatusError."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import httpx
import pytest

import meshclient.errors
from meshclient.rpc import Problem, StatusError, get, service
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture
from unit.rpc.shop import Order, Wire, json, wire_fixture  # noqa: F401 - a fixture

PROBLEM = "application/problem+json"


class NotFound(StatusError):
    """There is no such order."""


@dataclass
class Line:
    sku: str


class OutOfStock(StatusError):
    """Some lines are not on stock."""

    lines: list[Line]
    left: int = 0


class Fully(OutOfStock):
    """No line is."""

    since: str


class Broken(StatusError):
    """The service is."""


@service("orders", errors={"5xx": Broken, 404: StatusError}, retry=False)
class Orders(Protocol):
    @get("/v1", errors={404: NotFound, 409: OutOfStock, 410: Fully, 503: NotFound})
    def call(self) -> Order: ...

    @get("/v2")
    def plain(self) -> Order: ...


@service("orders", errors={"5xx": Broken, 404: StatusError}, retry=False)
class AsyncOrders(Protocol):
    @get("/v1", errors={404: NotFound, 409: OutOfStock, 410: Fully, 503: NotFound})
    async def call(self) -> Order: ...

    @get("/v2")
    async def plain(self) -> Order: ...


def raised(face: Face, wire: Wire, answer: httpx.Response, method: str = "call") -> Any:
    wire.answer = answer
    with pytest.raises(StatusError) as caught:
        face.run(getattr(wire.stub(Orders, AsyncOrders), method)())
    return caught.value


@pytest.mark.parametrize(
    ("status", "kind", "method"),
    [
        (404, NotFound, "call"),
        (404, StatusError, "plain"),
        (400, StatusError, "call"),
        (500, Broken, "call"),
        (599, Broken, "plain"),
        (503, NotFound, "call"),
        (304, StatusError, "call"),
        (302, StatusError, "call"),
    ],
)
def test_which_class(face: Face, wire: Wire, status: int, kind: type, method: str) -> None:
    error = raised(face, wire, httpx.Response(status, text="no"), method)
    assert type(error).__name__ == kind.__name__
    assert (error.status, error.service, error.response.status_code) == (status, "orders", status)
    assert error.method == f"{'Async' if face.is_async else ''}Orders.{method}"
    assert error.mesh.endpoint.url == "http://127.0.0.1:1"


def test_it_is_an_error_of_both_families(face: Face, wire: Wire) -> None:
    error = raised(face, wire, httpx.Response(404))
    assert isinstance(error, httpx.HTTPStatusError)
    assert isinstance(error, meshclient.errors.MeshError)
    assert error.request.url.path == "/v1"


def test_fields_of_the_body(face: Face, wire: Wire) -> None:
    error = raised(face, wire, json({"lines": [{"sku": "a"}], "other": 1}, 409))
    assert (type(error), error.lines, error.left) == (OutOfStock, [Line("a")], 0)
    error = raised(face, wire, json({"lines": [], "since": "May", "left": 3}, 410))
    assert (type(error), error.lines, error.left, error.since) == (Fully, [], 3, "May")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (json({"left": 1}, 409), "Object missing required field `lines`"),
        (json({"lines": 1}, 409), r"Expected `array`, got `int` - at `$.lines`"),
        (httpx.Response(409, text="<html>proxy</html>", headers={"content-type": "text/html"}), "it is text/html"),
        (httpx.Response(409), "it is empty"),
    ],
)
def test_a_body_without_the_fields_is_not_the_declared_error(
    face: Face, wire: Wire, answer: httpx.Response, why: str
) -> None:
    error = raised(face, wire, answer)
    assert type(error) is StatusError
    assert f"(it is no OutOfStock: {why}" in str(error)


def test_a_problem_document(face: Face, wire: Wire) -> None:
    document = {"type": "/t", "title": "Out of stock", "status": 409, "detail": "2 left", "instance": "/o/1", "left": 2}
    error = raised(face, wire, json({**document, "lines": []}, 409, PROBLEM))
    assert (type(error), error.left) == (OutOfStock, 2)
    assert error.problem == Problem("/t", "Out of stock", 409, "2 left", "/o/1")
    assert str(error).endswith("Orders.call) with 409: Out of stock: 2 left")


@pytest.mark.parametrize(
    ("document", "problem"),
    [({"title": 7, "status": "x", "detail": "d"}, Problem(detail="d")), ({}, Problem()), ([1], None), ("x", None)],
)
def test_members_of_a_wrong_type_count_as_absent(face: Face, wire: Wire, document: object, problem: object) -> None:
    assert raised(face, wire, json(document, 404, PROBLEM)).problem == problem


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000])
def test_a_broken_problem_document(face: Face, wire: Wire, body: bytes) -> None:
    error = raised(face, wire, httpx.Response(409, content=body, headers={"content-type": PROBLEM}))
    assert (type(error), error.problem) == (StatusError, None)
    assert len(str(error)) < 500


def test_what_it_says(face: Face, wire: Wire) -> None:
    name = "AsyncOrders" if face.is_async else "Orders"
    long = raised(face, wire, httpx.Response(404, text="a\n" * 1000))
    assert str(long).startswith(f"orders answered GET /v1 ({name}.call) with 404: 'a\\na\\n")
    assert len(str(long)) < 600
    assert str(raised(face, wire, httpx.Response(404))).endswith("with 404: nothing more was said")
    forged = raised(face, wire, json({"title": "a\nERROR all is lost", "detail": "x" * 5000}, 404, PROBLEM))
    assert "with 404: a\\nERROR all is lost: xxx" in str(forged)
    assert len(str(forged)) < 700
