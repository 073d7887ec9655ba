"""A name asked for on demand: when the registry is asked, how long a call waits, and what it goes on with."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.resolver import TTL_FLOOR
from meshclient.discovery.runtime import on_demand
from meshclient.discovery.runtime.on_demand import (
    FIRST_LIMIT,
    MAX_AGE,
    PAUSE_AFTER_FAILURE,
    REFRESH_LIMIT,
    THREAD_NAME,
    OnDemandWatch,
)
from meshclient.discovery.schemes import open_resolver
from meshclient.model.endpoint import Endpoint
from meshclient.model.events import RegistryLost, RegistryRecovered
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Failed, Pending, Ready, Snapshot
from meshclient.testing.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from meshclient.discovery.resolver import Resolver

NAME = ServiceName("orders")
BOUND = 60.0
A = Ready((Endpoint("10.0.0.1", 80),), source="scripted://")
B = Ready((Endpoint("10.0.0.2", 80),), source="scripted://")

Answer = Ready | Empty | Failed


class Scripted:
    """Answers with what `says` is at the time: an answer, an exception to raise, or None to hang."""

    source = "scripted://"

    def __init__(self, says: Answer | Exception | None = A) -> None:
        self.says = says
        self.asked = 0
        self.closed = 0
        self.lock = threading.Lock()
        # Cleared, it holds the answer back; set by default.
        self.gate = threading.Event()
        self.gate.set()

    async def watch(self, name: ServiceName) -> AsyncIterator[Answer]:
        with self.lock:
            self.asked += 1
        try:
            while not self.gate.is_set() or self.says is None:  # noqa: ASYNC110 - set by other threads
                await asyncio.sleep(0.002)
            if isinstance(self.says, Exception):
                raise self.says
            yield self.says
        finally:
            with self.lock:
                self.closed += 1


def watching(
    resolver: Resolver,
    clock: Callable[[], float] = time.monotonic,
    changed: Callable[[Snapshot, Answer], None] = lambda *_: None,
    announce: Callable[[Snapshot, Answer], None] = lambda *_: None,
) -> OnDemandWatch:
    return OnDemandWatch(resolver, NAME, changed, clock, random.Random(1), announce=announce)


def ask(watch: OnDemandWatch, timeout: float | None = BOUND) -> Snapshot:
    """What a call does: wait unless there is something to go on with."""
    snapshot = watch.snapshot
    if not snapshot.endpoints:
        watch.wait(snapshot, timeout)
    return watch.snapshot


def quiet() -> bool:
    """Whether no question is out any more, soon."""
    end = time.monotonic() + BOUND
    while any(thread.name == THREAD_NAME for thread in threading.enumerate()):
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def test_nothing_is_asked_before_somebody_waits() -> None:
    resolver = Scripted()
    watch = watching(resolver)
    assert isinstance(watch.snapshot, Pending)
    assert resolver.asked == 0


def test_the_first_question() -> None:
    seen: list[tuple[str, str]] = []
    resolver = Scripted()
    watch = watching(resolver, changed=lambda before, after: seen.append((before.state, after.state)))
    snapshot = ask(watch)
    assert snapshot.endpoints == A.endpoints
    assert snapshot.version == 1
    assert seen == [("pending", "ready")]
    assert resolver.asked == resolver.closed == 1
    assert quiet(), "a thread between calls"


def test_a_fresh_answer_is_not_asked_for_again() -> None:
    clock, resolver = ManualClock(), Scripted()
    watch = watching(resolver, clock)
    ask(watch)
    clock.advance(MAX_AGE - 0.1)
    ask(watch)
    assert watch.wait(Pending(), 0.0)
    assert asyncio.run(watch.wait_async(Pending(), 0.0))
    assert resolver.asked == 1


def test_an_old_answer_is_asked_for_again() -> None:
    clock, resolver = ManualClock(), Scripted()
    watch = watching(resolver, clock)
    ask(watch)
    resolver.says = B
    clock.advance(MAX_AGE)
    assert isinstance(watch.snapshot, Pending)
    assert ask(watch).endpoints == B.endpoints
    assert watch.snapshot.version == 2


@pytest.mark.parametrize(("ttl", "lasts"), [(3.0, 3.0), (60.0, 60.0), (0.0, TTL_FLOOR), (0.2, TTL_FLOOR)])
def test_a_ttl_is_honoured_but_not_below_its_floor(ttl: float, lasts: float) -> None:
    clock, resolver = ManualClock(), Scripted(Ready(A.endpoints, ttl=ttl))
    watch = watching(resolver, clock)
    assert ask(watch).state == "ready"
    clock.advance(lasts - 0.01)
    assert watch.snapshot.state == "ready"
    clock.advance(0.01)
    assert watch.snapshot.state == "pending"


def test_a_failed_refresh_keeps_the_last_good_list_and_pauses() -> None:
    clock, resolver = ManualClock(), Scripted()
    watch = watching(resolver, clock)
    ask(watch)
    resolver.says = OSError("no route")
    clock.advance(MAX_AGE)
    failed = ask(watch)
    assert isinstance(failed, Failed)
    assert failed.endpoints == A.endpoints
    assert failed.cause == "OSError: no route"
    assert failed.last is not None
    assert failed.at - failed.last.at == MAX_AGE
    clock.advance(PAUSE_AFTER_FAILURE - 0.01)
    assert ask(watch) is failed
    assert resolver.asked == 2
    clock.advance(0.01)
    ask(watch)
    assert resolver.asked == 3


def test_an_outage_is_told_once_and_since_when() -> None:
    from meshclient.discovery.transition import events

    clock, resolver = ManualClock(), Scripted()
    told: list[object] = []
    watch = watching(resolver, clock, lambda before, after: told.extend(events("orders", before, after)))
    ask(watch)
    resolver.says = OSError("no route")
    for _ in range(5):
        clock.advance(MAX_AGE)
        ask(watch)
    snapshot = watch.snapshot
    assert isinstance(snapshot, Failed)
    assert clock() - snapshot.at == 4 * MAX_AGE
    resolver.says = A
    clock.advance(MAX_AGE)
    ask(watch)
    assert [type(event) for event in told[1:]] == [RegistryLost, RegistryRecovered]
    recovered = told[-1]
    assert isinstance(recovered, RegistryRecovered)
    assert recovered.outage == 5 * MAX_AGE


def test_a_registry_that_is_down_at_first_is_no_busy_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call without a list waits again and again until its deadline; each time until the next question is due."""
    clock, resolver = ManualClock(), Scripted(OSError("no route"))
    monkeypatch.setattr(time, "sleep", clock.advance)
    watch = watching(resolver, clock)
    deadline = clock() + 5.0
    turns = 0
    while (left := deadline - clock()) > 0:
        snapshot = watch.snapshot
        watch.wait(snapshot, left)
        turns += 1
        assert turns < 50
    assert resolver.asked == 5
    assert isinstance(watch.snapshot, Failed | Pending)


def test_a_registry_that_comes_back_is_noticed_within_the_same_call() -> None:
    resolver = Scripted(OSError("no route"))
    watch = watching(resolver)
    failed = ask(watch)
    assert isinstance(failed, Failed)
    resolver.says = A
    assert watch.wait(failed, BOUND)
    assert watch.snapshot.state == "ready"


def test_a_pause_is_cut_short_by_the_deadline() -> None:
    resolver = Scripted(OSError("no route"))
    watch = watching(resolver, ManualClock())
    failed = ask(watch)
    assert not watch.wait(failed, 0.01)
    assert not asyncio.run(watch.wait_async(failed, 0.01))
    assert resolver.asked == 1


def test_many_callers_share_one_question() -> None:
    resolver = Scripted()
    resolver.gate.clear()
    watch = watching(resolver)
    results: list[bool] = []
    stale = watch.snapshot
    calling = [threading.Thread(target=lambda: results.append(watch.wait(stale, BOUND))) for _ in range(10)]

    async def fifty() -> None:
        waits = [asyncio.create_task(watch.wait_async(stale, BOUND)) for _ in range(50)]
        await asyncio.sleep(0)
        while not resolver.asked:  # noqa: ASYNC110 - on another thread
            await asyncio.sleep(0.002)
        resolver.gate.set()
        results.extend(await asyncio.gather(*waits))

    for thread in calling:
        thread.start()
    asyncio.run(asyncio.wait_for(fifty(), BOUND))
    for thread in calling:
        thread.join(BOUND)
    assert results == [True] * 60
    assert resolver.asked == 1


def test_a_caller_in_a_hurry_spoils_nothing_for_others() -> None:
    resolver = Scripted()
    resolver.gate.clear()
    watch = watching(resolver)
    stale = watch.snapshot
    assert not watch.wait(stale, 0.01)
    assert not asyncio.run(watch.wait_async(stale, 0.01))
    assert isinstance(watch.snapshot, Pending)
    resolver.gate.set()
    assert watch.wait(stale, BOUND)
    assert watch.snapshot.state == "ready"
    assert resolver.asked == 1


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_half_of_the_time_left_is_kept_for_the_call_when_a_list_is_at_hand(colour: str) -> None:
    """The registry hangs, the last good list serves on: even for calls whose deadline is short."""
    clock, resolver = ManualClock(), Scripted()
    watch = watching(resolver, clock)
    ask(watch)
    resolver.gate.clear()
    clock.advance(MAX_AGE)
    stale = watch.snapshot
    assert watch._times(stale, 0.4) == (0.0, 0.2)
    if colour == "sync":
        assert watch.wait(stale, 0.4)
    else:
        assert asyncio.run(watch.wait_async(stale, 0.4))
    assert watch.snapshot.endpoints == A.endpoints
    assert ask(watch, 0.0).endpoints == A.endpoints, "nobody else waits for the same question"
    assert resolver.asked == 2
    resolver.gate.set()


def test_a_registry_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 < REFRESH_LIMIT < FIRST_LIMIT
    monkeypatch.setattr(on_demand, "FIRST_LIMIT", 0.05)
    resolver = Scripted(None)
    watch = watching(resolver)
    stale = watch.snapshot
    while isinstance(watch.snapshot, Pending):
        watch.wait(stale, None)
    snapshot = watch.snapshot
    assert isinstance(snapshot, Failed)
    assert snapshot.cause == "no answer within 0.05s"
    assert snapshot.source == "scripted://"
    assert resolver.closed == 1


def test_a_resolver_that_blocks_cannot_hold_a_caller_longer_than_it_said() -> None:
    release = threading.Event()

    class Blocking(Scripted):
        async def watch(self, name: ServiceName) -> AsyncIterator[Answer]:
            release.wait(BOUND)
            yield A

    class Threaded(Scripted):
        async def watch(self, name: ServiceName) -> AsyncIterator[Answer]:
            await asyncio.to_thread(release.wait, BOUND)
            yield A

    begun = time.monotonic()
    for resolver in (Blocking(), Threaded()):
        watch = watching(resolver)
        assert not watch.wait(watch.snapshot, 0.05)
        assert not asyncio.run(watch.wait_async(watch.snapshot, 0.05))
    assert time.monotonic() - begun < BOUND / 2
    release.set()
    assert quiet()


def test_a_busy_pool_of_threads_is_not_in_the_way() -> None:
    """The application's default executor is its own; it may be full."""
    release = threading.Event()

    async def call() -> bool:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        busy = loop.run_in_executor(None, release.wait, BOUND)
        watch = watching(Scripted())
        woken = await watch.wait_async(watch.snapshot, BOUND / 2)
        release.set()
        await busy
        return woken

    assert asyncio.run(call())


def test_a_blocking_call_within_a_running_loop() -> None:
    async def call() -> Snapshot:
        return ask(watching(Scripted()))

    assert asyncio.run(call()).state == "ready"


def test_the_callers_loop_goes_on_meanwhile() -> None:
    resolver = Scripted()
    resolver.gate.clear()
    watch = watching(resolver)

    async def call() -> int:
        waiting = asyncio.create_task(watch.wait_async(watch.snapshot, BOUND))
        turns = 0
        while turns < 100 or not resolver.asked:
            await asyncio.sleep(0)
            turns += 1
        assert not waiting.done()
        resolver.gate.set()
        assert await waiting
        return turns

    assert asyncio.run(call()) >= 100


def test_a_caller_that_is_cancelled_leaves_the_question_to_others() -> None:
    resolver = Scripted()
    resolver.gate.clear()
    watch = watching(resolver)

    async def call() -> None:
        cancelled = asyncio.create_task(watch.wait_async(watch.snapshot, None))
        while not resolver.asked:  # noqa: ASYNC110 - on another thread
            await asyncio.sleep(0.002)
        cancelled.cancel()
        await asyncio.wait({cancelled})

    asyncio.run(call())
    resolver.gate.set()
    assert watch.wait(watch.snapshot, BOUND)
    assert watch.snapshot.state == "ready"
    assert resolver.asked == 1


def test_who_takes_a_change_over_is_told_before_it_shows_and_who_announces_it_afterwards() -> None:
    """Neither under a lock."""
    told: list[tuple[str, bool, bool]] = []

    def free() -> bool:
        acquired = watch._lock.acquire(timeout=BOUND / 2)
        watch._lock.release()
        return acquired

    watch = watching(
        Scripted(),
        changed=lambda before, after: told.append(("change", watch.snapshot.version == before.version, free())),
        announce=lambda before, after: told.append(("announce", watch.snapshot is after, free())),
    )
    ask(watch)
    assert told == [("change", True, True), ("announce", True, True)]


def test_a_question_holds_no_lock() -> None:
    """A fork waits for the lock; the registry may take seconds."""
    resolver = Scripted()
    resolver.gate.clear()
    watch = watching(resolver)
    assert not watch.wait(watch.snapshot, 0.01)
    assert watch._lock.acquire(timeout=BOUND / 2)
    watch._lock.release()
    resolver.gate.set()
    assert quiet()


@pytest.mark.parametrize("operator", ["|", "+"])
def test_a_composition_is_asked_on_demand(operator: str) -> None:
    watch = watching(open_resolver(f"static://10.0.0.1:80 {operator} static://10.0.0.2:80"))
    assert ask(watch).endpoints[0].host == "10.0.0.1"
    assert quiet()


def test_closing_is_nothing() -> None:
    watch = watching(Scripted())
    ask(watch)
    watch.stop()
    watch.close()
    asyncio.run(watch.aclose())
    assert watch.snapshot.state == "ready"
