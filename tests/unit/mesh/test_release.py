"""Names that nothing calls are watched no more, and are there at once when they are called again."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING
from weakref import ref

import pytest

from meshclient import Mesh
from meshclient.discovery.runtime.background import BackgroundWatch
from meshclient.discovery.runtime.loop import BackgroundLoop
from meshclient.discovery.state_folder import MAX_AGE
from meshclient.errors import ResolverUnavailable
from meshclient.mesh import roster
from meshclient.model.endpoint import Endpoint, Health
from meshclient.model.events import PanicChanged, SnapshotUpdated
from meshclient.model.snapshot import Pending, Ready
from meshclient.testing import FakeResolver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from meshclient.model.events import Event
    from meshclient.model.service import ServiceName

BOUND = 60.0
QUICK = {"idle": "20ms"}
ENDPOINTS = [Endpoint(f"10.0.0.{number}", 80) for number in range(1, 6)]


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> BackgroundLoop:
    """A background loop that no other test has a job on."""
    made = BackgroundLoop()
    monkeypatch.setattr("meshclient.discovery.runtime.background.background", lambda: made)
    return made


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + BOUND
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def watched(registry: FakeResolver) -> int:
    return sum(map(len, registry._watches.values()))


def released(mesh: Mesh) -> bool:
    return not mesh._roster.services and not mesh._roster._by_host


def test_a_name_that_nothing_calls_is_watched_no_more(loop: BackgroundLoop) -> None:
    registry = FakeResolver({"orders": ENDPOINTS})
    with Mesh(registry, discovery=QUICK) as mesh:
        gone = ref(mesh.service_of("http", "orders"))
        mesh.warm("orders")
        until(lambda: released(mesh) and watched(registry) == 0)
        until(lambda: not loop._jobs)
        gc.collect()
        assert gone() is None


def test_the_next_call_starts_from_the_last_list_and_watches_again() -> None:
    told: list[Event] = []
    registry = FakeResolver({"orders": ENDPOINTS})
    with Mesh(registry, discovery=QUICK, observers=[told.append]) as mesh:
        mesh.warm("orders")
        until(lambda: released(mesh) and watched(registry) == 0)
        _, was = mesh._roster.resting["orders"]
        registry.set("orders", [ENDPOINTS[0]])
        service = mesh.service_of("http", "orders")
        assert service is not None
        # Whichever comes first: never a wait, and never without an endpoint.
        assert isinstance(service.snapshot, Ready)
        assert service.balancer.pick(time.monotonic()) is not None
        assert service.snapshot.at >= was.at
        # Taken whole, without a hold: a list that is old is no measure.
        until(lambda: mesh.service("orders").snapshot.endpoints == (ENDPOINTS[0],))
        assert mesh.service("orders").snapshot.version == 2
        until(lambda: len(told) == 2)
    assert [type(event) for event in told] == [SnapshotUpdated, SnapshotUpdated]


def test_no_observer_is_called_under_the_lock_of_the_mesh() -> None:
    """The list from before may put the balancer into panic, while the mesh makes the service."""
    sick = [replace(endpoint, health=Health.CRITICAL) for endpoint in ENDPOINTS[:4]]
    registry = FakeResolver({"orders": [*sick, ENDPOINTS[4]]})
    told: list[Event] = []

    def observe(event: Event) -> None:
        assert mesh._roster._lock.acquire(timeout=BOUND)
        mesh._roster._lock.release()
        told.append(event)

    with Mesh(registry, discovery=QUICK, observers=[observe]) as mesh:
        mesh.warm("orders")
        until(lambda: released(mesh))
        assert [type(event) for event in told] == [PanicChanged, SnapshotUpdated]
        mesh.service("orders")
        until(lambda: len(told) == 3)
    assert isinstance(told[2], PanicChanged)
    assert told[2].active


def test_on_demand_names_are_released_as_new_ones_come() -> None:
    registry = FakeResolver({"orders": ENDPOINTS})
    services = {"fixed": {"endpoints": ["http://10.0.0.1:80"]}}
    with Mesh(registry, mode="on-demand", discovery={"idle": "1h"}, services=services) as mesh:
        mesh.warm("orders", "nobody", "fixed")
        for service in mesh._roster.services.values():
            service.used -= 4000
        mesh.warm("another")
        assert set(mesh._roster.services) == {"orders", "nobody", "fixed", "another"}
        mesh._roster._swept -= 4000
        mesh.warm("one-more")
        assert set(mesh._roster.services) == {"fixed", "another", "one-more"}
        assert set(mesh._roster.resting) == {"orders"}
        # Asked anew, with the older list in reserve.
        registry.fail("orders")
        snapshot = mesh.warm("orders")["orders"]
        assert (snapshot.state, snapshot.endpoints) == ("failed", tuple(ENDPOINTS))


class Once:
    """Answers the first watch, and never again."""

    source = "once://"

    def __init__(self) -> None:
        self.begun = 0

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready]:
        self.begun += 1
        if self.begun == 1:
            yield Ready(tuple(ENDPOINTS), source=self.source)
        await asyncio.Event().wait()


def test_a_registry_that_is_slow_to_answer_again_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Once()
    with Mesh(resolver, discovery=QUICK) as mesh:
        mesh.warm("orders")
        until(lambda: released(mesh))
        snapshot = mesh.service("orders").snapshot
        assert isinstance(snapshot, Ready)
        assert snapshot.endpoints == tuple(ENDPOINTS)
        assert mesh.service("orders").balancer.pick(time.monotonic()) is not None
        until(lambda: released(mesh) and resolver.begun >= 2)
        # Not for ever: addresses of a day ago may be somebody else's.
        monkeypatch.setattr(roster, "MAX_AGE", 0.0)
        assert isinstance(mesh.service("orders").snapshot, Pending)


def aged(mesh: Mesh, seconds: float) -> None:
    resting = mesh._roster.resting
    for name, (since, last) in list(resting.items()):
        resting[name] = (since - seconds, last)


def test_lists_that_nobody_asked_for_in_a_day_are_forgotten() -> None:
    names = [f"tenant-{number}" for number in range(20)]
    registry = FakeResolver(dict.fromkeys([*names, "other"], ENDPOINTS))
    with Mesh(registry, discovery=QUICK) as mesh:
        mesh.warm(*names)
        until(lambda: released(mesh))
        assert set(mesh._roster.resting) == set(names)
        aged(mesh, MAX_AGE)
        mesh.warm("other")
        until(lambda: released(mesh))
        assert set(mesh._roster.resting) == {"other"}


def test_a_list_that_did_not_change_for_days_is_not_forgotten_for_that() -> None:
    """A registry that tells of changes only said it long ago, and it was right until the release."""
    registry = FakeResolver({"orders": ENDPOINTS})
    with Mesh(registry, discovery=QUICK) as mesh:
        mesh.warm("orders")
        until(lambda: released(mesh))
        since, last = mesh._roster.resting["orders"]
        mesh._roster.resting["orders"] = (since, replace(last, at=last.at - 2 * MAX_AGE))
        registry.fail("orders")
        assert mesh.service("orders").snapshot.endpoints == tuple(ENDPOINTS)


def test_names_that_nobody_knows_leave_nothing() -> None:
    registry = FakeResolver()
    with Mesh(registry, discovery=QUICK) as mesh:
        mesh.warm(*(f"nobody-{number}" for number in range(50)))
        until(lambda: released(mesh) and watched(registry) == 0)
        assert not mesh._roster.resting


def test_a_name_that_is_waited_for_stays_and_one_that_is_gone_says_so() -> None:
    silent = Once()
    silent.begun = 1
    with Mesh(silent, discovery={"idle": "500ms"}) as mesh:
        service = mesh.service("orders")
        assert not service.watch.wait(service.watch.snapshot, 1.2)
        assert not service.released
        until(lambda: released(mesh))
        with pytest.raises(ResolverUnavailable, match="was released"):
            service.watch.wait(service.watch.snapshot, BOUND)


def test_configured_services_and_an_idle_of_false_are_not_affected(tmp_path: Path) -> None:
    services = {"orders": {"endpoints": ["http://10.0.0.1:80"]}}
    registry = FakeResolver({"users": ENDPOINTS})
    with Mesh(registry, services=services, discovery=QUICK) as mesh:
        mesh.warm("orders", "users")
        until(lambda: "users" not in mesh._roster.services)
        watch = mesh._roster.services["orders"].watch
        assert isinstance(watch, BackgroundWatch)
        assert watch._upkeep.idle is None
    with Mesh(registry, discovery={"idle": False}) as mesh:
        watch = mesh.service("users").watch
        assert isinstance(watch, BackgroundWatch)
        assert watch._upkeep.idle is None


def test_a_mesh_that_is_dropped_is_collected_all_the_same() -> None:
    registry = FakeResolver({"orders": ENDPOINTS})
    mesh = Mesh(registry)
    mesh.warm("orders")
    gone = ref(mesh)
    del mesh
    gc.collect()
    assert gone() is None
    until(lambda: watched(registry) == 0)


def test_calls_that_race_with_the_release_always_find_a_living_service() -> None:
    """With an idle time as short as a turn of the interpreter, names go and come all the time."""
    registry = FakeResolver({"orders": ENDPOINTS})
    with Mesh(registry, discovery={"idle": "1ms"}) as mesh:
        mesh.warm("orders")
        stop, faults, turns = threading.Event(), list[str](), list[int]()

        def call(pause: float) -> None:
            count = 0
            while not stop.is_set():
                service = mesh.service_of("http", "orders")
                assert service is not None
                count += 1
                while not (snapshot := service.snapshot).endpoints:
                    if not service.watch.wait(snapshot, BOUND):
                        faults.append("waited in vain")
                        return
                time.sleep(pause)
            turns.append(count)

        threads = [threading.Thread(target=partial(call, pause)) for pause in (0.0, 0.0009, 0.0011, 0.003, 0.01)]
        for thread in threads:
            thread.start()
        time.sleep(1.0)
        stop.set()
        for thread in threads:
            thread.join(BOUND)
        assert not faults
        assert len(turns) == len(threads)
        until(lambda: released(mesh) and watched(registry) == 0)


def test_a_call_in_the_gap_between_the_look_and_the_release_keeps_its_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """The release looks once more after it has marked the service, and so sees every call that did not see the mark."""
    registry = FakeResolver({"orders": ENDPOINTS})
    with Mesh(registry, discovery={"idle": "10s"}) as mesh:
        service = mesh.service_of("http", "orders")
        assert service is not None
        left = mesh._roster.release("orders")
        assert left is not None
        assert 0 < left <= 10
        assert not service.released
        assert mesh.service_of("http", "orders") is service
        # The other way round: who finds it in the table and then sees the mark asks for another.
        service.used -= 11
        by_host = mesh._roster._by_host
        assert mesh._roster.release("orders") is None
        mesh._roster._by_host = by_host
        other = mesh.service_of("http", "orders")
        assert other is not service
        assert other is mesh.service("orders")
        service.watch.close()


def test_fifty_services_of_a_hundred_endpoints_are_one_task_each_and_leave_nothing(loop: BackgroundLoop) -> None:
    """By structure and not by speed: what runs grows with the names, and not with endpoints, changes or time."""
    names = [f"service-{number}" for number in range(50)]
    fleets = {
        name: [Endpoint(f"10.{index}.{n // 100}.{n % 100 + 1}", 8000 + n) for n in range(100)]
        for index, name in enumerate(names)
    }
    registry = FakeResolver(fleets)

    async def count() -> int:
        return len(asyncio.all_tasks()) - 1

    def tasks() -> int:
        assert loop._loop is not None
        return asyncio.run_coroutine_threadsafe(count(), loop._loop).result(BOUND)

    with Mesh(registry) as mesh:
        assert {len(snapshot.endpoints) for snapshot in mesh.warm(*names).values()} == {100}
        assert tasks() == 50
        for name in names:
            registry.set(name, fleets[name][:90])
            registry.set(name, fleets[name][:10])
            registry.fail(name)
            registry.set(name, fleets[name])
            mesh.service(name)
        assert tasks() == 50
    with Mesh(registry, discovery=QUICK) as mesh:
        mesh.warm(*names)
        until(lambda: released(mesh) and watched(registry) == 0)
        until(lambda: loop._loop is None and not loop._jobs)
        assert {len(mesh._roster.resting[name][1].endpoints) for name in names} == {100}
