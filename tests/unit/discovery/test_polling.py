"""`PollingResolver`: what it asks, and how long it pauses."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise

import pytest

from meshclient.discovery.resolver import JITTER, TTL_FLOOR, PollingResolver
from meshclient.errors import ConfigError
from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Ready, listing

NAME = ServiceName("orders")
LIST = listing([Endpoint("10.0.0.1", 80)], source="poll://")


class Scripted(PollingResolver):
    """Answers from a list; an exception in it is raised."""

    def __init__(self, *answers: Ready | Empty | Exception, interval: float = 10.0, seed: int = 1) -> None:
        super().__init__(source="poll://", interval=interval, rng=random.Random(seed))
        self.answers = list(answers)
        self.asked: list[ServiceName] = []

    async def fetch(self, name: ServiceName) -> Ready | Empty:
        self.asked.append(name)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return slept


def watched(resolver: Scripted) -> list[Ready | Empty]:
    """The answers until the script is used up."""

    async def run() -> list[Ready | Empty]:
        return [answer async for answer in resolver.watch(NAME)]

    try:
        return asyncio.run(run())
    except IndexError:
        return []


def test_each_fetch_is_an_answer_and_a_pause_follows(pauses: list[float]) -> None:
    empty = Empty(source="poll://")
    resolver = Scripted(LIST, empty, LIST)

    async def run() -> list[Ready | Empty]:
        stream = resolver.watch(NAME)
        return [await anext(stream) for _ in range(3)]

    assert asyncio.run(run()) == [LIST, empty, LIST]
    assert resolver.asked == [NAME] * 3
    assert len(pauses) == 2


def test_an_error_leaves_the_watch_to_whoever_runs_it(pauses: list[float]) -> None:
    with pytest.raises(OSError, match="down"):
        watched(Scripted(LIST, OSError("down"), LIST))


def test_the_interval_is_spread_within_its_bounds(pauses: list[float]) -> None:
    watched(Scripted(*[LIST] * 200))
    assert all(10 * (1 - JITTER) <= pause <= 10 * (1 + JITTER) for pause in pauses)
    assert max(pauses) - min(pauses) > 10 * JITTER, "no jitter to speak of"
    assert any(a != b for a, b in pairwise(pauses))


def test_a_ttl_replaces_the_interval(pauses: list[float]) -> None:
    watched(Scripted(*[listing(LIST.endpoints, source="poll://", ttl=60.0)] * 20))
    assert all(60 * (1 - JITTER) <= pause <= 60 * (1 + JITTER) for pause in pauses)


@pytest.mark.parametrize("ttl", [0.0, 1e-9, -5.0])
def test_a_ttl_of_nothing_is_no_hot_loop(pauses: list[float], ttl: float) -> None:
    watched(Scripted(*[listing(LIST.endpoints, source="poll://", ttl=ttl)] * 20))
    assert len(pauses) == 20
    assert all(pause >= TTL_FLOOR * (1 - JITTER) for pause in pauses)


@pytest.mark.parametrize("interval", [0.0, -1.0, float("nan")])
def test_an_interval_of_nothing_is_refused(interval: float) -> None:
    with pytest.raises(ConfigError, match="poll://: the interval between two polls must be above 0"):
        Scripted(interval=interval)


def test_two_processes_do_not_march_in_step(pauses: list[float]) -> None:
    watched(Scripted(*[LIST] * 5, seed=1))
    first = pauses.copy()
    pauses.clear()
    watched(Scripted(*[LIST] * 5, seed=2))
    assert first != pauses
