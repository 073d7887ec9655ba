"""A real Consul whose instances lapse one after another: their checks hear nothing any more, though they all serve."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import meshclient
from meshclient.model.events import MassRemovalHeld, MassRemovalReleased, SnapshotUpdated

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.model.events import Event
    from servers.backend import Backends
    from servers.consul import Consul

BOUND = 30.0
# Seconds after which the first check lapses; each of the others a little later, and the last one never.
FIRST, APART = 2.5, 0.4


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + BOUND
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_instances_that_lapse_one_after_another_are_called_on(consul: Consul, backends: Backends) -> None:
    name = f"orders-{secrets.token_hex(4)}"
    fleet = list(backends(6))
    told: list[Event] = []
    for number, backend in enumerate(fleet):
        ttl = "10m" if number == 5 else f"{1000 * (FIRST + number * APART):.0f}ms"
        consul.register(name, backend.port, instance=f"{name}-{number}", check={"TTL": ttl, "Status": "passing"})
    with meshclient.Client(f"consul://127.0.0.1:{consul.port}", observers=[told.append]) as http:
        mesh = http.mesh
        assert len(mesh.warm(name, timeout=BOUND)[name].endpoints) == 6
        until(lambda: any(isinstance(event, MassRemovalHeld) for event in told))
        sizes = [len(event.snapshot.endpoints) for event in told if isinstance(event, SnapshotUpdated)]
        assert {6, 5, 4, 3} >= set(sizes) > {6, 5}, "they did not go one by one"
        until(lambda: len(mesh.service(name).snapshot.endpoints) == 6)
        reached = {http.get(f"http://{name}/").extensions["mesh"].endpoint.port for _ in range(120)}
        assert reached == {backend.port for backend in fleet}
        for number in range(5):
            consul.call("PUT", f"/v1/agent/check/pass/service:{name}-{number}")
        until(lambda: any(isinstance(event, MassRemovalReleased) for event in told))
        until(lambda: mesh.service(name).watch.course.hold is None)
