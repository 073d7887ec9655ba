"""What `supervise` makes of a watch that answers, fails, ends, or is cancelled."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.supervision import BACKOFF_FIRST, BACKOFF_LIMIT, describe, supervise, supervise_all
from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Failed, Ready, listing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

NAME = ServiceName("orders")
LIST = Ready((Endpoint("10.0.0.1", 80),), source="fake://")
OTHER = Ready((Endpoint("10.0.0.2", 80),), source="fake://")

Step = Ready | Empty | Failed | Exception


class Scripted:
    """A resolver whose n-th watch plays the n-th script, then ends; an exception in a script is raised."""

    source = "fake://"

    def __init__(self, *scripts: tuple[Step, ...]) -> None:
        self.scripts = list(scripts)
        self.closed = 0

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready | Empty | Failed]:
        assert name == NAME
        try:
            for step in self.scripts.pop(0) if self.scripts else (RuntimeError("out of script"),):
                if isinstance(step, Exception):
                    raise step
                yield step
        finally:
            self.closed += 1


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The back-offs that were slept, without sleeping."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("meshclient.discovery.supervision.asyncio.sleep", sleep)
    return slept


def played(resolver: Scripted, count: int, clock: Callable[[], float] | None = None) -> list[Ready | Empty | Failed]:
    ticks = iter(range(1, 10_000))

    async def run() -> list[Ready | Empty | Failed]:
        stream = supervise(resolver, NAME, clock or (lambda: float(next(ticks))), random.Random(1))
        try:
            return [await anext(stream) for _ in range(count)]
        finally:
            await stream.aclose()

    return asyncio.run(run())


def test_answers_are_stamped_with_the_time_of_their_arrival() -> None:
    first, second = played(Scripted((LIST, Empty(source="fake://"))), 2)
    assert (first.at, second.at) == (1.0, 2.0)
    assert first.endpoints == LIST.endpoints
    assert isinstance(second, Empty)


def test_a_failure_carries_the_last_answer_and_the_source(pauses: list[float]) -> None:
    _, failed = played(Scripted((LIST, OSError("no route"))), 2)
    assert isinstance(failed, Failed)
    assert failed.cause == "OSError: no route"
    assert failed.source == "fake://"
    assert failed.last is not None
    assert failed.last.at == 1.0
    assert failed.endpoints == LIST.endpoints


def test_a_failure_before_any_answer_has_no_last(pauses: list[float]) -> None:
    (failed,) = played(Scripted((OSError("no route"),)), 1)
    assert isinstance(failed, Failed)
    assert failed.last is None


def test_an_outage_keeps_its_beginning_until_an_answer_ends_it(pauses: list[float]) -> None:
    resolver = Scripted((LIST, OSError("1")), (OSError("2"),), (OSError("3"),), (OTHER, OSError("4")))
    seen = played(resolver, 6)
    failures = [s for s in seen if isinstance(s, Failed)]
    assert [f.cause[-1] for f in failures] == ["1", "2", "3", "4"]
    assert failures[0].at == failures[1].at == failures[2].at
    assert failures[3].at > seen[4].at
    assert failures[3].endpoints == OTHER.endpoints


def test_a_yielded_failure_is_completed_and_the_watch_goes_on(pauses: list[float]) -> None:
    resolver = Scripted((LIST, Failed("half a file"), Failed("still", source="file://x"), OTHER))
    ready, first, second, mended = played(resolver, 4)
    assert isinstance(first, Failed)
    assert isinstance(second, Failed)
    assert (first.cause, first.source) == ("half a file", "fake://")
    assert second.source == "file://x"
    assert first.last == second.last == ready
    assert first.at == second.at == 2.0
    assert mended.endpoints == OTHER.endpoints
    assert pauses == []


def test_a_yielded_failure_before_any_answer_has_no_last() -> None:
    (failed,) = played(Scripted((Failed("no file"),)), 1)
    assert isinstance(failed, Failed)
    assert failed.last is None


def test_an_outage_spans_yielded_and_raised_failures(pauses: list[float]) -> None:
    seen = played(Scripted((Failed("a"), OSError("b")), (Failed("c"), LIST)), 4)
    assert [s.at for s in seen[:3]] == [1.0, 1.0, 1.0]


def test_a_watch_that_ends_is_started_again(pauses: list[float]) -> None:
    resolver = Scripted((LIST,), (OTHER,))
    first, failed, second = played(resolver, 3)
    assert first.endpoints == LIST.endpoints
    assert isinstance(failed, Failed)
    assert "ended" in failed.cause
    assert second.endpoints == OTHER.endpoints


def test_a_watch_that_cannot_even_begin_is_a_failure(pauses: list[float]) -> None:
    class Refusing(Scripted):
        def watch(self, name: ServiceName) -> AsyncIterator[Ready | Empty | Failed]:
            raise ValueError(name)

    (failed,) = played(Refusing(), 1)
    assert isinstance(failed, Failed)
    assert failed.cause == "ValueError: orders"


def test_back_off_doubles_within_its_bounds_and_restarts_after_an_answer(pauses: list[float]) -> None:
    broken = [(OSError("down"),)] * 12
    played(Scripted(*broken, (LIST, OSError("again"))), 15)
    bound = BACKOFF_FIRST
    for pause in pauses[:12]:
        assert bound / 2 <= pause <= bound
        bound = min(BACKOFF_LIMIT, bound * 2)
    assert bound == BACKOFF_LIMIT
    assert BACKOFF_FIRST / 2 <= pauses[12] <= BACKOFF_FIRST
    assert len({round(pause / BACKOFF_LIMIT, 6) for pause in pauses[7:12]}) > 1, "no jitter"


def test_cancellation_closes_the_watch_and_leaves_nothing() -> None:
    closed = asyncio.Event()

    class Endless:
        source = "fake://"

        async def watch(self, name: ServiceName) -> AsyncIterator[Ready]:
            try:
                yield LIST
                await asyncio.Event().wait()
            finally:
                closed.set()

    async def run() -> None:
        before = asyncio.all_tasks()
        answered = asyncio.Event()

        async def follow() -> None:
            async for _ in supervise(Endless(), NAME, lambda: 0.0, random.Random(1)):
                answered.set()

        task = asyncio.create_task(follow())
        await asyncio.wait_for(answered.wait(), 5)
        task.cancel()
        await asyncio.wait({task}, timeout=5)
        assert task.cancelled()
        assert closed.is_set()
        assert asyncio.all_tasks() == before

    asyncio.run(run())


def test_closing_between_answers_closes_the_watch() -> None:
    resolver = Scripted((LIST, OTHER))

    async def run() -> None:
        stream = supervise(resolver, NAME, lambda: 0.0, random.Random(1))
        await anext(stream)
        await stream.aclose()
        assert resolver.closed == 1, "left to the garbage collector"

    asyncio.run(run())


def test_an_empty_answer_is_an_answer(pauses: list[float]) -> None:
    empty = listing([], source="fake://", exists=False)
    _, _, failed = played(Scripted((LIST, empty, OSError("x"))), 3)
    assert isinstance(failed, Failed)
    assert isinstance(failed.last, Empty)
    assert not failed.last.exists


@pytest.mark.parametrize(
    ("exc", "text"),
    [(ValueError("a\n  b"), "ValueError: a b"), (TimeoutError(), "TimeoutError"), (KeyError("k"), "KeyError: 'k'")],
)
def test_an_exception_is_described_on_one_line(exc: Exception, text: str) -> None:
    assert describe(exc) == text


def test_a_cancellation_within_the_resolver_is_a_failure_like_others(pauses: list[float]) -> None:
    class Gives(Scripted):
        """Its first watch waits for something of its own, which is cancelled."""

        def __init__(self) -> None:
            super().__init__((LIST,))
            self.begun = 0

        async def watch(self, name: ServiceName) -> AsyncIterator[Ready | Empty | Failed]:
            self.begun += 1
            if self.begun == 1:
                future = asyncio.get_running_loop().create_future()
                future.cancel()
                await future
            yield LIST

    failed, mended = played(Gives(), 2)
    assert isinstance(failed, Failed)
    assert failed.cause == "CancelledError"
    assert mended.endpoints == LIST.endpoints


class Counted:
    """Answers as often as it is asked to, and counts that."""

    source = "fake://"

    def __init__(self) -> None:
        self.taken = 0
        self.closed = False

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready]:
        try:
            while True:
                yield LIST
                self.taken += 1
        finally:
            self.closed = True


@pytest.mark.parametrize("number", [1, 2, 3])
def test_of_several_none_goes_on_before_its_answer_has_been_dealt_with(number: int) -> None:
    """Nothing piles up, and an answer that its resolver sees taken has been taken."""
    resolvers = [Counted() for _ in range(number)]
    dealt_with = [0] * number

    async def run() -> None:
        stream = supervise_all(resolvers, NAME, lambda: 0.0, random.Random(1))
        async with asyncio.timeout(10):
            while min(dealt_with) < 5:
                at, answer = await anext(stream)
                for _ in range(20):
                    await asyncio.sleep(0)
                assert answer.endpoints == LIST.endpoints
                assert [each.taken for each in resolvers] == dealt_with
                dealt_with[at] += 1
        await stream.aclose()
        assert all(each.closed for each in resolvers), "left to the garbage collector"

    asyncio.run(run())
