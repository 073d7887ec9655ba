"""A registry that is gone for far longer than a minute: calls go on, and its age and beginning are told."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import httpx
import pytest

from meshclient.config.shape import ServiceConfig
from meshclient.core.balance.round_robin import RoundRobin
from meshclient.discovery.resolver import PollingResolver
from meshclient.discovery.runtime.background import BackgroundWatch
from meshclient.discovery.supervision import BACKOFF_LIMIT
from meshclient.discovery.upkeep import Upkeep
from meshclient.http._sync.driver import Driver
from meshclient.http._sync.wire import RoutedWire
from meshclient.http.options import call_options
from meshclient.mesh import MeshService
from meshclient.model.endpoint import Endpoint
from meshclient.model.events import RegistryLost, RegistryRecovered, SnapshotUpdated
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Failed, Ready, listing
from meshclient.testing.clock import ManualClock
from servers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meshclient.discovery.runtime.background import Changed
    from meshclient.model.events import Event
    from meshclient.model.snapshot import Empty

BOUND = 60.0
ENDPOINTS = [Endpoint(f"10.0.0.{number}", 80) for number in (1, 2, 3)]


class Polled(PollingResolver):
    """A registry that is asked every few milliseconds, and is there or not."""

    def __init__(self) -> None:
        super().__init__(source="polled://", interval=0.002)
        self.up = True
        self.asked = 0

    async def fetch(self, name: ServiceName) -> Ready | Empty:
        self.asked += 1
        if not self.up:
            raise ConnectionError("polled:// refuses connections")
        return listing(ENDPOINTS, source=self.source)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Polled:
    monkeypatch.setattr("meshclient.discovery.supervision.BACKOFF_FIRST", 0.002)
    monkeypatch.setattr("meshclient.discovery.supervision.BACKOFF_LIMIT", 0.01)
    assert BACKOFF_LIMIT == 15.0
    return Polled()


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def service(registry: Polled, clock: ManualClock, events: list[Event]) -> Iterator[MeshService]:
    def open_watch(changed: Changed, announce: Changed, tell: Callable[[Event], None]) -> BackgroundWatch:
        upkeep = Upkeep(hold=60.0, tell=tell)
        name = ServiceName("orders")
        return BackgroundWatch(registry, name, changed, clock, random.Random(1), announce=announce, upkeep=upkeep)

    made = MeshService(
        ServiceName("orders"),
        ServiceConfig(),
        picker=RoundRobin(lambda: 0.0),
        open_watch=open_watch,
        clock=clock,
        rng=random.Random(1),
        emit=events.append,
    )
    yield made
    made.watch.close()


def call(service: MeshService) -> str:
    request = httpx.Request("GET", "http://orders/")
    wire = httpx.MockTransport(lambda routed: httpx.Response(200, text=routed.url.host))
    response = Driver(request, service, call_options(request, service), RoutedWire(wire)).run()
    response.read()
    assert response.status_code == 200
    return response.text


def until(service: MeshService, state: str) -> None:
    while (snapshot := service.snapshot).state != state:
        assert service.watch.wait(snapshot, BOUND)


def asked_again(service: MeshService, registry: Polled) -> None:
    """Return once the registry has been asked anew, so that what it says has been taken."""
    goal = registry.asked + 2
    while registry.asked < goal:
        service.watch.wait(service.snapshot, 0.002)


def test_calls_go_on_for_hours_and_the_ages_are_right(
    service: MeshService, registry: Polled, clock: ManualClock, events: list[Event]
) -> None:
    until(service, "ready")
    clock.advance(5.0)
    registry.up = False
    until(service, "failed")
    began = clock()
    for minutes in (0.5, 1, 1, 10, 60, 720):
        clock.advance(minutes * 60)
        asked_again(service, registry)
        hosts = {call(service) for _ in range(6)}
        assert hosts == {endpoint.host for endpoint in ENDPOINTS}
        snapshot = service.snapshot
        assert isinstance(snapshot, Failed)
        assert snapshot.at == began
        assert snapshot.cause == "ConnectionError: polled:// refuses connections"
        assert snapshot.version == 1
        assert snapshot.last is not None
        report = service.snapshot_report()
        assert report.state == "failed"
        assert report.age == clock() - snapshot.last.at >= clock() - began
    registry.up = True
    until(service, "ready")
    assert call(service) in {endpoint.host for endpoint in ENDPOINTS}
    assert service.snapshot_report().age == 0.0
    # What happened is told once the snapshot shows it, by the thread that shows it.
    wait_until(lambda: any(isinstance(event, RegistryRecovered) for event in events), BOUND, "the recovery told")
    told = [event for event in events if isinstance(event, SnapshotUpdated | RegistryLost | RegistryRecovered)]
    assert [type(event) for event in told] == [SnapshotUpdated, RegistryLost, RegistryRecovered]
    assert isinstance(told[2], RegistryRecovered)
    assert told[2].outage == clock() - began == (0.5 + 1 + 1 + 10 + 60 + 720) * 60
