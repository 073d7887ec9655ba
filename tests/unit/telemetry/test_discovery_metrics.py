"""A mesh and what OpenTelemetry is told of it: what counts, when that begins and ends, and that nobody pays for it."""

from __future__ import annotations

import gc
import logging
from dataclasses import replace
from typing import TYPE_CHECKING
from weakref import ref

import pytest

from collected import AGE, ENDPOINTS, ERRORS, HELD, UPDATES, Collected, collecting, until
from meshclient import Endpoint, Mesh
from meshclient.discovery.composition import FirstAnswering
from meshclient.model.endpoint import Health
from meshclient.model.snapshot import Failed, Pending
from meshclient.telemetry import attributes
from meshclient.telemetry.discovery_metrics import DiscoveryMetrics
from meshclient.testing import FakeEndpoint, FakeMesh, FakeResolver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshclient.mesh import MeshService
    from meshclient.model.events import Event

FLEET = [Endpoint(f"10.0.0.{number}", 80) for number in range(1, 6)]


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collected]:
    with collecting(monkeypatch) as found:
        yield found


def seen(collected: Collected, *services: str) -> None:
    """Wait until the first list of each was told of, which is after calls may use it."""
    until(lambda: all(collected.total(UPDATES, service) for service in services))


def test_changes_and_failures_are_counted_and_the_state_follows(collected: Collected) -> None:
    registry = FakeResolver({"orders": FLEET})
    with Mesh(registry) as mesh:
        mesh.warm("orders")
        seen(collected, "orders")
        assert list(collected.ages("orders")) == ["ready"]
        assert collected.errors("orders") == {}
        registry.fail("orders", "ConnectError: 10.0.0.9:8500 refused")
        first = collected.ages("orders")
        registry.fail("orders", "ConnectError: 10.0.0.9:8500 refused")
        registry.fail("orders", "no answer within 2s")
        second = collected.ages("orders")
        assert list(first) == list(second) == ["failed"]
        assert second["failed"] > first["failed"] > 0
        # Each failed answer, also those of which observers are not told, and nothing of their text.
        assert collected.errors("orders") == {"ConnectError": 2, "timeout": 1}
        assert {key for attributes, _ in collected.points(ERRORS, "orders") for key in attributes} == {
            "meshclient.resolver",
            "error.type",
        }
        assert collected.total(UPDATES, "orders") == 1
        registry.set("orders", FLEET[:4])
        assert collected.ages("orders")["ready"] < second["failed"]
        assert collected.points(UPDATES, "orders") == [({"meshclient.resolver": "fake://"}, 2)]
        # A confirmation is no change.
        registry.set("orders", FLEET[:4])
        assert collected.total(UPDATES, "orders") == 2
        assert collected.total(ERRORS, "orders") == 3


def test_a_registry_that_never_answered(collected: Collected) -> None:
    registry = FakeResolver()
    registry.fail("orders", "ConsulDenied: 403")
    with Mesh(registry) as mesh:
        mesh.warm("orders")
        until(lambda: collected.errors("orders"))
        assert collected.errors("orders") == {"ConsulDenied": 1}
        before = collected.ages("orders")["failed"]
        assert collected.ages("orders")["failed"] > before
        assert collected.by(attributes.ENDPOINT_STATE, ENDPOINTS, "orders")["available"] == 0


def test_a_registry_that_fails_behind_another_is_counted(collected: Collected) -> None:
    """Calls go by the second; nobody else is told."""
    lost, well = FakeResolver(), FakeResolver({"orders": FLEET})
    lost.source, well.source = "consul://", "dns://"
    lost.fail("orders", "ConsulDenied: 403")
    well.set("orders", FLEET)
    with Mesh(FirstAnswering([lost, well])) as mesh:
        mesh.warm("orders")
        # The first answers may come before the mesh has written the service down; they are counted with the next one.
        well.set("orders", FLEET)
        until(lambda: collected.errors("orders"))
        assert collected.points(ERRORS, "orders") == [
            ({"meshclient.resolver": "consul://", "error.type": "ConsulDenied"}, 1)
        ]
        assert collected.by(attributes.RESOLVER, AGE, "orders").keys() == {"consul://", "dns://"}
        assert collected.ages("orders").keys() == {"ready", "failed"}
        # What the other confirms is no failure of the first.
        well.set("orders", FLEET)
        well.set("orders", FLEET[:4])
        assert collected.total(ERRORS, "orders") == 1
        lost.fail("orders", "ConsulDenied: 403")
        assert collected.total(ERRORS, "orders") == 2


def test_a_mass_removal_is_seen_while_it_is_held(collected: Collected) -> None:
    registry = FakeResolver({"orders": FLEET})
    with Mesh(registry) as mesh:
        mesh.warm("orders")
        seen(collected, "orders")
        assert collected.points(HELD, "orders") == [({"meshclient.resolver": "fake://"}, 0)]
        registry.set("orders", FLEET[:1])
        assert collected.total(HELD, "orders") == 4
        assert collected.by(attributes.ENDPOINT_STATE, ENDPOINTS, "orders")["available"] == 5
        registry.set("orders", FLEET)
        assert collected.total(HELD, "orders") == 0


def test_endpoints_are_counted_by_what_the_balancer_does_with_them(collected: Collected) -> None:
    sick, leaving = replace(FLEET[0], health=Health.CRITICAL), replace(FLEET[1], health=Health.DRAINING)
    with Mesh(FakeResolver({"orders": [sick, leaving, *FLEET[2:]]})) as mesh:
        mesh.warm("orders")
        seen(collected, "orders")
        assert collected.by(attributes.ENDPOINT_STATE, ENDPOINTS, "orders") == {
            "available": 3,
            "ejected": 0,
            "draining": 1,
            "warming": 0,
            "excluded": 1,
        }


def test_the_series_of_a_closed_mesh_and_of_a_dropped_one_end(collected: Collected) -> None:
    registry = FakeResolver({"closed": FLEET, "dropped": FLEET})
    closed, dropped = Mesh(registry), Mesh(registry)
    closed.warm("closed")
    dropped.warm("dropped")
    seen(collected, "closed", "dropped")
    assert collected.ages("closed")
    assert collected.ages("dropped")
    closed.close()
    gone = ref(dropped)
    del dropped
    gc.collect()
    assert gone() is None
    for metric in (AGE, HELD, ENDPOINTS):
        assert collected.points(metric, "closed") == collected.points(metric, "dropped") == []
    # And begin anew where the mesh does.
    closed.warm("closed")
    until(lambda: collected.ages("closed"))
    closed.close()


class Services:
    """What a mesh has in use, before it has written anything down."""

    def __init__(self) -> None:
        self.services: dict[str, MeshService] = {}


def test_it_keeps_nothing_alive(collected: Collected) -> None:
    mesh = Services()
    gone = ref(mesh)
    listening = DiscoveryMetrics(mesh).after("orders", lambda *_: None)
    del mesh
    assert gone() is None
    listening(Pending(), Failed("gone", source="fake://"))
    assert collected.total(ERRORS, "orders") == 0


def test_the_first_answer_may_come_before_the_service_is_written_down(collected: Collected) -> None:
    mesh = Services()
    listening = DiscoveryMetrics(mesh).after("orders", lambda *_: None)
    first = Failed("OSError: 1", source="fake://")
    listening(Pending(), first)
    assert collected.errors("orders") == {"OSError": 1}
    listening(first, Failed("OSError: 2", source="fake://"))
    assert collected.errors("orders") == {"OSError": 2}


def test_collecting_keeps_no_name_in_use(collected: Collected) -> None:
    with Mesh(FakeResolver({"orders": FLEET}), discovery={"idle": "300ms"}) as mesh:
        mesh.warm("orders")
        seen(collected, "orders")
        assert collected.ages("orders")
        until(lambda: not collected.ages("orders"))
        assert not mesh._roster.services


def test_on_demand_as_well(collected: Collected) -> None:
    registry = FakeResolver({"orders": FLEET})
    with Mesh(registry, mode="on-demand") as mesh:
        mesh.warm("orders")
        assert collected.total(UPDATES, "orders") == 1
        assert list(collected.ages("orders")) == ["ready"]
        # An answer that is too old to be used unasked is as old as it is.
        mesh.service("orders").watch._fresh_until = 0.0  # type: ignore[attr-defined]
        assert list(collected.ages("orders")) == ["ready"]


def test_off_means_nothing_is_told(collected: Collected) -> None:
    registry = FakeResolver({"quiet": FLEET, "orders": FLEET})
    with Mesh(registry, telemetry={"metrics": False}) as quiet, Mesh(registry) as mesh:
        quiet.warm("quiet")
        mesh.warm("orders")
        seen(collected, "orders")
        registry.fail("quiet")
        for metric in (AGE, HELD, ENDPOINTS, UPDATES, ERRORS):
            assert collected.points(metric, "quiet") == []


def test_calls_pay_nothing_for_it(collected: Collected) -> None:
    """Where a service emits events, each attempt makes one."""
    with FakeMesh({"orders": FakeEndpoint()}) as mesh, mesh.client() as http:
        http.get("http://orders/")
        seen(collected, "orders")
        assert mesh.service("orders").emit is None


def test_observers_are_told_first_and_all_the_same(collected: Collected) -> None:
    told: list[Event] = []
    registry = FakeResolver({"orders": FLEET})
    with Mesh(registry, observers=[told.append]) as mesh:
        mesh.warm("orders")
        registry.fail("orders")
    assert [type(event).__name__ for event in told] == ["SnapshotUpdated", "RegistryLost"]


def test_a_provider_that_fails_is_reported_once_and_the_list_is_followed_on(
    collected: Collected, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the provider's bug")

    monkeypatch.setattr("opentelemetry.metrics.get_meter", fail)
    registry = FakeResolver({"orders": FLEET})
    with caplog.at_level(logging.ERROR, "meshclient.telemetry"), Mesh(registry) as mesh:
        mesh.warm("orders")
        registry.set("orders", FLEET[:4])
        registry.set("orders", FLEET[:3])
        assert mesh.service("orders").snapshot.endpoints == tuple(FLEET[:3])
    assert [record.message for record in caplog.records] == [
        "OpenTelemetry failed; it is told nothing more of this mesh's lists"
    ]
    assert "the provider's bug" in caplog.text


def test_instruments_are_made_once(collected: Collected, caplog: pytest.LogCaptureFixture) -> None:
    """The provider warns of a second one, and drops its callbacks."""
    registry = FakeResolver({"orders": FLEET, "users": FLEET})
    with Mesh(registry) as one, Mesh(registry) as other:
        one.warm("orders")
        other.warm("users")
        seen(collected, "orders", "users")
        assert collected.ages("orders")
        assert collected.ages("users")
    assert caplog.records == []
