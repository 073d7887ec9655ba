"""How Cloud Map's limits, revisions and silence are met; every other fault is in test_cloudmap_fault_suite.py."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Failed, Ready
from meshclient_aws.cloudmap.broadcast import running
from meshclient_aws.cloudmap.stream import Stream
from servers.faults import HttpFault

if TYPE_CHECKING:
    from cloudmap.conftest import Space
    from conftest import Kit

    from meshclient_aws import CloudMapResolver
    from servers.aws import Aws
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("cloudmap", "faults")


def interval_of(resolver: CloudMapResolver, name: str) -> float:
    stream = running(resolver._key(ServiceName(name)))
    assert stream is not None
    assert isinstance(stream.source, Stream)
    return stream.source._poll.pace.interval


@pytest.mark.parametrize(
    ("operation", "code", "health_interval"),
    [("DiscoverInstancesRevision", "", "10m"), ("DiscoverInstances", "ThrottlingException", "20ms")],
    ids=["revision", "list"],
)
def test_throttled_it_keeps_the_list_slows_down_and_recovers(  # noqa: PLR0917 - what is tested, then the case
    kit: Kit, space: Space, aws: Aws, operation: str, code: str, health_interval: str
) -> None:
    space.put("orders", "a", "10.0.0.1")
    resolver = space.resolver(f"interval=10ms&health_interval={health_interval}")

    async def check() -> None:
        async with kit.watch(resolver, "orders") as watch:
            await watch.ready("a")
            await asyncio.to_thread(aws.throttle, operation, code=code)
            for slower in (0.02, 0.04):
                failed = await watch.failed("throttled", "service 'orders'", code or "RequestLimitExceeded")
                assert [endpoint.id for endpoint in failed.endpoints] == ["a"]
                assert interval_of(resolver, "orders") >= slower
            await asyncio.to_thread(aws.calm)
            await asyncio.to_thread(space.put, "orders", "b", "10.0.0.2")
            await watch.ready("a", "b")
            await watch.until(lambda _: interval_of(resolver, "orders") == 0.01, "the pace of before")
            assert not any(isinstance(seen, Empty) for seen in watch.seen)

    asyncio.run(check())


def test_throttled_from_the_start(kit: Kit, space: Space, aws: Aws) -> None:
    space.put("orders", "a", "10.0.0.1")
    aws.throttle("*")

    async def check() -> None:
        async with kit.watch(space.resolver("interval=20ms"), "orders") as watch:
            failed = await watch.failed("throttled")
            assert failed.last is None
            await asyncio.to_thread(aws.calm)
            await watch.ready("a")

    asyncio.run(check())


def test_one_that_hangs_delays_nobody(kit: Kit, space: Space, aws: Aws, fault_proxy: FaultProxies) -> None:
    """Ten seconds without an answer on one watch: others go on, and so does the loop."""
    space.put("orders", "a", "10.0.0.1")
    space.put("users", "u", "10.0.0.9")
    proxy = fault_proxy.http("127.0.0.1", aws.port)
    proxy.set(HttpFault(delay=10))

    async def check() -> None:
        slow, quick = space.resolver("timeout=30s", url=proxy.url), space.resolver("interval=20ms")
        async with kit.watch(slow, "orders") as hanging, kit.watch(quick, "users") as watch:
            question = asyncio.create_task(hanging.next())
            for _ in range(10):
                assert isinstance(await watch.next(), Ready)
            assert not question.done()
            begun = time.monotonic()
            question.cancel()
            await asyncio.wait({question})
            assert time.monotonic() - begun < 5

    asyncio.run(check())


def test_a_service_made_anew_has_a_smaller_revision(kit: Kit, space: Space) -> None:
    for number in range(5):
        space.put("orders", "a", "10.0.0.1", n=str(number))

    async def check() -> None:
        async with kit.watch(space.resolver("interval=20ms&health_interval=10m"), "orders") as watch:
            await watch.ready("a")
            await asyncio.to_thread(space.remove, "orders", "a")
            await watch.until(lambda a: isinstance(a, Empty) and a.exists, "an empty service")
            await asyncio.to_thread(space.drop, "orders")
            await asyncio.to_thread(space.put, "orders", "b", "10.0.0.2")
            await watch.ready("b")
            assert not any(isinstance(seen, Failed) for seen in watch.seen)

    asyncio.run(check())
