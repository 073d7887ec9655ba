"""`FakeResolver`: what is said has arrived when the method returns, from whichever thread."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.composition import Union
from meshclient.discovery.schemes import open_resolver
from meshclient.mesh import Mesh
from meshclient.model.endpoint import Endpoint
from meshclient.model.events import EmptyListHeld, RegistryLost, RegistryRecovered, SnapshotUpdated
from meshclient.model.snapshot import Empty, Failed
from meshclient.testing import fake_resolver
from meshclient.testing.fake_resolver import FakeResolver

if TYPE_CHECKING:
    from meshclient.mesh import MeshService
    from meshclient.model.events import Event

A, B = "http://10.0.0.1:80", "http://10.0.0.2:80"


def empty_of(service: MeshService) -> Empty:
    snapshot = service.snapshot
    assert isinstance(snapshot, Empty)
    return snapshot


def test_what_is_said_has_arrived() -> None:
    registry = FakeResolver({"orders": [A]})
    with Mesh(registry) as mesh:
        assert [str(e) for e in mesh.warm("orders")["orders"].endpoints] == [A]
        service = mesh.service("orders")
        for _ in range(100):
            registry.set("orders", [A, Endpoint.parse(B)])
            assert [str(e) for e in service.snapshot.endpoints] == [A, B]
            registry.set("orders", [B])
            assert [str(e) for e in service.snapshot.endpoints] == [B]
        registry.empty("orders")
        assert replace(empty_of(service), at=0.0, last=None, version=0) == Empty(source="fake://")
        registry.fail("orders", "gone")
        snapshot = service.snapshot
        assert isinstance(snapshot, Failed)
        assert snapshot.cause == "gone"
        registry.empty("orders", exists=False)
        assert not empty_of(service).exists
        registry.set("orders", [])
        assert empty_of(service).exists


def test_what_was_said_before_anybody_watched_holds() -> None:
    registry = FakeResolver()
    registry.fail("orders", "gone")
    registry.set("Users", [A])
    with Mesh(registry) as mesh:
        snapshots = mesh.warm("orders", "users", "others")
    assert isinstance(snapshots["orders"], Failed)
    assert snapshots["users"].state == "ready"
    assert snapshots["others"] == Empty(
        exists=False, source="fake://", at=snapshots["others"].at, version=snapshots["others"].version
    )


def test_services_are_apart() -> None:
    registry = FakeResolver({"orders": [A], "users": [B]})
    with Mesh(registry) as mesh:
        mesh.warm("orders", "users")
        registry.fail("orders")
        assert mesh.service("orders").snapshot.state == "failed"
        assert mesh.service("users").snapshot.state == "ready"


def test_every_mesh_hears_of_it() -> None:
    registry = FakeResolver({"orders": [A]})
    with Mesh(registry) as one, Mesh(registry) as two:
        for mesh in (one, two):
            mesh.warm("orders")
        registry.set("orders", [B])
        assert [str(mesh.service("orders").snapshot.endpoints[0]) for mesh in (one, two)] == [B, B]


def test_observers_hear_of_it_and_may_answer_back() -> None:
    told: list[Event] = []

    def observe(event: Event) -> None:
        told.append(event)
        if isinstance(event, RegistryLost):
            registry.set("orders", [B])

    registry = FakeResolver({"orders": [A]})
    with Mesh(registry, observers=[observe]) as mesh:
        mesh.warm("orders")
        registry.empty("orders")
        registry.fail("orders")
        while (snapshot := mesh.service("orders").snapshot).state == "failed":
            assert mesh.service("orders").watch.wait(snapshot, 5)
    kinds = [SnapshotUpdated, SnapshotUpdated, EmptyListHeld, RegistryLost, RegistryRecovered, SnapshotUpdated]
    assert [type(event) for event in told] == kinds


def test_many_threads_may_speak() -> None:
    registry = FakeResolver({"orders": [A]})
    with Mesh(registry) as mesh:
        mesh.warm("orders")

        def speak() -> None:
            for _ in range(50):
                registry.set("orders", [A])
                registry.set("orders", [B])

        speaking = [threading.Thread(target=speak) for _ in range(4)]
        for thread in speaking:
            thread.start()
        for thread in speaking:
            thread.join()
        registry.set("orders", [A, B])
        assert len(mesh.service("orders").snapshot.endpoints) == 2


def test_a_callers_event_loop_may_speak() -> None:
    registry = FakeResolver({"orders": [A]})

    async def main() -> None:
        async with Mesh(registry) as mesh:
            mesh.warm("orders")
            registry.set("orders", [B])
            assert str(mesh.service("orders").snapshot.endpoints[0]) == B

    asyncio.run(main())


def test_nobody_waits_for_a_closed_mesh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake_resolver, "TAKEN_WITHIN", 60.0)
    registry = FakeResolver({"orders": [A]})
    with Mesh(registry) as mesh:
        mesh.warm("orders")
        closing = threading.Thread(target=mesh.close)
        closing.start()
        for _ in range(20):
            registry.set("orders", [B])
            registry.set("orders", [A])
        closing.join()
    begun = time.monotonic()
    registry.set("orders", [B])
    assert time.monotonic() - begun < 30


def test_it_composes() -> None:
    registry = FakeResolver({"orders": [A]})
    with Mesh(Union((registry, open_resolver("static://10.0.0.2:80")))) as mesh:
        assert [str(e) for e in mesh.warm("orders")["orders"].endpoints] == [A, B]


def test_on_demand() -> None:
    registry = FakeResolver({"orders": [A]})
    with Mesh(registry, mode="on-demand") as mesh:
        assert mesh.warm("orders")["orders"].state == "ready"
        registry.set("orders", [B])
    assert not any(registry._watches.values())


@pytest.mark.parametrize("bad", ["ftp://x", "http://x:0", "http://x/path"])
def test_a_bad_endpoint_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="x"):
        FakeResolver({"orders": [bad]})


def test_a_bad_name_is_refused() -> None:
    with pytest.raises(ValueError, match="is not a service name"):
        FakeResolver().fail("no/name")
