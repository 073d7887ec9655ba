"""The cache on trio's loop: calls wait for each other there too, each may be cancelled, and stale is fetched anew."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio
import trio.testing

import meshclient
from integration.trioface import BOUND, on_trio, until
from meshclient.core.caching.policy import Policy
from meshclient.http import errands
from meshclient.http._async.caching.cache import AsyncCache
from meshclient.http._async.caching.download import AsyncDownload
from meshclient.http.caching.memory import MemoryStore
from meshclient.http.caching.room import Claim, Room
from meshclient.http.caching.shelf import Rule, Shelf
from unit.http.cached import MEGABYTE, AsyncCachedTransport, Site, Wall, answer
from unit.http.gate import URL, Gate, gates_fixture  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FRESH = "Cache-Control: max-age=60"


class Callers:
    """A client, and what its calls have come to."""

    def __init__(self, url: str) -> None:
        self.wall = Wall()
        self.shelf = Shelf("orders", lambda _: Rule(Policy()), MemoryStore(MEGABYTE, self.wall), self.wall)
        self.cache = AsyncCache(self.shelf)
        self.mesh = meshclient.Mesh(services={"orders": {"endpoints": [url]}})
        transport = AsyncCachedTransport(self.mesh, self.cache)
        self.client = httpx.AsyncClient(transport=transport, timeout=BOUND)
        self.texts: list[str] = []
        self.errors: list[Exception] = []

    async def call(self, scope: trio.CancelScope | None = None, **keywords: Any) -> None:
        with scope or trio.CancelScope():
            try:
                self.texts.append((await self.client.get(URL, **keywords)).text)
            except httpx.HTTPError as error:
                self.errors.append(error)

    def waiting(self) -> int:
        return sum(flight.waiting for flight in self.cache._flights._flights.values())

    def pending(self) -> int:
        service = self.mesh.service("orders")
        return sum(status.pending for status in service.balancer.status(service.clock()))


@asynccontextmanager
async def callers(url: str) -> AsyncIterator[Callers]:
    made = Callers(url)
    with made.mesh:
        async with made.client:
            yield made


def test_equal_calls_make_one(gates: list[Gate]) -> None:
    gates.append(gate := Gate(lambda _: answer(FRESH, body="shared")))

    async def work() -> None:
        async with callers(gate.server.url) as those, trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(those.call)
            await until(lambda: those.waiting() == 5)
            gate.open.set()
            await until(lambda: len(those.texts) == 5)
            await those.call()
            assert (
                those.shelf.lookups.as_dict() | {"miss": 1, "coalesced": 4, "hit": 1} == those.shelf.lookups.as_dict()
            )
            assert (those.texts, gate.asked, len(those.cache._flights)) == (["shared"] * 6, 1, 0)

    on_trio(work)


@pytest.mark.parametrize("when", ["the head", "the body"])
@pytest.mark.parametrize("who", ["the first", "another", "all"])
def test_cancellation_takes_one_caller_out(gates: list[Gate], who: str, when: str) -> None:
    whole = answer(FRESH, body="survived")
    before = whole[:-2] if when == "the body" else b""
    gates.append(gate := Gate(lambda _: whole.removeprefix(before), before))

    async def work() -> None:
        async with callers(gate.server.url) as those, trio.open_nursery() as nursery:
            scopes = [trio.CancelScope() for _ in range(4)]
            for number, scope in enumerate(scopes, 1):
                nursery.start_soon(those.call, scope)
                await until(lambda count=number: those.waiting() == count)  # type: ignore[misc]
            await until(lambda: gate.asked == 1)
            flight = next(iter(those.cache._flights._flights.values()))
            if before:
                await until(lambda: flight.landing is not None)
            for scope in {"the first": scopes[:1], "another": scopes[1:3], "all": scopes}[who]:
                scope.cancel()
            left = {"the first": 3, "another": 2, "all": 0}[who]
            await until(lambda: flight.waiting == left)
            if left:
                gate.open.set()
            else:
                await until(gate.ended.is_set)
            await until(lambda: len(those.texts) == left)
            await until(lambda: those.pending() == 0)
            assert (those.texts, those.errors, gate.asked) == (["survived"] * left, [], 1)
            assert len(those.cache._flights) == 0

    on_trio(work)


class Late(httpx.AsyncByteStream):
    """A body whose piece comes although its reader has been cancelled."""

    def __init__(self) -> None:
        self.read, self.come, self.closed = trio.Event(), trio.Event(), 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        with trio.CancelScope(shield=True):
            self.read.set()
            await self.come.wait()
        return b"piece"

    async def aclose(self) -> None:
        self.closed += 1


def test_a_body_is_closed_by_a_caller_that_is_cancelled() -> None:
    async def ended(_: bytes | None) -> None:
        pass

    async def work() -> None:
        source, scope = Late(), trio.CancelScope()
        download = AsyncDownload(source, 1000, ended, Claim(Room(1000)), shared=True)

        async def reading() -> None:
            with scope:
                try:
                    await download.chunk(0)
                finally:
                    await download.aclose()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(reading)
            await source.read.wait()
            scope.cancel()
            await trio.testing.wait_all_tasks_blocked()
            source.come.set()
        assert source.closed == 1

    on_trio(work)


def test_a_deadline_is_the_callers_own(gates: list[Gate]) -> None:
    gates.append(gate := Gate(lambda _: answer(FRESH, body="late")))

    async def work() -> None:
        async with callers(gate.server.url) as those, trio.open_nursery() as nursery:
            nursery.start_soon(those.call)
            await until(lambda: those.waiting() == 1 and gate.asked == 1)

            async def short() -> None:
                # Equal to the first but for its time: that is taken from it here, so that it boards the same flight.
                landed = await next(iter(those.cache._flights._flights.values())).landed(never, 0.05)
                assert not landed
                gate.open.set()

            nursery.start_soon(short)
        assert those.texts == ["late"]

    async def never() -> None:
        raise AssertionError

    on_trio(work)


def test_closing_ends_what_is_under_way(gates: list[Gate]) -> None:
    gates.append(gate := Gate(lambda _: answer(FRESH, body="late")))

    async def work() -> None:
        async with callers(gate.server.url) as those, trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(those.call)
            await until(lambda: those.waiting() == 3 and gate.asked == 1)
            await those.client.aclose()
            await until(lambda: len(those.errors) == 3)
            assert (those.texts, gate.asked) == ([], 1)

    on_trio(work)


def test_what_is_stale_is_fetched_in_the_background() -> None:
    lines = "Cache-Control: max-age=60, stale-while-revalidate=600"
    with Site(lambda _, number: answer(lines, body=str(number))) as site:

        async def work() -> None:
            async with callers(site.url) as those:
                await those.call()
                those.wall.ahead = 70
                await those.call()
                await until(lambda: len(site.asked) == 2 and not those.cache._refreshing)
                await those.call()
                assert those.texts == ["1", "1", "2"]
                assert (
                    those.shelf.lookups.as_dict() | {"miss": 1, "stale": 1, "hit": 1} == those.shelf.lookups.as_dict()
                )

        on_trio(work)
        assert len(site.asked) == 2


def test_the_end_of_a_client_lets_the_background_end(gates: list[Gate], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errands, "GRACE", BOUND)
    lines = "Cache-Control: max-age=60, stale-while-revalidate=600"
    gates.append(gate := Gate(lambda number: answer(lines, body=str(number))))
    gate.open.set()

    async def work() -> None:
        async with callers(gate.server.url) as those:
            await those.call()
            those.wall.ahead = 70
            gate.open.clear()
            await those.call()
            await until(lambda: gate.asked == 2)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(those.client.aclose)
                await trio.testing.wait_all_tasks_blocked()
                gate.open.set()
            [variant] = those.shelf.store.get("orders http://orders\n/", {}).each  # type: ignore[union-attr]
            assert variant.body == b"2"

    on_trio(work)


def test_the_end_of_a_client_does_not_wait_for_long(gates: list[Gate], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errands, "GRACE", 0.1)
    lines = "Cache-Control: max-age=60, stale-while-revalidate=600"
    gates.append(gate := Gate(lambda _: answer(lines, body="x")))
    gate.open.set()

    async def work() -> None:
        async with callers(gate.server.url) as those:
            await those.call()
            those.wall.ahead = 70
            gate.open.clear()
            await those.call()
            await until(lambda: gate.asked == 2)
        assert gate.ended.wait(BOUND)
        assert not those.cache._refreshing
        assert (those.texts, those.pending()) == (["x", "x"], 0)

    on_trio(work)
