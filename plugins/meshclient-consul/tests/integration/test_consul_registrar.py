"""An instance's life in a real Consul, seen through the resolver."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from meshclient.model.endpoint import Endpoint, Health
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty
from meshclient.registration.registrar import LeaseLost, Registration
from meshclient_consul.errors import ConsulError
from servers.faults import HttpFault

if TYPE_CHECKING:
    from conftest import Kit

    from servers.backend import Backends
    from servers.consul import Consul
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("consul", "register", "deregister")


def registration(health: str = "", ttl: float = 15.0, port: int = 8001) -> Registration:
    name = f"web-{secrets.token_hex(4)}"
    endpoint = Endpoint(
        "127.0.0.1", port, id=f"{name}/a b?c#d%", weight=3, zone="eu-1a", tags=("v1",), metadata={"version": "7"}
    )
    return Registration(ServiceName(name), endpoint, health, ttl)


def test_what_is_registered_is_resolved(kit: Kit, consul: Consul) -> None:
    mine = registration()
    uri = f"consul://127.0.0.1:{consul.port}"
    registrar = kit.registrar(uri)

    async def check() -> None:
        async with kit.watch(uri, mine.service.value) as watch:
            await registrar.register(mine)
            answer = await watch.ready(mine.endpoint.id)
            expected = replace(mine.endpoint, health=Health.PASSING, metadata={"version": "7", "zone": "eu-1a"})
            assert answer.endpoints == (expected,)
            assert answer.endpoints[0].metadata == expected.metadata
            await registrar.renew(mine)
            await registrar.register(mine)
            await registrar.deregister(mine)
            await watch.until(lambda a: isinstance(a, Empty), "Empty")
            await registrar.deregister(mine)
        await registrar.close()

    asyncio.run(check())


def test_an_https_endpoint_comes_back_as_one(kit: Kit, consul: Consul) -> None:
    mine = registration()
    mine = replace(mine, endpoint=replace(mine.endpoint, scheme="https", host="fd00::1", id=""))
    uri = f"consul://127.0.0.1:{consul.port}"

    async def check() -> None:
        async with kit.watch(uri, mine.service.value) as watch:
            await kit.registrar(uri).register(mine)
            answer = await watch.ready(f"{mine.service}-fd00::1-8001")
            assert answer.endpoints[0].url == "https://[fd00::1]:8001"
            await kit.registrar(uri).deregister(mine)
            await watch.until(lambda a: isinstance(a, Empty), "Empty")

    asyncio.run(check())


def test_without_renewal_the_instance_leaves_the_list(kit: Kit, consul: Consul) -> None:
    mine = registration(ttl=0.5)
    uri = f"consul://127.0.0.1:{consul.port}"
    registrar = kit.registrar(uri)

    async def check() -> None:
        async with kit.watch(uri, mine.service.value) as watch:
            await registrar.register(mine)
            await watch.ready(mine.endpoint.id)
            await watch.until(lambda a: isinstance(a, Empty) and a.exists, "critical")
            await registrar.renew(mine)
            await watch.ready(mine.endpoint.id)

    asyncio.run(check())


@pytest.mark.parametrize("health", ["", "/healthz"])
def test_an_agent_that_has_forgotten_the_instance_is_told_by_renew(kit: Kit, consul: Consul, health: str) -> None:
    mine = registration(health)
    registrar = kit.registrar(f"consul://127.0.0.1:{consul.port}")

    async def check() -> None:
        with pytest.raises(LeaseLost, match=mine.service.value):
            await registrar.renew(mine)
        await registrar.register(mine)
        await registrar.renew(mine)
        await asyncio.to_thread(consul.deregister, quote(mine.endpoint.id, safe=""))
        with pytest.raises(LeaseLost):
            await registrar.renew(mine)
        await registrar.register(mine)
        await registrar.renew(mine)

    asyncio.run(check())


def test_the_http_check_decides(kit: Kit, consul: Consul, backends: Backends) -> None:
    (backend,) = backends(1)
    mine = registration("/health", port=backend.port)
    uri = f"consul://127.0.0.1:{consul.port}?interval=200ms"

    async def check() -> None:
        async with kit.watch(uri, mine.service.value) as watch:
            await kit.registrar(uri).register(mine)
            await watch.ready(mine.endpoint.id)
            await asyncio.to_thread(backend.kill)
            await watch.until(lambda a: isinstance(a, Empty) and a.exists, "critical")

    asyncio.run(check())


def test_what_was_registered_under_the_same_id_is_replaced(kit: Kit, consul: Consul) -> None:
    mine = registration("/healthz")
    other = {"CheckID": f"other-{mine.service}", "TTL": "10m", "Status": "critical"}
    consul.register(mine.service.value, 8001, instance=mine.endpoint.id, check=other)
    registrar = kit.registrar(f"consul://127.0.0.1:{consul.port}")

    async def check() -> None:
        await registrar.register(mine)
        await registrar.register(replace(mine, health=""))
        await registrar.renew(replace(mine, health=""))

    asyncio.run(check())
    checks = consul.call("GET", f"/v1/health/checks/{mine.service}")
    assert [(check["Type"], check["Status"]) for check in checks] == [("ttl", "passing")]


def test_an_agent_that_answers_with_an_error_keeps_the_instance(
    kit: Kit, consul: Consul, fault_proxy: FaultProxies
) -> None:
    """Moving would list the instance twice: an agent that is alive goes on checking it."""
    mine = registration()
    proxy = fault_proxy.http("127.0.0.1", consul.port)
    registrar = kit.registrar(f"consul://{proxy.url.removeprefix('http://')},127.0.0.1:{consul.port}")

    async def check() -> None:
        await registrar.register(mine)
        await asyncio.to_thread(proxy.set, HttpFault(status=429, body="too many"))
        with pytest.raises(ConsulError, match="limits its clients"):
            await registrar.renew(mine)
        await asyncio.to_thread(proxy.clear)
        await registrar.renew(mine)

    asyncio.run(check())


def test_one_agent_that_is_gone_is_an_error_and_not_a_lost_lease(kit: Kit, own_consul: Consul) -> None:
    mine = registration()
    registrar = kit.registrar(f"consul://127.0.0.1:{own_consul.port}")

    async def check() -> None:
        await registrar.register(mine)
        await asyncio.to_thread(own_consul.kill)
        for call in (registrar.register, registrar.renew, registrar.deregister):
            with pytest.raises(ConsulError, match="cannot be reached for instance"):
                await call(mine)

    asyncio.run(check())


def test_an_agent_that_is_gone_is_replaced_by_the_next(kit: Kit, consul_cluster: Consul) -> None:
    mine = registration()
    leader = consul_cluster.wait_leader()
    first = next(node for node in range(3) if node != leader)
    nodes = [first, leader]
    uri = f"consul://{','.join(f'{consul_cluster.host(n)}:{consul_cluster.port}' for n in nodes)}"
    registrar = kit.registrar(uri)

    async def check() -> None:
        await registrar.register(mine)
        await registrar.renew(mine)
        await asyncio.to_thread(consul_cluster.kill, first)
        with pytest.raises(LeaseLost, match="another agent"):
            await registrar.renew(mine)
        await registrar.register(mine)
        await registrar.renew(mine)
        async with kit.watch(uri, mine.service.value) as watch:
            answer = await watch.until(lambda a: bool(a.endpoints), "an endpoint")
            assert answer.endpoints[0].id == mine.endpoint.id
        await registrar.deregister(mine)

    asyncio.run(check())
