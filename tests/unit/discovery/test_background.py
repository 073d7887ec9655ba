"""A name watched in the background: waking, waiting, closing, and not being in anybody's way."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import httpx
import pytest

from meshclient import AsyncClient, Client
from meshclient.discovery.runtime.background import CLOSE_TIMEOUT, BackgroundWatch, wake
from meshclient.discovery.runtime.loop import THREAD_NAME, BackgroundLoop
from meshclient.errors import ResolverUnavailable
from meshclient.mesh import Mesh
from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Failed, Pending, Ready, Snapshot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

NAME = ServiceName("orders")
BOUND = 60.0

Answer = Ready | Empty | Failed


def ready(number: int) -> Ready:
    return Ready((Endpoint(f"10.0.{number // 250}.{number % 250 + 1}", 80),), source="scripted://")


class Scripted:
    """Says what any thread tells it to; the last thing said is what a new watch begins with."""

    source = "scripted://"

    def __init__(self) -> None:
        self.opened = 0
        self.closed = threading.Event()
        self._news: asyncio.Queue[Answer] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open = threading.Event()

    async def watch(self, name: ServiceName) -> AsyncIterator[Answer]:
        self._news, self._loop = asyncio.Queue(), asyncio.get_running_loop()
        self.opened += 1
        self._open.set()
        try:
            while True:
                yield await self._news.get()
        finally:
            self.closed.set()

    def say(self, answer: Answer) -> None:
        assert self._open.wait(BOUND)
        assert self._news is not None
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._news.put_nowait, answer)


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()


@pytest.fixture
def seen() -> list[tuple[Snapshot, Answer]]:
    return []


@pytest.fixture
def watch(scripted: Scripted, seen: list[tuple[Snapshot, Answer]]) -> Iterator[BackgroundWatch]:
    made = watching(scripted, lambda before, after: seen.append((before, after)))
    yield made
    made.close()


def watching(
    resolver: Scripted,
    changed: Callable[[Snapshot, Answer], None] = lambda *_: None,
    announce: Callable[[Snapshot, Answer], None] = lambda *_: None,
) -> BackgroundWatch:
    return BackgroundWatch(resolver, NAME, changed, time.monotonic, random.Random(1), announce=announce)


def waited_for(watch: BackgroundWatch, condition: Callable[[Snapshot], bool]) -> Snapshot:
    end = time.monotonic() + BOUND
    while not condition(snapshot := watch.snapshot):
        assert watch.wait(snapshot, end - time.monotonic())
    return snapshot


def test_it_begins_pending(watch: BackgroundWatch) -> None:
    assert isinstance(watch.snapshot, Pending)
    assert watch.snapshot.source == "scripted://"
    assert watch.snapshot.at <= time.monotonic()


def test_an_answer_wakes_who_waits(watch: BackgroundWatch, scripted: Scripted) -> None:
    before = watch.snapshot
    scripted.say(ready(1))
    assert watch.wait(before, BOUND)
    assert watch.snapshot.endpoints == ready(1).endpoints
    assert watch.snapshot.version == 1


def test_who_takes_a_change_over_is_told_before_it_shows_and_who_announces_it_afterwards(scripted: Scripted) -> None:
    shown: list[tuple[str, bool]] = []
    made = watching(
        scripted,
        lambda before, after: shown.append(("change", made.snapshot is before)),
        lambda before, after: shown.append(("announce", made.snapshot is after)),
    )
    scripted.say(ready(1))
    scripted.say(ready(2))
    waited_for(made, lambda snapshot: snapshot.version == 2)
    made.close()
    assert shown == [("change", True), ("announce", True)] * 2


def test_each_snapshot_follows_from_the_one_before(
    watch: BackgroundWatch, scripted: Scripted, seen: list[tuple[Snapshot, Answer]]
) -> None:
    for number in range(50):
        scripted.say(ready(number))
    waited_for(watch, lambda snapshot: snapshot.version == 50)
    assert [after.version for _, after in seen] == list(range(1, 51))
    assert all(one[1] is other[0] for one, other in pairwise(seen))


def test_a_snapshot_that_is_old_already_is_not_waited_for(watch: BackgroundWatch, scripted: Scripted) -> None:
    before = watch.snapshot
    scripted.say(ready(1))
    waited_for(watch, lambda snapshot: snapshot.state == "ready")
    assert watch.wait(before, 0.0)
    assert asyncio.run(watch.wait_async(before, 0.0))


@pytest.mark.parametrize("timeout", [0.0, 0.01])
def test_time_out(watch: BackgroundWatch, timeout: float) -> None:
    assert not watch.wait(watch.snapshot, timeout)
    assert not asyncio.run(watch.wait_async(watch.snapshot, timeout))


def test_waiters_that_gave_up_leave_nothing_behind(watch: BackgroundWatch) -> None:
    """While a registry hangs, every call waits and gives up: for hours, perhaps."""

    async def give_up() -> None:
        assert not await watch.wait_async(watch.snapshot, 0.01)
        cancelled = asyncio.create_task(watch.wait_async(watch.snapshot, None))
        await asyncio.sleep(0)
        assert len(watch._waiters) == 1
        cancelled.cancel()
        await asyncio.wait({cancelled})

    for _ in range(3):
        assert not watch.wait(watch.snapshot, 0.001)
    asyncio.run(give_up())
    assert not watch._waiters


def test_many_waiters_of_both_colours_wake(watch: BackgroundWatch, scripted: Scripted) -> None:
    before = watch.snapshot
    woken: list[bool] = []
    waiting = [threading.Thread(target=lambda: woken.append(watch.wait(before, BOUND))) for _ in range(20)]

    async def hundred() -> None:
        waits = [asyncio.create_task(watch.wait_async(before, BOUND)) for _ in range(100)]
        await asyncio.sleep(0)
        while len(watch._waiters) < 120:  # noqa: ASYNC110 - other threads count too
            await asyncio.sleep(0.005)
        scripted.say(ready(1))
        woken.extend(await asyncio.gather(*waits))

    for thread in waiting:
        thread.start()
    asyncio.run(asyncio.wait_for(hundred(), BOUND))
    for thread in waiting:
        thread.join(BOUND)
    assert woken == [True] * 120
    assert not watch._waiters


def test_no_wake_up_is_lost(watch: BackgroundWatch, scripted: Scripted) -> None:
    """Answers race with those who begin to wait for them; nobody may sleep through the last one."""
    rounds = 500
    missed: list[object] = []

    def follow() -> None:
        while (snapshot := watch.snapshot).version < rounds:
            if not watch.wait(snapshot, BOUND):
                missed.append(snapshot)
                return

    async def follow_async() -> None:
        while (snapshot := watch.snapshot).version < rounds:
            if not await watch.wait_async(snapshot, BOUND):
                missed.append(snapshot)
                return

    async def both() -> None:
        await asyncio.gather(follow_async(), follow_async())

    following = [threading.Thread(target=follow) for _ in range(2)]
    following.append(threading.Thread(target=lambda: asyncio.run(both())))
    for thread in following:
        thread.start()
    for number in range(rounds):
        scripted.say(ready(number))
        if number % 7 == 0:
            time.sleep(0)
    for thread in following:
        thread.join(4 * BOUND)
    assert not missed
    assert watch.snapshot.version == rounds


def test_a_waiter_whose_loop_is_closed_harms_nobody(watch: BackgroundWatch, scripted: Scripted) -> None:
    loop = asyncio.new_event_loop()
    task = loop.create_task(watch.wait_async(watch.snapshot, None))
    loop.run_until_complete(asyncio.sleep(0))
    assert len(watch._waiters) == 1
    loop.close()
    scripted.say(ready(1))
    waited_for(watch, lambda snapshot: snapshot.version == 1)
    scripted.say(ready(2))
    waited_for(watch, lambda snapshot: snapshot.version == 2)
    assert scripted.opened == 1
    assert not task.done()
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    task.get_coro().close()


def test_a_loop_that_closes_at_this_moment_harms_nobody() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    wake(loop, asyncio.Event())


def test_close_is_prompt_and_the_watch_has_cleaned_up(watch: BackgroundWatch, scripted: Scripted) -> None:
    scripted.say(ready(1))
    waited_for(watch, lambda snapshot: snapshot.state == "ready")
    watch.close()
    assert scripted.closed.is_set()
    watch.close()
    assert watch.snapshot.endpoints == ready(1).endpoints


def test_aclose_is_prompt_and_the_watch_has_cleaned_up(watch: BackgroundWatch, scripted: Scripted) -> None:
    scripted.say(ready(1))
    waited_for(watch, lambda snapshot: snapshot.state == "ready")
    asyncio.run(watch.aclose())
    assert scripted.closed.is_set()
    asyncio.run(watch.aclose())


def test_close_waits_a_second_at_most_for_a_watch_that_blocks() -> None:
    release = threading.Event()

    class Blocking(Scripted):
        async def watch(self, name: ServiceName) -> AsyncIterator[Answer]:
            self._open.set()
            release.wait(BOUND)
            yield ready(1)

    resolver = Blocking()
    watch = watching(resolver)
    assert resolver._open.wait(BOUND)
    begun = time.monotonic()
    watch.close()
    asyncio.run(watch.aclose())
    took = time.monotonic() - begun
    release.set()
    # Two closings; the bound is generous, the block would last ten seconds.
    assert 2 * CLOSE_TIMEOUT * 0.9 <= took < BOUND / 2
    watch.close()


def test_a_failing_observer_of_changes_is_logged(caplog: pytest.LogCaptureFixture, scripted: Scripted) -> None:
    def changed(before: Snapshot, after: Answer) -> None:
        raise ZeroDivisionError("in changed")

    watch = watching(scripted, changed)
    scripted.say(ready(1))
    assert scripted.closed.wait(BOUND)
    watch.close()
    assert "in changed" in caplog.text
    asyncio.run(watch.aclose())


def test_a_resolver_that_blocks_does_not_hold_up_the_callers_loop() -> None:
    """`time.sleep` in a watch is wrong, but it is the discovery thread that sleeps."""
    release = threading.Event()
    blocked = threading.Event()

    class Blocking(Scripted):
        async def watch(self, name: ServiceName) -> AsyncIterator[Answer]:
            blocked.set()
            release.wait(BOUND)
            yield ready(1)
            await asyncio.Event().wait()

    async def call() -> int:
        watch = watching(Blocking())
        waiting = asyncio.create_task(watch.wait_async(watch.snapshot, BOUND))
        turns = 0
        while turns < 100 or not blocked.is_set():
            await asyncio.sleep(0)
            turns += 1
        assert not waiting.done()
        release.set()
        assert await waiting
        await watch.aclose()
        return turns

    assert asyncio.run(call()) >= 100


def test_two_meshes_share_one_thread() -> None:
    def threads() -> int:
        return sum(thread.name == THREAD_NAME for thread in threading.enumerate())

    services = {"orders": {"endpoints": ["http://10.0.0.1:80"]}, "users": {"endpoints": ["http://10.0.0.2:80"]}}
    with Mesh(services=services) as one, Mesh(services=services) as two:
        one.warm("orders", "users")
        two.warm("orders", "users")
        # The thread of an earlier test may be on its way out.
        end = time.monotonic() + BOUND
        while threads() > 1 and time.monotonic() < end:
            time.sleep(0.005)
        assert threads() == 1


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_closing_wakes_who_waits_for_a_first_list(watch: BackgroundWatch, colour: str) -> None:
    """A call asks again as long as there is no list; it is told at once that there will be none."""
    ends: list[str] = []

    def call() -> None:
        snapshot = watch.snapshot
        try:
            while watch.wait(snapshot, BOUND):
                snapshot = watch.snapshot
        except ResolverUnavailable as error:
            ends.append(str(error))

    async def call_async() -> None:
        snapshot = watch.snapshot
        try:
            while await watch.wait_async(snapshot, BOUND):
                snapshot = watch.snapshot
        except ResolverUnavailable as error:
            ends.append(str(error))

    calling = threading.Thread(target=call if colour == "sync" else lambda: asyncio.run(call_async()))
    calling.start()
    end = time.monotonic() + BOUND
    while not watch._waiters and time.monotonic() < end:
        time.sleep(0.001)
    if colour == "sync":
        watch.close()
    else:
        asyncio.run(watch.aclose())
    calling.join(BOUND / 2)
    assert ends == ["cannot resolve 'orders': the mesh was closed"]
    assert isinstance(watch.snapshot, Failed)
    assert not watch._waiters


def test_a_closed_watch_tells_nobody_of_an_outage(scripted: Scripted) -> None:
    told: list[str] = []
    watch = watching(scripted, announce=lambda before, after: told.append(after.state))
    scripted.say(ready(1))
    waited_for(watch, lambda snapshot: snapshot.state == "ready")
    watch.close()
    snapshot = watch.snapshot
    assert isinstance(snapshot, Failed)
    assert snapshot.cause == "the mesh was closed"
    assert snapshot.version == 1
    assert told == ["ready"]


@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize("refusal", [OSError(24, "Too many open files"), RuntimeError("can't start new thread")])
def test_a_process_that_cannot_start_discovery_raises_an_error_of_the_client_and_tries_again(
    monkeypatch: pytest.MonkeyPatch, colour: str, refusal: Exception
) -> None:
    def refuse() -> asyncio.AbstractEventLoop:
        raise refusal

    async def get_async() -> None:
        async with AsyncClient(mesh=mesh) as client:
            await client.get("http://orders/")

    def get() -> None:
        with Client(mesh=mesh) as client:
            client.get("http://orders/")

    def refused(service_of: Callable[[str, str], object], scheme: str, host: str) -> object:
        # Only here: a loop of the test's own begins before.
        with monkeypatch.context() as patch:
            patch.setattr("meshclient.discovery.runtime.loop.asyncio.new_event_loop", refuse)
            return service_of(scheme, host)

    monkeypatch.setattr("meshclient.discovery.runtime.background.background", BackgroundLoop)
    with Mesh(services={"orders": {"endpoints": ["http://10.0.0.1:80"]}}) as mesh:
        monkeypatch.setattr(mesh, "service_of", partial(refused, mesh.service_of))
        with pytest.raises(ResolverUnavailable, match="discovery could not be started") as caught:
            get() if colour == "sync" else asyncio.run(get_async())
        assert isinstance(caught.value, httpx.ConnectError)
        assert str(refusal) in str(caught.value)
        assert "nothing was sent" in str(caught.value)
        assert caught.value.__cause__ is refusal
        assert caught.value.mesh is not None
        assert caught.value.mesh.service == "orders"
        assert mesh.warm("orders")["orders"].state == "ready"


def test_closing_a_mesh_ends_a_call_that_waits_for_a_first_list(scripted: Scripted) -> None:
    mesh = Mesh(scripted)
    caught: list[Exception] = []

    def call() -> None:
        with Client(mesh=mesh) as client:
            try:
                client.get("http://orders/", extensions={"mesh": {"deadline": 4 * BOUND}})
            except httpx.ConnectError as error:
                caught.append(error)

    watch = mesh.service("orders").watch
    assert isinstance(watch, BackgroundWatch)
    calling = threading.Thread(target=call, daemon=True)
    calling.start()
    end = time.monotonic() + BOUND
    while not watch._waiters and time.monotonic() < end:
        time.sleep(0.001)
    mesh.close()
    calling.join(BOUND)
    (error,) = caught
    assert isinstance(error, ResolverUnavailable)
    assert "the mesh was closed" in str(error)
