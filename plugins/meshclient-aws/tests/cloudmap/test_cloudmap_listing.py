"""What Cloud Map lists is what a watch says."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from meshclient.model.endpoint import Endpoint, Health
from meshclient.model.snapshot import Empty, Ready

if TYPE_CHECKING:
    from cloudmap.conftest import Space
    from conftest import Kit

    from servers.aws import Aws

pytestmark = pytest.mark.registry("cloudmap", "resolve")


def test_an_instance_with_everything(kit: Kit, space: Space) -> None:
    own = {"AVAILABILITY_ZONE": "eu-1a", "weight": "2.5", "scheme": "https", "version": "7"}
    space.put("orders", "i-1", "10.0.0.1", 8443, **own)

    async def check() -> None:
        async with kit.watch(space.resolver(), "orders") as watch:
            (endpoint,) = (await watch.ready("i-1")).endpoints
        assert endpoint == Endpoint(
            "10.0.0.1",
            8443,
            scheme="https",
            id="i-1",
            weight=2.5,
            zone="eu-1a",
            metadata={"weight": "2.5", "scheme": "https", "version": "7"},
            health=Health.PASSING,
        )

    asyncio.run(check())


@pytest.mark.parametrize(
    ("attributes", "host"),
    [
        ({"AWS_INSTANCE_IPV4": "", "AWS_INSTANCE_IPV6": "fd00::1"}, "fd00::1"),
        ({"AWS_INSTANCE_IPV6": "fd00::1"}, "10.0.0.1"),
        ({"AWS_INSTANCE_IPV4": "", "AWS_INSTANCE_CNAME": "a.example.com"}, "a.example.com"),
        ({"AWS_INSTANCE_IPV4": "", "AWS_ALIAS_DNS_NAME": "lb.example.com"}, "lb.example.com"),
    ],
    ids=["ipv6", "both", "cname", "alias"],
)
def test_every_kind_of_address(kit: Kit, space: Space, attributes: dict[str, str], host: str) -> None:
    space.put("orders", "i-1", "10.0.0.1", 8001, **{"AWS_INSTANCE_PORT": "", **attributes})

    async def check() -> None:
        async with kit.watch(space.resolver("interval=100ms&port=9000"), "orders") as watch:
            (endpoint,) = (await watch.ready("i-1")).endpoints
        assert (endpoint.host, endpoint.port) == (host, 9000)

    asyncio.run(check())


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ("param.version=1", ["a", "b"]),
        ("param.version=1&param.az=x", ["a"]),
        ("param.version=1&optional.az=y", ["b"]),
        ("optional.az=nowhere", ["a", "b", "c"]),
        ("param.version=9", []),
    ],
)
def test_attribute_filters(kit: Kit, space: Space, options: str, ids: list[str]) -> None:
    space.put("orders", "a", "10.0.0.1", version="1", az="x")
    space.put("orders", "b", "10.0.0.2", version="1", az="y")
    space.put("orders", "c", "10.0.0.3", version="2", az="x")

    async def check() -> None:
        async with kit.watch(space.resolver(options), "orders") as watch:
            answer = await watch.next()
        assert isinstance(answer, Ready if ids else Empty)
        assert sorted(endpoint.id for endpoint in answer.endpoints) == ids
        assert ids or (isinstance(answer, Empty) and answer.exists)

    asyncio.run(check())


def test_when_all_are_unhealthy_all_are_returned(kit: Kit, space: Space) -> None:
    for instance in ("a", "b"):
        space.put("orders", instance, f"10.0.0.{ord(instance)}")
        space.health("orders", instance, "UNHEALTHY")

    async def check() -> None:
        async with kit.watch(space.resolver(), "orders") as watch:
            answer = await watch.ready("a", "b")
        assert [endpoint.health for endpoint in answer.endpoints] == [Health.CRITICAL] * 2

    asyncio.run(check())


def test_without_a_health_check_nothing_is_known_of_health(kit: Kit, space: Space) -> None:
    space.service("orders", checked=False)
    space.put("orders", "a")

    async def check() -> None:
        async with kit.watch(space.resolver("health=HEALTHY"), "orders") as watch:
            (endpoint,) = (await watch.ready("a")).endpoints
        assert endpoint.health is Health.UNKNOWN

    asyncio.run(check())


def test_malformed_instances_are_left_out_and_named_once(
    kit: Kit, space: Space, caplog: pytest.LogCaptureFixture
) -> None:
    space.put("orders", "good", "10.0.0.1")
    space.put("orders", "no-address", "")
    space.put("orders", "no-port", "10.0.0.2", AWS_INSTANCE_PORT="")
    space.put("orders", "odd-port", "10.0.0.3", AWS_INSTANCE_PORT="eighty")
    space.put("orders", "odd-weight", "10.0.0.4", weight="much")

    async def check() -> None:
        async with kit.watch(space.resolver("interval=30ms&health_interval=60ms"), "orders") as watch:
            for _ in range(5):
                assert [endpoint.id for endpoint in (await watch.next()).endpoints] == ["good"]
            (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
            for words in ("4 of 5", "'no-address'", "option port", "'eighty'", "'much'", "service 'orders'"):
                assert words in warning
            await asyncio.to_thread(space.remove, "orders", "good")
            failed = await watch.failed("none of 4 instances", "'orders'")
            assert [endpoint.id for endpoint in failed.endpoints] == ["good"]

    asyncio.run(check())


def test_a_thousand_instances_are_complete_and_warned_of(
    kit: Kit, space: Space, aws: Aws, caplog: pytest.LogCaptureFixture
) -> None:
    """The most that AWS lets a service have is the most that one answer takes: whether it is cut, nobody can tell."""
    service = space.service("orders")
    aws.fill(service, 999)

    def warnings() -> list[str]:
        return [record.getMessage() for record in caplog.records if "at least 1000 instances" in record.getMessage()]

    async def check() -> None:
        async with kit.watch(space.resolver("interval=50ms&health_interval=100ms"), "orders") as watch:
            await watch.until(lambda a: len(a.endpoints) == 999, "999 instances")
            assert not warnings()
            await asyncio.to_thread(space.put, "orders", "last", "10.2.0.1")
            await watch.until(lambda a: len(a.endpoints) == 1000, "1000 instances")
            for _ in range(5):
                await watch.next()
            assert len(warnings()) == 1

    asyncio.run(check())
