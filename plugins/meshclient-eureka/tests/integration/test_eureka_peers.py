"""Several peers, of which one after the other goes."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

import pytest

from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Failed
from meshclient.registration.registrar import Registration
from servers.faults import LinkFault
from servers.process import wait_until

if TYPE_CHECKING:
    from conftest import Kit

    from servers.eureka import Eureka
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("eureka", "faults")


def fresh() -> str:
    return f"web-{secrets.token_hex(4)}"


def replicated(eureka: Eureka, name: str, instance: str) -> None:
    for node in range(eureka.node_count):
        wait_until(lambda: instance in eureka.instances(name, node=node), 10, f"{instance} at node {node}")  # noqa: B023


def peers(eureka: Eureka) -> str:
    nodes = ",".join(f"{eureka.host(node)}:{eureka.port}" for node in range(eureka.node_count))
    return f"eureka://{nodes}/eureka?interval=100ms&timeout=2s"


def test_a_peer_that_hangs_is_left_for_the_next_without_a_failure(kit: Kit, eureka: Eureka) -> None:
    name = fresh()
    first = eureka.register(name, 8001)
    replicated(eureka, name, first)

    async def check() -> None:
        async with kit.watch(peers(eureka), name) as watch:
            await watch.ready(first)
            await asyncio.to_thread(eureka.pause)
            second = await asyncio.to_thread(eureka.register, name, 8002, node=1)
            await watch.ready(first, second)
            assert not any(isinstance(answer, Failed) for answer in watch.seen)

    asyncio.run(check())


def test_all_peers_gone_is_a_failure_that_names_each(kit: Kit, eureka: Eureka, fault_proxy: FaultProxies) -> None:
    name = fresh()
    instance = eureka.register(name, 8001)
    replicated(eureka, name, instance)
    proxies = [fault_proxy.http(eureka.host(node), eureka.port) for node in range(2)]
    places = [proxy.url.removeprefix("http://") for proxy in proxies]

    async def check() -> None:
        async with kit.watch(f"eureka://{','.join(places)}?interval=100ms", name) as watch:
            await watch.ready(instance)
            for proxy in proxies:
                await asyncio.to_thread(proxy.set, LinkFault(refuse=True, reset=True))
            failed = await watch.failed("none of 2 Eureka servers", *places)
            assert [endpoint.id for endpoint in failed.endpoints] == [instance]
            await asyncio.to_thread(proxies[1].clear)
            await watch.ready(instance)

    asyncio.run(check())


def test_a_lease_is_renewed_at_another_peer(kit: Kit, eureka: Eureka, fault_proxy: FaultProxies) -> None:
    name = fresh()
    mine = Registration(ServiceName(name), Endpoint("127.0.0.1", 8001, id=f"{name}-a"))
    proxy = fault_proxy.http(eureka.host(), eureka.port)
    registrar = kit.registrar(f"eureka://{proxy.url.removeprefix('http://')},{eureka.host(1)}:{eureka.port}/eureka")

    async def check() -> None:
        await registrar.register(mine)
        await asyncio.to_thread(replicated, eureka, name, mine.endpoint.id)
        await asyncio.to_thread(proxy.set, LinkFault(refuse=True, reset=True))
        await registrar.renew(mine)
        await registrar.deregister(mine)

    asyncio.run(check())
    assert eureka.instances(name, node=1) == []
