"""``a | b`` and ``a + b``: the tables of their two functions, and the watch over parts that answer, fail and wait."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery import supervision
from meshclient.discovery.composition import FirstAnswering, Union, first_answer, union_answer
from meshclient.discovery.supervision import supervise
from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Failed, Ready

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Coroutine

    from meshclient.discovery.resolver import Resolver

NAME = ServiceName("orders")
A, B, C = (Endpoint(f"10.0.0.{number}", 80) for number in (1, 2, 3))
READY_A, READY_B = Ready((A,), source="a://", at=1.0), Ready((B,), source="b://", at=2.0)
EMPTY = Empty(source="e://")
UNKNOWN = Empty(exists=False, source="u://")
DOWN = Failed("down", source="d://")
DOWN_WITH_A = Failed("down", source="a://", last=READY_A)
DOWN_WITH_EMPTY = Failed("down", source="a://", last=EMPTY)
DOWN_WITH_UNKNOWN = Failed("down", source="a://", last=UNKNOWN)

Answer = Ready | Empty | Failed


@pytest.mark.parametrize(
    ("latest", "expected"),
    [
        ((READY_A, READY_B), READY_A),
        ((READY_A, None), READY_A),
        ((None, READY_B), None),
        ((None, None), None),
        ((UNKNOWN, READY_B), READY_B),
        ((UNKNOWN, None), None),
        ((DOWN, READY_B), READY_B),
        ((DOWN, None), None),
        ((EMPTY, READY_B), EMPTY),
        ((DOWN_WITH_A, READY_B), DOWN_WITH_A),
        ((DOWN_WITH_EMPTY, READY_B), DOWN_WITH_EMPTY),
        ((DOWN_WITH_UNKNOWN, READY_B), READY_B),
        ((UNKNOWN, UNKNOWN), Empty(exists=False, source="s")),
        ((UNKNOWN, EMPTY), EMPTY),
        ((DOWN, UNKNOWN), Failed("d://: down", source="s")),
        ((UNKNOWN, DOWN), Failed("d://: down", source="s")),
        ((DOWN, DOWN), Failed("d://: down; d://: down", source="s")),
        ((DOWN, DOWN_WITH_A), DOWN_WITH_A),
    ],
)
def test_first_answer(latest: tuple[Answer | None, ...], expected: Answer | None) -> None:
    assert first_answer(latest, "s") == expected


@pytest.mark.parametrize(
    ("latest", "expected"),
    [
        ((READY_A, READY_B), Ready((A, B), source="s", at=1.0)),
        ((READY_A, READY_A), Ready((A,), source="s", at=1.0)),
        ((READY_A, None), None),
        ((None, DOWN), None),
        ((READY_A, EMPTY), Ready((A,), source="s", at=1.0)),
        ((READY_A, UNKNOWN), Ready((A,), source="s", at=1.0)),
        ((EMPTY, UNKNOWN), Empty(exists=True, source="s")),
        ((UNKNOWN, UNKNOWN), Empty(exists=False, source="s")),
        ((READY_B, DOWN), Failed("d://: down", source="s", last=Ready((B,), source="s", at=2.0))),
        ((READY_B, DOWN_WITH_A), Failed("a://: down", source="s", last=Ready((A, B), source="s", at=1.0))),
        ((EMPTY, DOWN_WITH_A), Failed("a://: down", source="s", last=Ready((A,), source="s", at=1.0))),
        ((EMPTY, DOWN), Failed("d://: down", source="s")),
        ((DOWN, DOWN), Failed("d://: down; d://: down", source="s")),
    ],
)
def test_union_answer(latest: tuple[Answer | None, ...], expected: Answer | None) -> None:
    assert union_answer(latest, "s") == expected


def test_a_union_is_asked_again_when_its_first_part_wants_to_be() -> None:
    answer = union_answer((Ready((A,), ttl=30.0), Ready((B,), ttl=10.0), Ready((C,))), "s")
    assert isinstance(answer, Ready)
    assert answer.ttl == 10.0


class Part:
    """A resolver that says what the test tells it to."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.said: asyncio.Queue[Answer | Exception] = asyncio.Queue()
        self.opened = 0
        self.closed = 0

    async def watch(self, name: ServiceName) -> AsyncIterator[Answer]:
        assert name == NAME
        self.opened += 1
        try:
            while True:
                answer = await self.said.get()
                if isinstance(answer, Exception):
                    raise answer
                yield answer
        finally:
            await asyncio.sleep(0)
            self.closed += 1

    def say(self, *answers: Answer | Exception) -> None:
        for answer in answers:
            self.said.put_nowait(answer)


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "BACKOFF_FIRST", 0.0)


def watching(resolver: Resolver) -> AsyncGenerator[Answer, None]:
    """As the runtime runs it."""
    return supervise(resolver, NAME, time.monotonic, random.Random(1))


def run(main: Coroutine[object, object, None]) -> None:
    """Run a test, which must leave no task behind."""

    async def bounded() -> None:
        async with asyncio.timeout(10):
            await main
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(bounded())


async def until(stream: AsyncGenerator[Answer, None], *endpoints: Endpoint, state: str) -> Answer:
    """The next answer that looks like this; an answer may be skipped by the one that follows."""
    async for answer in stream:
        if answer.state == state and answer.endpoints == endpoints:
            return answer
    raise AssertionError


def test_a_union_adds_up_and_follows_each_part() -> None:
    async def main() -> None:
        a, b = Part("a://"), Part("b://")
        stream = watching(Union((a, b)))
        a.say(READY_A)
        b.say(READY_B)
        answer = await until(stream, A, B, state="ready")
        assert answer.source == "a:// + b://"
        b.say(Ready((B, C)))
        await until(stream, A, B, C, state="ready")
        a.say(EMPTY)
        await until(stream, B, C, state="ready")
        await stream.aclose()

    run(main())


def test_one_part_of_a_union_fails_and_neither_stops_nor_restarts_the_other() -> None:
    async def main() -> None:
        a, b = Part("a://"), Part("b://")
        stream = watching(Union((a, b)))
        a.say(READY_A)
        b.say(READY_B)
        ready = await until(stream, A, B, state="ready")
        a.say(OSError("gone"))
        failed = await until(stream, A, B, state="failed")
        assert isinstance(failed, Failed)
        assert failed.cause == "a://: OSError: gone"
        assert failed.last is not None
        assert 0 < failed.last.at <= ready.at, "the age of the list can be told"
        b.say(Ready((C,)))
        await until(stream, A, C, state="failed")
        a.say(READY_A)
        await until(stream, A, C, state="ready")
        assert (a.opened, b.opened) == (2, 1)
        await stream.aclose()

    run(main())


def test_the_first_that_answers() -> None:
    async def main() -> None:
        a, b = Part("a://"), Part("b://")
        stream = watching(FirstAnswering((a, b)))
        b.say(READY_B)
        a.say(UNKNOWN)
        await until(stream, B, state="ready")
        a.say(READY_A)
        await until(stream, A, state="ready")
        a.say(OSError("gone"))
        failed = await until(stream, A, state="failed")
        assert isinstance(failed, Failed)
        assert failed.source == "a://"
        b.say(Ready((C,)))
        a.say(UNKNOWN)
        await until(stream, C, state="ready")
        await stream.aclose()

    run(main())


def test_an_outage_of_the_first_from_the_beginning_is_bridged() -> None:
    async def main() -> None:
        a, b = Part("a://"), Part("b://")
        stream = watching(FirstAnswering((a, b)))
        a.say(OSError("gone"))
        b.say(READY_B)
        await until(stream, B, state="ready")
        await stream.aclose()

    run(main())


@pytest.mark.parametrize("combined", [FirstAnswering, Union])
def test_cancellation_closes_every_part(combined: type[FirstAnswering | Union]) -> None:
    async def main() -> None:
        parts = Part("a://"), Part("b://"), Part("c://")
        answered = asyncio.Event()

        async def follow() -> None:
            async for _ in watching(combined(parts)):
                answered.set()

        task = asyncio.create_task(follow())
        for part in parts:
            part.say(READY_A)
        await answered.wait()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert [part.closed for part in parts] == [part.opened for part in parts]

    run(main())


@pytest.mark.parametrize("combined", [FirstAnswering, Union])
def test_closing_between_answers_closes_every_part(combined: type[FirstAnswering | Union]) -> None:
    """As in on-demand mode: one answer is taken, then the watch is closed while it stands at its yield."""

    async def main() -> None:
        parts = Part("a://"), Part("b://")
        for part in parts:
            part.say(READY_A)
        stream = watching(combined(parts))
        await anext(stream)
        await stream.aclose()
        assert [part.closed for part in parts] == [part.opened for part in parts]

    run(main())


def test_compositions_nest() -> None:
    async def main() -> None:
        a, b, c = Part("a://"), Part("b://"), Part("c://")
        stream = watching(FirstAnswering((Union((a, b)), c)))
        a.say(READY_A)
        b.say(OSError("gone"))
        c.say(Ready((C,)))
        failed = await until(stream, A, state="failed")
        assert isinstance(failed, Failed)
        assert failed.cause == "b://: OSError: gone"
        await stream.aclose()
        assert [part.opened for part in (a, c)] == [part.closed for part in (a, c)] == [1, 1]

    run(main())
