"""An endpoint that is ejected here lets the resolver look again, through every composition."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

import pytest

from meshclient import Mesh
from meshclient.core.balance.balancer import Balancer
from meshclient.discovery.composition import FirstAnswering, Union
from meshclient.discovery.migration import Migrating
from meshclient.discovery.runtime.loop import THREAD_NAME
from meshclient.model.endpoint import Endpoint
from meshclient.model.events import EndpointEjected
from meshclient.model.outcome import Kind, Outcome
from meshclient.model.service import ServiceName
from meshclient.testing import FakeResolver

if TYPE_CHECKING:
    from meshclient.discovery.resolver import Resolver
    from meshclient.model.events import Event

BOUND = 60.0
# One failure is enough.
FRAGILE = {"balancer": "round_robin", "ejection": {"consecutive": 1}}
ENDPOINTS = [Endpoint(f"10.0.0.{number}", 80) for number in (1, 2, 3, 4)]


class Refreshed(FakeResolver):
    """Notes who asked it to look again, on which thread."""

    def __init__(self, source: str = "fake://", fault: Exception | None = None) -> None:
        super().__init__({"orders": ENDPOINTS}, source=source)
        self.asked: list[tuple[str, str]] = []
        self.rung = threading.Event()
        self.fault = fault

    def refresh(self, name: ServiceName) -> None:
        assert asyncio.get_running_loop() is not None
        self.asked.append((name.value, threading.current_thread().name))
        self.rung.set()
        if self.fault is not None:
            raise self.fault


def eject(balancer: Balancer) -> None:
    """Let one endpoint fail until it is out."""
    for _ in range(200):
        pick = balancer.pick(time.monotonic())
        assert pick is not None
        bad = pick.endpoint.host == "10.0.0.1"
        pick.done(Outcome(Kind.CONNECT_ERROR if bad else Kind.OK, status=None if bad else 200), time.monotonic())
        if any(each.state == "ejected" for each in balancer.status(time.monotonic())):
            return
    raise AssertionError("nothing was ejected")


def compositions(part: Resolver) -> list[Resolver]:
    other = FakeResolver({"orders": ENDPOINTS}, source="other://")
    return [
        part,
        FirstAnswering((other, part)),
        Union((other, part)),
        Migrating(part, other),
        Migrating(other, Union((part, FirstAnswering((other, other))))),
    ]


@pytest.mark.parametrize("form", range(5), ids=["alone", "first", "union", "migration", "nested"])
def test_an_ejection_is_passed_on_once_and_on_the_discovery_loop(form: int) -> None:
    registry = Refreshed()
    told: list[Event] = []
    with Mesh(compositions(registry)[form], observers=[told.append], defaults=FRAGILE) as mesh:
        mesh.warm("orders")
        eject(mesh.service("orders").balancer)
        assert registry.rung.wait(BOUND)
    assert registry.asked == [("orders", THREAD_NAME)]
    assert any(isinstance(event, EndpointEjected) for event in told)


def test_without_observers_it_is_passed_on_too_and_a_fault_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    broken = Refreshed("broken://", ZeroDivisionError("in refresh"))
    whole = Refreshed("whole://")
    with Mesh(Union((broken, whole)), defaults=FRAGILE) as mesh:
        mesh.warm("orders")
        eject(mesh.service("orders").balancer)
        assert whole.rung.wait(BOUND)
        assert mesh.service("orders").snapshot.state == "ready"
    assert "broken:// cannot be asked to look again" in caplog.text
    assert "in refresh" in caplog.text


@pytest.mark.parametrize("mode", ["background", "on-demand"])
def test_a_resolver_without_the_method_is_left_alone(mode: str, caplog: pytest.LogCaptureFixture) -> None:
    with Mesh(FakeResolver({"orders": ENDPOINTS}), mode=mode, defaults=FRAGILE) as mesh:
        mesh.warm("orders")
        eject(mesh.service("orders").balancer)
    # That it was ejected is worth a line.
    assert [record.name for record in caplog.records] == ["meshclient.call"]


def test_a_hint_after_the_end_of_the_watch_does_nothing() -> None:
    registry, other = Refreshed(), Refreshed("other://")
    # Its watch keeps the discovery loop alive, which runs hints in order.
    with Mesh(other) as lasting:
        lasting.warm("orders")
        with Mesh(registry) as mesh:
            mesh.warm("orders")
            watch = mesh.service("orders").watch
        watch.refresh()
        lasting.service("orders").watch.refresh()
        assert other.rung.wait(BOUND)
    assert registry.asked == []
