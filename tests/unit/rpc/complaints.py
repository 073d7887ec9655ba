"""Interfaces of one method, and what is said of them when a stub is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from meshclient.rpc import StubError, get, service, stub
from unit.rpc.shop import shared_mesh

if TYPE_CHECKING:
    from collections.abc import Callable


class Odd:
    """No codec knows it."""


def interface(method: Callable[..., Any], route: Any = None, name: str = "m") -> Any:
    """A Protocol with that one method."""
    decorated = (route or get("/v1"))(method)
    return service("orders")(type("Orders", (Protocol,), {name: decorated, "__module__": __name__}))


def complaint(method: Callable[..., Any], route: Any = None) -> str:
    """What is said of it, in one line."""
    with pytest.raises(StubError) as caught:
        stub(interface(method, route), shared_mesh())
    said = str(caught.value)
    assert said.startswith("Orders.m")
    assert "\n" not in said
    return said


def plain(self: Any) -> None:
    """Nothing is wrong with it."""


def one(kind: Any) -> Callable[..., Any]:
    """A method with one parameter of that type."""

    def method(self: Any, one: Any) -> None: ...

    method.__annotations__["one"] = kind
    return method
