"""A start while the registry is down: the list from disk, with its true age, in a mesh on real files."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from typing import TYPE_CHECKING

import pytest

from meshclient import Mesh
from meshclient.discovery.course import Basis
from meshclient.discovery.runtime import background, on_demand
from meshclient.discovery.runtime.saving import GAP, REFRESH, pause
from meshclient.discovery.state_folder import StateFolder
from meshclient.model.endpoint import Endpoint
from meshclient.model.events import RegistryLost, RegistryRecovered, SnapshotUpdated, StoredListServed
from meshclient.model.snapshot import Empty, Failed, Ready
from meshclient.testing import FakeResolver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from meshclient.discovery.state_folder import Found, StateFile
    from meshclient.model.events import Event
    from meshclient.model.service import ServiceName
    from meshclient.model.snapshot import Snapshot

BOUND = 60.0
MODES = ["background", "on-demand"]
ENDPOINTS = (Endpoint("10.0.0.1", 80, weight=2.0), Endpoint("10.0.0.2", 80))
SOURCE = "fake://registry"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def registry() -> FakeResolver:
    """Down at first."""
    made = FakeResolver(source=SOURCE)
    made.fail("orders", "connection refused")
    return made


def kept(state: Path, age: float = 0.0, endpoints: tuple[Endpoint, ...] = ENDPOINTS) -> Path:
    """A list on disk that was confirmed `age` seconds ago."""
    file = StateFolder(state, wall=lambda: time.time() - age).file(SOURCE, "orders")
    file.write(endpoints)
    return file.path


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + BOUND
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def settled(mesh: Mesh) -> Snapshot:
    return mesh.warm("orders", timeout=BOUND)["orders"]


@pytest.mark.parametrize("mode", MODES)
def test_calls_go_by_the_list_on_disk_with_its_true_age(state: Path, registry: FakeResolver, mode: str) -> None:
    kept(state, 7200.0)
    told: list[Event] = []
    with Mesh(registry, state_dir=state, mode=mode, observers=[told.append]) as mesh:
        snapshot = settled(mesh)
        service = mesh.service("orders")
        assert isinstance(snapshot, Failed)
        assert snapshot.cause == "connection refused"
        assert snapshot.endpoints == ENDPOINTS
        age = service.snapshot_report().age
        assert age is not None
        assert 7200.0 <= age < 7260.0
        assert service.balancer.pick(time.monotonic()) is not None
        until(lambda: len(told) == 3)
    lost, updated, stored = told
    assert isinstance(lost, RegistryLost)
    assert isinstance(updated, SnapshotUpdated)
    assert isinstance(stored, StoredListServed)
    assert (stored.service, stored.source, stored.endpoints) == ("orders", SOURCE, 2)
    assert 7200.0 <= stored.age < 7260.0


def test_the_registrys_first_word_replaces_the_list_from_disk(state: Path, registry: FakeResolver) -> None:
    """It is taken whole: a list from disk is no measure of what has gone."""
    path = kept(state, 7200.0, tuple(Endpoint(f"10.0.1.{number}", 80) for number in range(1, 9)))
    before = path.read_bytes()
    told: list[Event] = []
    with Mesh(registry, state_dir=state, observers=[told.append]) as mesh:
        assert len(settled(mesh).endpoints) == 8
        registry.fail("orders", "still refused")
        assert path.read_bytes() == before
        registry.set("orders", ["http://10.0.0.9:80"])
        snapshot = mesh.service("orders").snapshot
        assert isinstance(snapshot, Ready)
        assert [endpoint.host for endpoint in snapshot.endpoints] == ["10.0.0.9"]
        until(lambda: path.read_bytes() != before)
        assert mesh.service("orders").watch.course.hold is None
    kinds = [type(event) for event in told]
    assert kinds == [RegistryLost, SnapshotUpdated, StoredListServed, RegistryRecovered, SnapshotUpdated]
    assert [each["host"] for each in json.loads(path.read_bytes())["endpoints"]] == ["10.0.0.9"]


@pytest.mark.parametrize("mode", MODES)
def test_a_list_that_was_good_is_there_for_the_next_process(state: Path, mode: str) -> None:
    first = FakeResolver({"orders": ENDPOINTS}, source=SOURCE)
    with Mesh(first, state_dir=state, mode=mode) as mesh:
        assert settled(mesh).state == "ready"
    second = FakeResolver(source=SOURCE)
    second.fail("orders")
    with Mesh(second, state_dir=state, mode=mode) as mesh:
        snapshot = settled(mesh)
    assert snapshot.state == "failed"
    assert snapshot.endpoints == ENDPOINTS


def test_a_change_at_the_last_moment_is_written_before_the_mesh_is_closed(state: Path) -> None:
    registry = FakeResolver({"orders": ENDPOINTS}, source=SOURCE)
    with Mesh(registry, state_dir=state) as mesh:
        settled(mesh)
        for number in range(20):
            registry.set("orders", [f"http://10.0.2.{number + 1}:80"])
    found = StateFolder(state).file(SOURCE, "orders").read()
    assert [endpoint.host for endpoint in found.endpoints] == ["10.0.2.20"]


@pytest.mark.parametrize("mode", MODES)
def test_a_list_that_is_too_old_is_not_used_and_the_cause_says_so(
    state: Path, registry: FakeResolver, mode: str
) -> None:
    kept(state, 25 * 3600.0)
    with Mesh(registry, state_dir=state, mode=mode) as mesh:
        snapshot = settled(mesh)
    assert isinstance(snapshot, Failed)
    assert snapshot.endpoints == ()
    assert snapshot.cause == "connection refused; the list on disk is 25h old (limit 24h) and is not used"


@pytest.mark.parametrize("mode", MODES)
def test_a_torn_file_is_ignored_with_one_line(
    state: Path, registry: FakeResolver, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = kept(state)
    path.write_bytes(path.read_bytes()[:100])
    with Mesh(registry, state_dir=state, mode=mode) as mesh:
        snapshot = settled(mesh)
        registry.fail("orders", "again")
    assert isinstance(snapshot, Failed)
    assert snapshot.endpoints == ()
    assert "the list on disk cannot be used" in snapshot.cause
    assert len([record for record in caplog.records if str(path) in record.getMessage()]) == 1


@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_read_where_the_registry_answers_and_nothing_written_without_the_setting(
    state: Path, tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(state)
    monkeypatch.chdir(tmp_path)
    unknown = FakeResolver(source=SOURCE)
    with Mesh(unknown, state_dir=state, mode=mode) as mesh:
        assert isinstance(settled(mesh), Empty)
    with Mesh(FakeResolver({"orders": ENDPOINTS}), mode=mode) as mesh:
        settled(mesh)
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
    assert len(list(state.iterdir())) == 1


def test_an_empty_or_failing_registry_writes_nothing(state: Path, registry: FakeResolver) -> None:
    with Mesh(registry, state_dir=state) as mesh:
        settled(mesh)
        registry.empty("orders")
        registry.fail("orders")
    assert not state.exists()


def test_configured_endpoints_are_not_kept(state: Path) -> None:
    with Mesh(services={"orders": {"endpoints": ["http://10.0.0.1:80"]}}, state_dir=state) as mesh:
        settled(mesh)
    assert not state.exists()


@pytest.mark.parametrize("mode", MODES)
def test_a_folder_that_cannot_be_written_costs_one_warning_and_no_call(
    tmp_path: Path, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    registry = FakeResolver({"orders": ENDPOINTS, "users": ENDPOINTS}, source=SOURCE)
    with Mesh(registry, state_dir=tmp_path / "file" / "state", mode=mode) as mesh:
        for snapshot in mesh.warm("orders", "users").values():
            assert snapshot.state == "ready"
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1


def test_a_disk_that_hangs_holds_up_a_failure_for_a_moment_only(
    state: Path, registry: FakeResolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    def hang(self: StateFile) -> Found:
        release.wait(BOUND)
        raise AssertionError

    monkeypatch.setattr("meshclient.discovery.state_folder.StateFile.read", hang)
    monkeypatch.setattr(background, "READ_LIMIT", 0.05)
    with Mesh(registry, state_dir=state) as mesh:
        snapshot = settled(mesh)
        release.set()
    assert isinstance(snapshot, Failed)
    assert snapshot.cause.endswith("the list on disk could not be read within 0.05s")


class Silent:
    """Neither answers nor fails, as behind a firewall that drops what is sent, until it is told to."""

    source = SOURCE

    def __init__(self) -> None:
        self.speak = threading.Event()

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready]:
        while not self.speak.is_set():  # noqa: ASYNC110 - set by another thread
            await asyncio.sleep(0.005)
        yield Ready(ENDPOINTS[:1], source=self.source)
        await asyncio.Event().wait()


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Silent:
    monkeypatch.setattr(background, "SILENCE", 0.05)
    monkeypatch.setattr(on_demand, "SILENCE", 0.05)
    return Silent()


@pytest.mark.parametrize("mode", MODES)
def test_a_registry_that_says_nothing_is_not_waited_for_where_there_is_a_list(
    state: Path, silent: Silent, mode: str
) -> None:
    kept(state, 7200.0)
    with Mesh(silent, state_dir=state, mode=mode) as mesh:
        snapshot = settled(mesh)
        assert isinstance(snapshot, Failed)
        assert snapshot.cause == "no answer within 0.05s"
        assert snapshot.endpoints == ENDPOINTS
        assert mesh.service("orders").watch.course.basis is Basis.DISK
        silent.speak.set()
        until(lambda: settled(mesh).endpoints == ENDPOINTS[:1])


@pytest.mark.parametrize("mode", MODES)
def test_a_registry_that_says_nothing_is_waited_for_where_there_is_no_list(
    state: Path, silent: Silent, mode: str
) -> None:
    with Mesh(silent, state_dir=state, mode=mode) as mesh:
        assert mesh.warm("orders", timeout=0.3)["orders"].state == "pending"
        silent.speak.set()
        assert settled(mesh).state == "ready"


def test_a_process_without_another_thread_is_told_of_the_failure_all_the_same(
    state: Path, registry: FakeResolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(call: object, /, *args: object) -> Found:
        msg = "can't start new thread"
        raise RuntimeError(msg)

    monkeypatch.setattr(background, "off_loop", refuse)
    with Mesh(registry, state_dir=state) as mesh:
        snapshot = settled(mesh)
        assert isinstance(snapshot, Failed)
        assert snapshot.cause == "connection refused; the list on disk could not be read: can't start new thread"
        registry.set("orders", ENDPOINTS)
        assert mesh.service("orders").snapshot.endpoints == ENDPOINTS


def test_the_setting_may_come_from_a_variable_and_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = FakeResolver({"orders": ENDPOINTS}, source=SOURCE)
    monkeypatch.setenv("MESHCLIENT_STATE_DIR", str(tmp_path / "by-variable"))
    with Mesh(registry) as mesh:
        settled(mesh)
    assert len(list((tmp_path / "by-variable").iterdir())) == 1
    monkeypatch.delenv("MESHCLIENT_STATE_DIR")
    path = tmp_path / "meshclient.toml"
    path.write_text(f'resolver = "static://10.0.0.1:80"\nstate_dir = "{tmp_path}/by-file"\n')
    with Mesh.from_config(path) as mesh:
        settled(mesh)
    assert len(list((tmp_path / "by-file").iterdir())) == 1


def test_when_a_list_is_written() -> None:
    """At once at first; a change a moment after the last writing; the same again only for its time."""
    other = ENDPOINTS[:1]
    assert pause(None, ENDPOINTS, 0.0) == 0.0
    assert pause(ENDPOINTS, other, 0.2) == GAP - 0.2
    assert pause(ENDPOINTS, other, GAP) == 0.0
    assert pause(ENDPOINTS, ENDPOINTS, GAP) == REFRESH - GAP
    assert pause(ENDPOINTS, ENDPOINTS, REFRESH + 1) == 0.0
    assert REFRESH >= 120
