"""Consul's index where it goes back, is missing or is 0; every other fault is in test_consul_fault_suite.py."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING

import pytest

from meshclient.model.snapshot import Empty, Failed, Ready
from servers.faults import HttpFault

if TYPE_CHECKING:
    from conftest import Kit

    from servers.consul import Consul
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("consul", "faults")


def fresh() -> str:
    return f"web-{secrets.token_hex(4)}"


def test_killed_and_restarted_with_its_index_reset(kit: Kit, own_consul: Consul) -> None:
    """The index starts again near 1; whoever blocks on the old one would see nothing for a long time."""
    name = fresh()
    own_consul.register_many(f"{name}-noise", 100)
    before = own_consul.register(name, 8001)
    for number in range(50):
        own_consul.register(name, 8001, meta={"n": str(number)})

    async def check() -> None:
        async with kit.watch(f"consul://127.0.0.1:{own_consul.port}", name) as watch:
            await watch.ready(before)
            high = await asyncio.to_thread(own_consul.index, name)
            await asyncio.to_thread(own_consul.kill)
            failed = await watch.failed("127.0.0.1", name)
            assert isinstance(failed.last, Ready)
            assert [endpoint.port for endpoint in failed.endpoints] == [8001]
            await asyncio.to_thread(own_consul.restart)
            await watch.until(lambda a: isinstance(a, Empty) and not a.exists, "nothing registered")
            after = await asyncio.to_thread(own_consul.register, name, 8002)
            await watch.ready(after)
            assert await asyncio.to_thread(own_consul.index, name) < high

    asyncio.run(check())


def test_without_an_index_the_service_is_polled(kit: Kit, consul: Consul, fault_proxy: FaultProxies) -> None:
    name = fresh()
    first = consul.register(name, 8001)
    proxy = fault_proxy.http("127.0.0.1", consul.port)
    proxy.set(HttpFault(set_headers={"X-Consul-Index": None}))

    async def check() -> tuple[int, float]:
        begun = time.monotonic()
        async with kit.watch(f"consul://{proxy.url.removeprefix('http://')}", name) as watch:
            await watch.ready(first)
            second = await asyncio.to_thread(consul.register, name, 8002)
            await watch.ready(first, second)
            await watch.next()
            return len(watch.seen), time.monotonic() - begun

    answers, seconds = asyncio.run(check())
    assert 3 <= answers <= 1 + seconds


def test_an_index_of_zero_is_not_blocked_on(kit: Kit, consul: Consul, fault_proxy: FaultProxies) -> None:
    name = fresh()
    first = consul.register(name, 8001)
    proxy = fault_proxy.http("127.0.0.1", consul.port)
    proxy.set(HttpFault(set_headers={"X-Consul-Index": "0"}))

    async def check() -> None:
        async with kit.watch(f"consul://{proxy.url.removeprefix('http://')}", name) as watch:
            await watch.ready(first)
            second = await asyncio.to_thread(consul.register, name, 8002)
            await watch.ready(first, second)
            assert not any(isinstance(answer, Failed) for answer in watch.seen)

    asyncio.run(check())
