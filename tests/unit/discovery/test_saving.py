"""How often a list goes to disk, seen from the disk."""

from __future__ import annotations

import gc
import threading
import time
from typing import TYPE_CHECKING

import pytest

from meshclient import Mesh
from meshclient.discovery.runtime import saving
from meshclient.discovery.runtime.blocking import THREAD_NAME
from meshclient.discovery.runtime.loop import BackgroundLoop
from meshclient.discovery.state_folder import StateFile
from meshclient.model.endpoint import Endpoint
from meshclient.testing import FakeResolver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

BOUND = 60.0


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Endpoint, ...]]:
    """What goes to disk, in order."""
    lists: list[tuple[Endpoint, ...]] = []
    write = StateFile.write

    def noted(self: StateFile, endpoints: Iterable[Endpoint]) -> None:
        assert threading.current_thread().name != "meshclient-discovery"
        write(self, endpoints)
        lists.append(tuple(endpoints))

    monkeypatch.setattr(StateFile, "write", noted)
    return lists


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + BOUND
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def fleet(number: int) -> list[Endpoint]:
    return [Endpoint(f"10.0.{number}.1", 80), Endpoint(f"10.0.{number}.2", 80)]


def test_a_list_that_changes_all_the_time_is_written_now_and_then_and_at_last_as_it_is(
    tmp_path: Path, written: list[tuple[Endpoint, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "GAP", 3600.0)
    registry = FakeResolver({"orders": fleet(0)})
    with Mesh(registry, state_dir=tmp_path) as mesh:
        mesh.warm("orders")
        until(lambda: len(written) == 1)
        for number in range(100):
            registry.set("orders", fleet(number))
        assert len(written) == 1
    assert written == [tuple(fleet(0)), tuple(fleet(99))]


def test_a_list_that_is_only_confirmed_is_not_written_again(
    tmp_path: Path, written: list[tuple[Endpoint, ...]]
) -> None:
    registry = FakeResolver({"orders": fleet(0)})
    with Mesh(registry, state_dir=tmp_path) as mesh:
        mesh.warm("orders")
        until(lambda: len(written) == 1)
        for _ in range(50):
            registry.set("orders", fleet(0))
        registry.fail("orders")
        registry.set("orders", fleet(0))
    assert len(written) == 1


def test_its_time_is_kept_up_while_the_registry_is_well_and_no_longer(
    tmp_path: Path, written: list[tuple[Endpoint, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "REFRESH", 0.01)
    registry = FakeResolver({"orders": fleet(0)})
    with Mesh(registry, state_dir=tmp_path) as mesh:
        mesh.warm("orders")
        until(lambda: len(written) > 3)
        registry.fail("orders")
        # One may have been on its way.
        count = len(written) + 1
        time.sleep(0.1)
        assert len(written) <= count
        registry.set("orders", fleet(0))
        until(lambda: len(written) > count + 2)
    assert set(written) == {tuple(fleet(0))}


def test_a_change_that_waits_for_its_turn_is_written_though_the_registry_fails_meanwhile(
    tmp_path: Path, written: list[tuple[Endpoint, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "GAP", 0.2)
    monkeypatch.setattr(saving, "REFRESH", 0.01)
    registry = FakeResolver({"orders": fleet(0)})
    with Mesh(registry, state_dir=tmp_path) as mesh:
        mesh.warm("orders")
        until(lambda: len(written) > 0)
        registry.set("orders", fleet(1))
        registry.fail("orders")
        until(lambda: tuple(fleet(1)) in written)
        # But its time, which nobody vouches for, is not kept up. One writing may have been on its way.
        count = len(written) + 1
        time.sleep(0.1)
        assert len(written) <= count


def test_a_process_without_another_thread_is_told_so_once_and_watches_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(call: object, /, *args: object) -> None:
        msg = "can't start new thread"
        raise RuntimeError(msg)

    monkeypatch.setattr(saving, "off_loop", refuse)
    registry = FakeResolver({"orders": fleet(0)})
    with Mesh(registry, state_dir=tmp_path) as mesh:
        mesh.warm("orders")
        until(lambda: len(caplog.records) == 1)
        registry.set("orders", fleet(1))
    assert ["can't start new thread" in record.getMessage() for record in caplog.records] == [True]


def test_a_list_that_is_held_is_not_written(tmp_path: Path, written: list[tuple[Endpoint, ...]]) -> None:
    large = [*fleet(0), *fleet(1), *fleet(2)]
    registry = FakeResolver({"orders": large})
    with Mesh(registry, state_dir=tmp_path) as mesh:
        mesh.warm("orders")
        until(lambda: len(written) == 1)
        registry.set("orders", [*large[:1], Endpoint("10.0.9.9", 80)])
        assert len(mesh.service("orders").snapshot.endpoints) == 7
        registry.empty("orders")
    assert written == [tuple(large)]


def test_a_disk_that_hangs_holds_up_neither_lists_nor_the_end_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hanging, release = threading.Event(), threading.Event()

    def hang(self: StateFile, endpoints: Iterable[Endpoint]) -> None:
        hanging.set()
        release.wait(4 * BOUND)

    monkeypatch.setattr(StateFile, "write", hang)
    # Its own, so that its end can be seen.
    loop = BackgroundLoop()
    monkeypatch.setattr("meshclient.discovery.runtime.background.background", lambda: loop)
    registry = FakeResolver({"orders": fleet(0)})
    mesh = Mesh(registry, state_dir=tmp_path)
    try:
        mesh.warm("orders")
        assert hanging.wait(BOUND)
        for number in range(5):
            registry.set("orders", fleet(number))
            assert mesh.service("orders").snapshot.endpoints == tuple(fleet(number))
        began = time.monotonic()
        mesh.close()
        # A bound against a hang: the disk would take forty seconds.
        assert time.monotonic() - began < BOUND
        until(lambda: loop._loop is None)
    finally:
        release.set()
    # The thread was the last to know of the writing; then nothing may be left of it but silence.
    until(lambda: not any(thread.name == THREAD_NAME for thread in threading.enumerate()))
    gc.collect()
    assert [record for record in caplog.records if "Task was destroyed" in record.getMessage()] == []
