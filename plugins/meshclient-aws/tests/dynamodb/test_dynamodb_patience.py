"""When a watch asks again: from a script instead of a server, so that nothing but its own decisions counts."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from meshclient.discovery.resolver import ResolverUri
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty
from meshclient_aws.dynamodb.change import Change
from meshclient_aws.dynamodb.news import News
from meshclient_aws.dynamodb.resolver import DynamoDbResolver
from meshclient_aws.dynamodb.roster import Beat

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pytest


class Nothing:
    """Lists no item, and counts."""

    def __init__(self) -> None:
        self.queries = 0

    async def call(self, operation: str, about: str, **parameters: object) -> Mapping[str, object]:
        self.queries += 1
        return {"Items": []}


def asked(monkeypatch: pytest.MonkeyPatch, options: str, news: News, during: Callable[[int], None]) -> int:
    """How often a watch has asked once `during` was called fifty times, every 10 ms."""
    resolver = DynamoDbResolver(ResolverUri.parse(f"dynamodb://registry?{options}"))
    resolver._client = client = Nothing()
    monkeypatch.setattr(resolver, "_following", lambda name: contextlib.nullcontext(news))

    async def follow() -> None:
        async for answer in resolver.watch(ServiceName("web")):
            assert isinstance(answer, Empty)

    async def check() -> None:
        following = asyncio.create_task(follow())
        for number in range(50):
            await asyncio.sleep(0.01)
            during(number)
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following

    asyncio.run(check())
    return client.queries


def test_changes_are_gathered_for_as_long_as_two_reads_take(monkeypatch: pytest.MonkeyPatch) -> None:
    news = News(streaming=True)
    # At 0, 200 and 400 ms; a busy machine may take twice as long.
    assert 2 <= asked(monkeypatch, "pace=100ms", news, lambda _: news.tell(Change("web", "a"))) <= 6


def test_nothing_is_asked_while_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, "pace=1ms&interval=1h", News(streaming=True), lambda _: None) == 1


def test_a_watch_polls_while_the_stream_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshclient_aws.dynamodb.options.POLL_INTERVAL", 0.05)
    down, up = News(streaming=True), News(streaming=True)
    assert asked(monkeypatch, "interval=1h", down, lambda _: down.turn(streaming=False)) > 3
    assert asked(monkeypatch, "interval=1h", up, lambda _: up.turn(streaming=True)) == 1


def test_a_renewal_of_an_instance_that_was_never_listed_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    news = News(streaming=True)
    beat = Change("web", "a", Beat(expires=9e9, heartbeat=1.0))
    assert asked(monkeypatch, "pace=1ms", news, lambda number: news.tell(beat) if number == 9 else None) == 2


def test_of_many_renewals_the_latest_is_kept() -> None:
    news = News()
    for heartbeat in (2.0, 3.0, 1.0):
        news.tell(Change("web", "a", Beat(expires=heartbeat, heartbeat=heartbeat)))
    assert news.take() == {"a": Beat(3.0, 3.0)}
    assert news.take() == {}
    assert not news.stale
