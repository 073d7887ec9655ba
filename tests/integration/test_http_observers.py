"""Observers may use what they are told about at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import meshclient
from meshclient.model.events import SnapshotUpdated, StoreChanged

if TYPE_CHECKING:
    from meshclient.model.events import Event
    from servers.backend import Backends

BOUND = 60.0


def test_an_observer_of_a_new_list_may_call_the_service(backends: Backends) -> None:
    (backend,) = backends(1)
    answered = threading.Event()
    statuses: list[int] = []

    def observer(event: Event) -> None:
        if isinstance(event, SnapshotUpdated):
            statuses.append(http.get("http://orders/").status_code)
            answered.set()

    with meshclient.Client(services={"orders": {"endpoints": [backend.url]}}, observers=[observer]) as http:
        http.mesh.service("orders")
        assert answered.wait(BOUND)
    assert statuses == [200]


def test_an_observer_may_ask_for_the_state_of_its_service(backends: Backends) -> None:
    (backend,) = backends(1)
    seen: list[tuple[str, int]] = []

    def observer(event: Event) -> None:
        assert not isinstance(event, StoreChanged)
        service = http.mesh.service(event.service)
        seen.append((type(event).__name__, len(service.balancer.status(service.clock()))))

    with meshclient.Client(services={"orders": {"endpoints": [backend.url]}}, observers=[observer]) as http:
        http.get("http://orders/")
    assert ("SnapshotUpdated", 1) in seen
    assert ("AttemptFinished", 1) in seen
