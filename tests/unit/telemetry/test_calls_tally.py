"""What a mesh counts: across its services, their lists, and the events that it hears."""

from __future__ import annotations

import gc
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Any
from weakref import ref

import prometheus_client.parser
import pytest

from collected import until
from meshclient import Endpoint, Mesh
from meshclient.mesh.roster import Roster
from meshclient.model import events
from meshclient.telemetry import tally as tallies
from meshclient.telemetry.discovery_metrics import DiscoveryMetrics, counted
from meshclient.telemetry.prometheus import exposition
from meshclient.telemetry.survey import Survey
from meshclient.telemetry.tally import MOST_SERVICES, Tally
from meshclient.testing import FakeResolver
from telemetered import alone, tallied

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Endpoint("10.0.0.1", 80)
FLEET = [Endpoint(f"10.0.0.{number}", 80) for number in range(1, 6)]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with alone(monkeypatch):
        yield


def scraped(name: str) -> dict[tuple[str, ...], float]:
    """The values of a metric, by the values of its labels but the service's."""
    parse: Any = prometheus_client.parser.text_string_to_metric_families
    return {
        tuple(value for key, value in sorted(sample.labels.items()) if key != "service_peer_name"): sample.value
        for family in parse(exposition().decode())
        for sample in family.samples
        if sample.name == name
    }


def test_meshes_are_made_while_others_are_told_of() -> None:
    over = threading.Event()
    roster = Roster(None, sweeps=False)
    made: deque[tuple[Tally, DiscoveryMetrics]] = deque(maxlen=50)

    def make() -> None:
        while not over.is_set():
            made.append((Tally(), DiscoveryMetrics(roster)))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=make)
    thread.start()
    try:
        for _ in range(3000):
            tallies.told()
            counted(roster)
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(before)


def test_a_service_has_one_meter_for_good() -> None:
    tally = Tally()
    assert tally.meter("orders") is tally.meter("orders")
    assert tally.meter("orders") is not tally.meter("users")
    assert Tally(metrics=False).meter("orders") is None


def test_names_from_outside_are_not_told_apart_without_end() -> None:
    tally = Tally()
    for number in range(MOST_SERVICES + 50):
        meter = tally.meter(f"s{number}")
        assert meter is not None
        meter.called("GET", 200, 0.01)
    assert len(tally.meters) == MOST_SERVICES + 1
    assert tally.meters["_OTHER"].read().tried.count == 50


def test_what_happens_to_a_service_is_counted() -> None:
    tally = Tally()
    meter = tally.meter("orders")
    assert meter is not None
    for event in (
        events.EndpointEjected("orders", HERE, 5, 5.0),
        events.EndpointEjected("orders", HERE, 5, 5.0),
        events.EndpointEjected("nobody", HERE, 5, 5.0),
        events.CircuitChanged("orders", "closed", "open", "it fails"),
        events.CircuitChanged("orders", "open", "half-open", "a probe"),
        events.CircuitChanged("orders", "half-open", "open", "it fails"),
        events.EndpointRestored("orders", HERE),
        events.StoreChanged("redis://h", "down"),
    ):
        tally.heard(event)
    assert scraped("meshclient_balancer_ejections_total") == {(): 2}
    assert scraped("meshclient_breaker_transitions_total") == {
        ("closed", "open"): 1,
        ("open", "half-open"): 1,
        ("half-open", "open"): 1,
    }
    meter.called("GET", 200, 0.01)
    tally.heard(events.PanicChanged("orders", active=True, usable=1, total=4))
    meter.called("GET", 200, 0.01)
    tally.heard(events.PanicChanged("orders", active=False, usable=4, total=4))
    meter.called("GET", 200, 0.01)
    assert scraped("meshclient_balancer_panic_total") == {(): 1}


def test_lists_and_endpoints_without_opentelemetry() -> None:
    registry = FakeResolver({"orders": FLEET})
    with Mesh(registry) as mesh:
        mesh.warm("orders")
        tallied(mesh, "orders")
        until(lambda: scraped("meshclient_discovery_update_count_total"))
        assert scraped("meshclient_discovery_update_count_total") == {("fake://",): 1}
        assert scraped("meshclient_balancer_endpoint_count")["available",] == 5
        assert list(scraped("meshclient_discovery_snapshot_age_seconds")) == [("fake://", "ready")]
        registry.fail("orders", "ConsulDenied: 403")
        registry.fail("orders", "no answer within 2s")
        assert scraped("meshclient_discovery_error_count_total") == {
            ("ConsulDenied", "fake://"): 1,
            ("timeout", "fake://"): 1,
        }
        assert list(scraped("meshclient_discovery_snapshot_age_seconds")) == [("fake://", "failed")]
        registry.set("orders", FLEET[:1])
        assert scraped("meshclient_discovery_held_count") == {("fake://",): 4}
        assert scraped("meshclient_retry_budget_balance") == {(): 30}


def test_a_mesh_that_was_dropped_is_told_of_no_more() -> None:
    mesh = Mesh(FakeResolver({"orders": FLEET}))
    gone = ref(tallied(mesh, "orders"))
    assert len(tallies.told()) >= 1
    mesh.close()
    del mesh
    gc.collect()
    assert gone() is None


def test_counters_outlive_the_services() -> None:
    with Mesh(FakeResolver({"orders": FLEET})) as mesh:
        tally = tallied(mesh, "orders")
        meter = tally.meter("orders")
        assert meter is not None
        meter.called("GET", 200, 0.01)
        mesh.close()
        assert Survey([tally]).readings[0][1].tried.count == 1
        assert tally.meter("orders") is meter
