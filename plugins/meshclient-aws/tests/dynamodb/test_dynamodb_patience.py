"""When a watch asks again: from a script instead of a server, so that nothing but its own decisions counts."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty
from meshclient_aws.dynamodb.change import Change
from meshclient_aws.dynamodb.news import News
from meshclient_aws.dynamodb.resolver import DynamoDbResolver
from meshclient_aws.dynamodb.roster import Beat

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Nothing:
    """Lists no item, and notes when it was asked."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.queries: list[float] = []

    async def call(self, operation: str, about: str, **parameters: object) -> Mapping[str, object]:
        self.queries.append(self._clock())
        return {"Items": []}


class OverError(Exception):
    """The script has ended."""


class Scripted(News):
    """What happens every 10 ms, in a time of its own that passes while the watch waits."""

    def __init__(self, happens: Callable[[int, News], None], steps: int) -> None:
        super().__init__(streaming=True)
        self.now = 0.0
        self._happens = happens
        self._steps = iter(range(steps))

    async def wait(self, seconds: float) -> None:
        self.now += min(seconds, 0.01)
        step = next(self._steps, None)
        if step is None:
            raise OverError
        self._happens(step, self)


def asked(
    monkeypatch: pytest.MonkeyPatch, options: str, happens: Callable[[int, News], None], steps: int = 50
) -> list[float]:
    """When a watch has asked by the end of the script, in seconds from its beginning."""
    news = Scripted(happens, steps)
    client = Nothing(lambda: news.now)
    resolver = DynamoDbResolver(ResolverUri.parse(f"dynamodb://registry?{options}"), clock=lambda: news.now)
    resolver._client = client
    monkeypatch.setattr(resolver, "_following", lambda name: contextlib.nullcontext(news))

    async def follow() -> None:
        async for answer in resolver.watch(ServiceName("web")):
            assert isinstance(answer, Empty)

    with pytest.raises(OverError):
        asyncio.run(follow())
    return client.queries


def test_changes_without_a_pause_cost_a_query_per_read_and_wait_for_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def happens(_: int, news: News) -> None:
        news.tell(Change("web", "a"))

    queries = asked(monkeypatch, "pace=250ms&interval=1h", happens, steps=1000)
    gaps = [after - before for before, after in itertools.pairwise(queries)]
    assert len(gaps) > 10
    assert 0.22 < min(gaps) <= max(gaps) <= 0.25


def test_a_change_after_a_pause_is_asked_about_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def happens(step: int, news: News) -> None:
        if step == 30:
            news.tell(Change("web", "a"))

    assert asked(monkeypatch, "pace=250ms&interval=1h", happens) == [0.0, pytest.approx(0.31)]


def test_nothing_is_asked_while_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, "pace=1ms&interval=1h", lambda *_: None) == [0.0]


def test_a_watch_polls_while_the_stream_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshclient_aws.dynamodb.options.POLL_INTERVAL", 0.05)
    assert 8 <= len(asked(monkeypatch, "interval=1h", lambda _, news: news.turn(streaming=False))) <= 12
    assert len(asked(monkeypatch, "interval=1h", lambda _, news: news.turn(streaming=True))) == 1


def test_a_renewal_of_an_instance_that_was_never_listed_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    beat = Change("web", "a", Beat(expires=9e9, heartbeat=1.0))

    def happens(step: int, news: News) -> None:
        if step == 9:
            news.tell(beat)

    assert asked(monkeypatch, "pace=1ms", happens) == [0.0, pytest.approx(0.1)]


def test_of_many_renewals_the_latest_is_kept() -> None:
    news = News()
    for heartbeat in (2.0, 3.0, 1.0):
        news.tell(Change("web", "a", Beat(expires=heartbeat, heartbeat=heartbeat)))
    assert news.take() == {"a": Beat(3.0, 3.0)}
    assert news.take() == {}
    assert not news.stale
