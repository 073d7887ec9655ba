"""The circuits of a mesh: made once, changed by hand, and shared where a store is configured."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest
from pybreaker import STATE_CLOSED, CircuitMemoryStorage

from meshclient.errors import ConfigError, PluginNotFound
from meshclient.mesh import circuits as module
from meshclient.mesh.circuit_rule import CircuitRule
from meshclient.mesh.circuit_store import open_store
from meshclient.mesh.circuits import Circuits
from meshclient.model.events import StoreChanged

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.model.events import CircuitChanged

URI = "fake://here"
RULE = CircuitRule()


class FakeStore:
    """Shares with nobody; says what it is told to once it is followed."""

    source = URI

    def __init__(self) -> None:
        self.trouble = ""
        self.storages: dict[str, CircuitMemoryStorage] = {}
        self.followed = threading.Event()
        self.left = threading.Event()

    def storage(self, service: str) -> CircuitMemoryStorage:
        return self.storages.setdefault(service, CircuitMemoryStorage(STATE_CLOSED))

    async def follow(self, tell: Callable[[StoreChanged], None]) -> None:
        tell(StoreChanged(self.source, "it is away"))
        tell(StoreChanged(self.source, ""))
        self.followed.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.left.set()


def make(tell: Callable[[CircuitChanged | StoreChanged], None] | None = None) -> Circuits:
    return Circuits(clock=lambda: 0.0, uniform=lambda: 0.5, tell=tell)


def test_a_service_keeps_its_circuit() -> None:
    circuits = make()
    circuit = circuits.circuit("orders", RULE)
    assert circuits.circuit("orders", RULE) is circuit
    assert circuits.circuit("stock", RULE) is not circuit


def test_by_hand_and_by_name() -> None:
    told: list[object] = []
    circuits = make(told.append)
    circuits.circuit("orders", RULE)
    circuits.circuit("stock", RULE)
    circuits.isolate("orders")
    circuits.open("stock")
    assert circuits.states == {"orders": "isolated", "stock": "open"}
    circuits.close("orders")
    assert circuits.states == {"orders": "closed", "stock": "open"}
    assert len(told) == 3


def test_a_service_without_a_circuit_is_named() -> None:
    circuits = make()
    circuits.circuit("orders", RULE)
    with pytest.raises(ValueError, match=r"'ordres' has no circuit.*known: orders"):
        circuits.isolate("ordres")


def test_a_store_is_opened_once_followed_and_left(monkeypatch: pytest.MonkeyPatch) -> None:
    stores: list[FakeStore] = []

    def opened(uri: str) -> FakeStore:
        assert uri == URI
        stores.append(FakeStore())
        return stores[-1]

    monkeypatch.setattr(module, "open_store", opened)
    told: list[CircuitChanged | StoreChanged] = []
    circuits = make(told.append)
    circuits.circuit("orders", RULE, URI)
    circuits.circuit("stock", RULE, URI)
    (store,) = stores
    assert store.followed.wait(5)
    assert sorted(store.storages) == ["orders", "stock"]
    assert circuits.troubles == {URI: ""}
    assert told == [StoreChanged(URI, "it is away"), StoreChanged(URI, "")]
    # What is stored decides.
    store.storages["orders"].state = "open"
    assert circuits.states["orders"] == "open"
    circuits.stop()
    assert store.left.wait(5)
    assert circuits.states == circuits.troubles == {}


def test_a_store_that_is_unknown_or_wrong() -> None:
    circuits = make()
    with pytest.raises(PluginNotFound, match="circuit store 'nosuch' is unknown"):
        circuits.circuit("orders", RULE, "nosuch://here")
    with pytest.raises(ConfigError):
        open_store("not a uri")
    assert circuits.states == {}
