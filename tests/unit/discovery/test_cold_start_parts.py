"""A start while one registry of several is down: its list from disk stands in for it, and for nothing else."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from typing import TYPE_CHECKING

import pytest

from meshclient import Mesh
from meshclient.discovery.composition import FirstAnswering, Union
from meshclient.discovery.course import Basis
from meshclient.discovery.migration import Migrating
from meshclient.discovery.runtime import background, on_demand
from meshclient.discovery.runtime.background import BackgroundWatch
from meshclient.discovery.state_folder import StateFolder
from meshclient.discovery.upkeep import Upkeep
from meshclient.model.endpoint import Endpoint
from meshclient.model.events import MassRemovalHeld, MassRemovalReleased, StoredListServed
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Failed, Ready
from meshclient.testing import FakeResolver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from meshclient.discovery.resolver import Resolver
    from meshclient.model.events import Event
    from meshclient.model.snapshot import Empty, Snapshot

BOUND = 60.0
NAME = ServiceName("orders")
MODES = ["background", "on-demand"]
A, B, C = (Endpoint(f"10.0.{number}.1", 80) for number in (1, 2, 3))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + BOUND
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def registry(name: str, *endpoints: Endpoint) -> FakeResolver:
    """One that lists these, or is down where there are none."""
    made = FakeResolver({"orders": endpoints} if endpoints else None, source=f"{name}://")
    if not endpoints:
        made.fail("orders", "connection refused")
    return made


def kept(state: Path, name: str, *endpoints: Endpoint, age: float = 3600.0) -> None:
    StateFolder(state, wall=lambda: time.time() - age).file(f"{name}://", "orders").write(endpoints)


def settled(mesh: Mesh) -> Snapshot:
    return mesh.warm("orders", timeout=BOUND)["orders"]


@pytest.mark.parametrize("mode", MODES)
def test_what_is_down_in_a_union_is_read_from_disk_and_the_rest_is_asked(state: Path, mode: str) -> None:
    kept(state, "a", A)
    # Out of date, and of no interest, since that registry answers.
    kept(state, "b", C)
    told: list[Event] = []
    down = registry("a")
    with Mesh(Union((down, registry("b", B))), state_dir=state, mode=mode, observers=[told.append]) as mesh:
        snapshot = settled(mesh)
        assert isinstance(snapshot, Failed)
        assert snapshot.cause == "a://: connection refused"
        assert snapshot.endpoints == (A, B)
        assert mesh.service("orders").watch.course.basis is Basis.DISK
        until(lambda: any(isinstance(event, StoredListServed) for event in told))
        (stored,) = (event for event in told if isinstance(event, StoredListServed))
        assert (stored.source, stored.endpoints) == ("a://", 1)
        assert 3600 <= stored.age < 3660
        if mode == "background":
            down.set("orders", [C])
            until(lambda: mesh.service("orders").snapshot.endpoints == (B, C))
            assert mesh.service("orders").snapshot.state == "ready"
            assert mesh.service("orders").watch.course.basis is Basis.REGISTRY


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", ["before |", "behind |", "in +", "serving"])
def test_a_list_is_found_again_when_the_resolver_becomes_part_of_another(state: Path, mode: str, form: str) -> None:
    with Mesh(registry("a", A), state_dir=state, mode=mode) as mesh:
        assert settled(mesh).state == "ready"
    a, other = registry("a"), registry("b")
    forms: dict[str, Resolver] = {
        "before |": FirstAnswering((a, other)),
        "behind |": FirstAnswering((other, a)),
        "in +": Union((other, a)),
        "serving": Migrating(a, registry("b", B)),
    }
    with Mesh(forms[form], state_dir=state, mode=mode) as mesh:
        snapshot = settled(mesh)
    assert snapshot.state == "failed"
    assert snapshot.endpoints == (A,)


@pytest.mark.parametrize("mode", MODES)
def test_each_registry_of_a_composition_has_a_file_of_its_own(state: Path, mode: str) -> None:
    with Mesh(Union((registry("a", A), registry("b", B))), state_dir=state, mode=mode) as mesh:
        assert settled(mesh).state == "ready"
    lists = [json.loads(path.read_bytes())["endpoints"] for path in state.iterdir()]
    assert sorted(each["host"] for (each,) in lists) == [A.host, B.host]


@pytest.mark.parametrize("mode", MODES)
def test_a_registry_that_answers_goes_before_anothers_list_on_disk(state: Path, mode: str) -> None:
    kept(state, "a", A)
    told: list[Event] = []
    second = registry("b", B)
    resolver = FirstAnswering((registry("a"), second))
    with Mesh(resolver, state_dir=state, mode=mode, observers=[told.append]) as mesh:
        snapshot = settled(mesh)
        assert isinstance(snapshot, Ready)
        assert snapshot.endpoints == (B,)
    assert not any(isinstance(event, StoredListServed) for event in told)


class Silent:
    """Neither answers nor fails."""

    def __init__(self, name: str) -> None:
        self.source = f"{name}://"
        self.asked = threading.Event()

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready]:
        self.asked.set()
        await asyncio.Event().wait()
        yield Ready((Endpoint(name.value, 80),))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", [Union, FirstAnswering])
def test_one_that_says_nothing_is_not_waited_for_where_there_is_a_list(
    state: Path, mode: str, form: type[Union | FirstAnswering], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "SILENCE", 0.05)
    monkeypatch.setattr(on_demand, "SILENCE", 0.05)
    kept(state, "a", A)
    with Mesh(form((Silent("a"), registry("b", B))), state_dir=state, mode=mode) as mesh:
        snapshot = settled(mesh)
        assert snapshot.endpoints == ((A, B) if form is Union else (B,))
    with Mesh(form((Silent("c"), Silent("a"))), state_dir=state, mode=mode) as mesh:
        snapshot = settled(mesh)
        assert isinstance(snapshot, Failed)
        assert snapshot.endpoints == (A,)
        assert snapshot.cause == "c://: no answer within 0.05s; a://: no answer within 0.05s"


def test_on_demand_what_answered_is_used_though_another_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_demand, "FIRST_LIMIT", 0.2)
    with Mesh(Union((Silent("a"), registry("b", B))), mode="on-demand") as mesh:
        until(lambda: settled(mesh).endpoints == (B,))
        snapshot = mesh.service("orders").watch.course.snapshot
    assert isinstance(snapshot, Failed)
    assert snapshot.cause == "a://: no answer within 0.2s"


def test_on_demand_an_outage_after_a_first_answer_is_no_reason_to_ask_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in the background: a list that was good is better than a second opinion."""
    monkeypatch.setattr(on_demand, "MAX_AGE", 0.2)
    first = registry("a", A)
    with Mesh(FirstAnswering((first, registry("b", B))), mode="on-demand") as mesh:
        assert settled(mesh).endpoints == (A,)
        service = mesh.service("orders")
        until(lambda: service.snapshot.state == "pending")
        first.fail("orders")
        assert service.watch.wait(service.snapshot, BOUND)
        assert isinstance(service.watch.course.snapshot, Failed)
        assert service.watch.course.snapshot.endpoints == (A,)


@pytest.mark.parametrize("state_dir", [True, False])
def test_a_removal_is_believed_in_time_though_another_registry_is_down_for_ever(state: Path, state_dir: bool) -> None:
    fleet = [Endpoint(f"10.0.9.{number}", 80) for number in range(1, 7)]
    told: list[Event] = []
    losing = registry("b", *fleet)
    resolver = Union((registry("a"), losing))
    kept(state, "a", A)
    discovery = {"hold": "200ms"}
    with Mesh(resolver, state_dir=state if state_dir else None, discovery=discovery, observers=[told.append]) as mesh:
        settled(mesh)
        losing.set("orders", fleet[:1])
        assert set(mesh.service("orders").snapshot.endpoints) >= set(fleet)
        expected = ((A,) if state_dir else ()) + (fleet[0],)
        until(lambda: mesh.service("orders").snapshot.endpoints == expected)
        assert mesh.service("orders").snapshot.state == "failed"
        until(lambda: any(isinstance(event, MassRemovalReleased) for event in told))
    (held,) = (event for event in told if isinstance(event, MassRemovalHeld))
    assert (held.source, held.kept, held.removed) == ("b://", 6, 5)


def test_leases_that_expire_one_after_another_take_nobody_away() -> None:
    fleet = [Endpoint(f"10.0.9.{number}", 80) for number in range(1, 7)]
    told: list[Event] = []
    losing = registry("a", *fleet)
    with Mesh(losing, observers=[told.append]) as mesh:
        settled(mesh)
        for left in range(5, 0, -1):
            losing.set("orders", fleet[:left])
        assert mesh.service("orders").snapshot.endpoints == tuple(fleet)
        assert len(mesh.service("orders").balancer.status(time.monotonic())) == 6
        until(lambda: sum(isinstance(event, MassRemovalHeld) for event in told) == 2)
        losing.set("orders", fleet)
        until(lambda: any(isinstance(event, MassRemovalReleased) for event in told))


def test_a_list_from_before_a_release_goes_before_part_of_it_from_disk(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "SILENCE", 0.02)
    kept(state, "a", A)
    resumed = Ready((A, B), source="a:// + b://")
    parts = Silent("a"), Silent("b")
    upkeep = Upkeep(folder=StateFolder(state), resumed=resumed)
    clock = time.monotonic
    watch = BackgroundWatch(Union(parts), NAME, _ignore, clock, random.Random(1), announce=_ignore, upkeep=upkeep)
    try:
        assert all(part.asked.wait(BOUND) for part in parts)
        assert not watch.wait(resumed, 0.2)
        assert watch.snapshot is resumed
    finally:
        watch.close()


def _ignore(before: Snapshot, after: Ready | Empty | Failed) -> None:
    pass
