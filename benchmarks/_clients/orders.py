"""The service that the stubs call, as a user of `meshclient.stub` writes it."""

from __future__ import annotations

from typing import Annotated, Protocol

import msgspec

from _clients.workload import LARGE
from meshclient.rpc import Body, Header, get, post, service


class Order(msgspec.Struct):
    """The small answer."""

    id: int
    name: str
    tags: list[str]
    price: float
    stock: int
    desc: str


class Line(msgspec.Struct):
    """A part of the large one."""

    sku: str
    title: str
    count: int
    price: float
    tags: list[str]
    position: int


class Basket(msgspec.Struct):
    """The large answer, and the large body."""

    id: int
    lines: list[Line]


class Change(msgspec.Struct):
    """The small body."""

    id: int
    tags: list[str]


LINES = msgspec.convert(LARGE["lines"], list[Line])


def changed(number: int) -> Change:
    return Change(number, ["a", "b"])


def replaced(number: int) -> Basket:
    return Basket(number, LINES)


@service("orders")
class Orders(Protocol):
    """What is called."""

    @get("/g")
    async def order(self) -> Order:
        """A plain GET."""
        ...

    @post("/s")
    async def change(
        self, user: int, page: int, body: Annotated[Change, Body], x_request_id: Annotated[str, Header]
    ) -> Order:
        """A small body."""
        ...

    @post("/l")
    async def replace(
        self, user: int, page: int, body: Annotated[Basket, Body], x_request_id: Annotated[str, Header]
    ) -> Basket:
        """A large one."""
        ...


@service("orders")
class SyncOrders(Protocol):
    """The same without await."""

    @get("/g")
    def order(self) -> Order:
        """A plain GET."""
        ...

    @post("/s")
    def change(
        self, user: int, page: int, body: Annotated[Change, Body], x_request_id: Annotated[str, Header]
    ) -> Order:
        """A small body."""
        ...

    @post("/l")
    def replace(
        self, user: int, page: int, body: Annotated[Basket, Body], x_request_id: Annotated[str, Header]
    ) -> Basket:
        """A large one."""
        ...
