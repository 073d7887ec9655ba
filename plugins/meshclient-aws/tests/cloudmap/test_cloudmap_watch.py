"""What changes in Cloud Map is seen soon, and at no more cost than needed."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from meshclient.model.endpoint import Health
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Failed, Ready

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudmap.conftest import Space
    from conftest import Kit

    from servers.aws import Aws

pytestmark = pytest.mark.registry("cloudmap", "resolve", "watch")

# Long enough that no test sees the list fetched for the sake of health alone.
NEVER = "health_interval=10m"


async def reached(check: Callable[[], bool], what: str) -> None:
    """Poll the server until `check` holds."""
    try:
        async with asyncio.timeout(10):
            while not await asyncio.to_thread(check):  # noqa: ASYNC110 - it is the server that is asked
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within 10 s: {what}") from None


@pytest.mark.parametrize(
    ("health", "before", "after"),
    [
        ("HEALTHY", ["a", "b"], ["b"]),
        ("UNHEALTHY", [], ["a"]),
        ("all", ["a", "b"], ["a", "b"]),
        ("HEALTHY_OR_ELSE_ALL", ["a", "b"], ["b"]),
        ("", ["a", "b"], ["b"]),
    ],
)
def test_health_is_seen_although_the_revision_is_the_same(
    kit: Kit, space: Space, health: str, before: list[str], after: list[str]
) -> None:
    for instance in ("a", "b"):
        space.put("orders", instance, f"10.0.0.{ord(instance)}")
    options = "interval=50ms&health_interval=200ms" + (f"&health={health}" if health else "")

    async def check() -> None:
        async with kit.watch(space.resolver(options), "orders") as watch:
            await watch.until(lambda a: sorted(e.id for e in a.endpoints) == before, str(before))
            await asyncio.to_thread(space.health, "orders", "a", "UNHEALTHY")
            answer = await watch.until(
                lambda a: (
                    sorted(e.id for e in a.endpoints) == after
                    and all(e.health is (Health.CRITICAL if e.id == "a" else Health.PASSING) for e in a.endpoints)
                ),
                str(after),
            )
            assert not isinstance(answer, Failed)

    asyncio.run(check())


def test_the_list_is_only_fetched_when_the_revision_moves(kit: Kit, space: Space, aws: Aws) -> None:
    space.put("orders", "a", "10.0.0.1")
    aws.calls(clear=True)

    async def check() -> None:
        async with kit.watch(space.resolver(f"interval=30ms&{NEVER}"), "orders") as watch:
            await watch.ready("a")
            await reached(lambda: aws.calls().get("DiscoverInstancesRevision", 0) >= 8, "eight revisions")
            assert aws.calls()["DiscoverInstances"] == 1
            await asyncio.to_thread(space.put, "orders", "b", "10.0.0.2")
            await watch.ready("a", "b")
            assert aws.calls()["DiscoverInstances"] == 2

    asyncio.run(check())


def test_a_refresh_fetches_the_list_at_once_but_not_every_time(kit: Kit, space: Space, aws: Aws) -> None:
    for instance in ("a", "b"):
        space.put("orders", instance, f"10.0.0.{ord(instance)}")
    resolver, name = space.resolver(f"interval=1s&{NEVER}"), ServiceName("orders")

    async def check() -> None:
        resolver.refresh(name)  # nobody watches: nothing to do
        async with kit.watch(resolver, "orders") as watch:
            await watch.ready("a", "b")
            await asyncio.to_thread(space.health, "orders", "a", "UNHEALTHY")
            resolver.refresh(name)
            await watch.ready("b")
            assert await between_two(aws, "DiscoverInstances", lambda: resolver.refresh(name)) > 0.1  # a fifth is due

    asyncio.run(check())


async def between_two(aws: Aws, operation: str, want: Callable[[], None]) -> float:
    """Seconds in which two calls have come, while `want` is called all the time."""
    aws.calls(clear=True)
    begun = time.monotonic()
    async with asyncio.timeout(10):
        while aws.calls().get(operation, 0) < 2:
            want()
            await asyncio.sleep(0.005)
    return time.monotonic() - begun


def test_refreshes_while_aws_throttles_do_not_add_to_it(kit: Kit, space: Space, aws: Aws) -> None:
    """The more calls fail, the more often a list is wanted: the pace holds for all of that."""
    space.put("orders", "a")
    resolver, name = space.resolver(f"interval=50ms&{NEVER}"), ServiceName("orders")

    async def check() -> None:
        async with kit.watch(resolver, "orders") as watch:
            await watch.ready("a")
            await asyncio.to_thread(aws.throttle, "*")
            for _ in range(4):  # each doubles the interval
                resolver.refresh(name)
                await watch.failed("throttled")
            # A fifth of 800 ms is due.
            assert await between_two(aws, "DiscoverInstances", lambda: resolver.refresh(name)) > 0.08

    asyncio.run(check())


def test_what_is_written_shows_when_cloud_map_shows_it(kit: Kit, space: Space, aws: Aws) -> None:
    space.put("orders", "a", "10.0.0.1")

    async def check() -> None:
        async with kit.watch(space.resolver("interval=30ms"), "orders") as watch:
            await watch.ready("a")
            await asyncio.to_thread(aws.delay, 60)
            await asyncio.to_thread(space.put, "orders", "b", "10.0.0.2")
            for _ in range(3):
                assert isinstance(await watch.next(), Ready)
                assert [endpoint.id for endpoint in watch.seen[-1].endpoints] == ["a"]
            await asyncio.to_thread(aws.delay, 0)
            await watch.ready("a", "b")

    asyncio.run(check())


def test_a_service_and_a_namespace_that_are_not_there(kit: Kit, space: Space) -> None:
    """Services come and go; a namespace that is not there is a mistake in the URI."""

    async def check() -> None:
        async with kit.watch(space.resolver(), "orders") as watch:
            answer = await watch.next()
            assert isinstance(answer, Empty)
            assert not answer.exists
            await asyncio.to_thread(space.service, "orders")
            await watch.until(lambda a: isinstance(a, Empty) and a.exists, "an empty service")
            await asyncio.to_thread(space.put, "orders", "a")
            await watch.ready("a")
        space.name = "nowhere"
        async with kit.watch(space.resolver(), "orders") as watch:
            await watch.failed("no namespace 'nowhere'", "us-east-1", "service 'orders'", "check the name")
            assert not any(isinstance(seen, Empty) for seen in watch.seen)

    asyncio.run(check())


def test_a_service_deleted_between_two_questions_is_not_known(kit: Kit, space: Space) -> None:
    space.put("orders", "a")

    def delete() -> None:
        space.remove("orders", "a")
        space.drop("orders")

    async def check() -> None:
        async with kit.watch(space.resolver("interval=200ms&health_interval=10m"), "orders") as watch:
            await watch.ready("a")
            await asyncio.to_thread(delete)
            await watch.until(lambda a: isinstance(a, Empty) and not a.exists, "no service")
            assert not any(isinstance(seen, Failed) for seen in watch.seen)

    asyncio.run(check())
