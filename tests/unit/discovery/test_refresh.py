"""The hint that calls fail: it reaches the resolver in both modes, and a storm of failures is one hint."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.composition import Union
from meshclient.discovery.hint import HINT_GAP
from meshclient.discovery.runtime.background import BackgroundWatch
from meshclient.discovery.runtime.on_demand import MAX_AGE, OnDemandWatch
from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Failed, Ready
from meshclient.testing.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from meshclient.discovery.resolver import Resolver
    from meshclient.model.snapshot import Snapshot

BOUND = 60.0
NAME = ServiceName("orders")
LISTS = [Ready((Endpoint(f"10.0.0.{number}", 80),), source="hinted://") for number in range(1, 9)]


class Hinted:
    """Each watch says another list; notes each hint, with whether a watch was running on that loop."""

    source = "hinted://"

    def __init__(self) -> None:
        self.begun = 0
        self.hints: list[bool] = []
        self.gate = threading.Event()
        self.gate.set()
        self._loops: set[asyncio.AbstractEventLoop] = set()

    def refresh(self, name: ServiceName) -> None:
        assert name == NAME
        self.hints.append(asyncio.get_running_loop() in self._loops)

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready]:
        assert name == NAME
        self.begun += 1
        loop = asyncio.get_running_loop()
        self._loops.add(loop)
        try:
            answer = LISTS[self.begun - 1]
            await asyncio.sleep(0.01)
            while not self.gate.is_set():  # noqa: ASYNC110 - set by another thread
                await asyncio.sleep(0.005)
            yield answer
            await asyncio.Event().wait()
        finally:
            self._loops.discard(loop)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + BOUND
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def _ignore(before: Snapshot, after: Ready | Empty | Failed) -> None:
    pass


def in_background(resolver: Resolver, clock: ManualClock) -> BackgroundWatch:
    return BackgroundWatch(resolver, NAME, _ignore, clock, random.Random(1), announce=_ignore)


def on_demand(resolver: Resolver, clock: ManualClock) -> OnDemandWatch:
    return OnDemandWatch(resolver, NAME, _ignore, clock, random.Random(1), announce=_ignore)


def test_in_the_background_a_storm_of_failures_is_one_hint() -> None:
    resolver, clock = Hinted(), ManualClock()
    watch = in_background(resolver, clock)
    try:
        until(lambda: watch.snapshot.state == "ready")
        for _ in range(100):
            watch.refresh()
        until(lambda: resolver.hints != [])
        clock.advance(HINT_GAP)
        for _ in range(100):
            watch.refresh()
        until(lambda: len(resolver.hints) > 1)
    finally:
        watch.close()
    assert resolver.hints == [True, True]
    assert resolver.begun == 1


@pytest.mark.parametrize("form", ["alone", "in a union"])
def test_on_demand_the_registry_is_asked_beside_the_calls(form: str) -> None:
    resolver, clock = Hinted(), ManualClock()
    watch = on_demand(resolver if form == "alone" else Union((resolver,)), clock)
    assert watch.wait(watch.snapshot, BOUND)
    assert watch.snapshot.endpoints == LISTS[0].endpoints
    clock.advance(HINT_GAP)
    resolver.gate.clear()
    for _ in range(100):
        watch.refresh()
    until(lambda: resolver.begun == 2)
    # Calls go on with what there is, and wait for nothing.
    assert watch.snapshot.endpoints == LISTS[0].endpoints
    resolver.gate.set()
    until(lambda: watch.snapshot.endpoints == LISTS[1].endpoints)
    assert resolver.hints == [True]


def test_on_demand_it_is_not_asked_again_at_once_nor_hinted_at_without_a_hint() -> None:
    resolver, clock = Hinted(), ManualClock()
    watch = on_demand(resolver, clock)
    assert watch.wait(watch.snapshot, BOUND)
    watch.refresh()
    clock.advance(HINT_GAP / 2)
    watch.refresh()
    assert watch._question is None
    clock.advance(MAX_AGE)
    assert watch.wait(watch.snapshot, BOUND)
    assert (resolver.begun, resolver.hints) == (2, [])


def test_on_demand_nothing_is_asked_after_the_end() -> None:
    resolver, clock = Hinted(), ManualClock()
    watch = on_demand(resolver, clock)
    assert watch.wait(watch.snapshot, BOUND)
    clock.advance(HINT_GAP)
    watch.stop()
    watch.refresh()
    assert watch._question is None
    assert resolver.begun == 1


def test_on_demand_without_another_thread_the_list_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver, clock = Hinted(), ManualClock()
    watch = on_demand(resolver, clock)
    assert watch.wait(watch.snapshot, BOUND)
    clock.advance(HINT_GAP)

    def refuse(self: threading.Thread) -> None:
        msg = "can't start new thread"
        raise RuntimeError(msg)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    watch.refresh()
    assert watch.snapshot.state == "ready"
