"""A name asked for on demand by a process that has run out of what a question needs."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.runtime.on_demand import PAUSE_AFTER_FAILURE, OnDemandWatch
from meshclient.discovery.static import StaticResolver
from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Failed
from meshclient.testing.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable

BOUND = 60.0
ENDPOINT = Endpoint("10.0.0.1", 80)


def _no_loop() -> asyncio.Runner:
    raise OSError(24, "Too many open files")


def _no_thread(self: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize(
    ("where", "refuse", "cause"),
    [
        ((asyncio, "Runner"), _no_loop, "Too many open files"),
        ((threading.Thread, "start"), _no_thread, "can't start new thread"),
    ],
)
def test_a_process_without_files_or_threads_to_spare_is_an_outage_that_ends(
    monkeypatch: pytest.MonkeyPatch, where: tuple[object, str], refuse: Callable[..., object], cause: str
) -> None:
    told: list[str] = []
    clock = ManualClock()
    resolver = StaticResolver.of({"orders": [ENDPOINT]}, source="table")
    watch = OnDemandWatch(
        resolver,
        ServiceName("orders"),
        lambda *_: None,
        clock,
        random.Random(1),
        announce=lambda before, after: told.append(after.state),
    )
    with monkeypatch.context() as patch:
        patch.setattr(*where, refuse)
        begun = time.monotonic()
        watch.wait(watch.snapshot, BOUND / 2)
        failed = watch.snapshot
    assert time.monotonic() - begun < BOUND / 4, "the question was never answered"
    assert isinstance(failed, Failed)
    assert cause in failed.cause
    assert failed.source == "table"
    clock.advance(PAUSE_AFTER_FAILURE)
    assert watch.wait(watch.snapshot, BOUND)
    assert watch.snapshot.endpoints == (ENDPOINT,)
    assert told == ["failed", "ready"]
