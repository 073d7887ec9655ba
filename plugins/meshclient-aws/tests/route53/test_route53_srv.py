"""What the registrar writes to Route 53, a real name server serves and ``srv://`` reads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Ready

if TYPE_CHECKING:
    from conftest import Kit
    from route53.conftest import Hosted, Make, NameServer

    from meshclient.registration.registrar import Registration

pytestmark = pytest.mark.registry("route53", "resolve", "watch", "register", "deregister")


def listed(*registrations: Registration, zone: str = "mesh.test") -> tuple[Endpoint, ...]:
    """What the resolver should make of them: addresses, ports, weights, priorities, and names as ids."""
    return tuple(
        Endpoint(
            each.endpoint.host,
            each.endpoint.port,
            id=f"{each.endpoint.id}.{each.service}.{zone}",
            weight=each.endpoint.weight,
            priority=each.endpoint.priority,
        )
        for each in sorted(registrations, key=lambda each: (each.endpoint.priority, each.endpoint.id))
    )


@pytest.mark.parametrize("routing", ["simple", "multivalue"])
def test_what_is_registered_is_resolved(hosted: Hosted, name_server: NameServer, make: Make, routing: str) -> None:
    registrar = hosted.registrar(f"routing={routing}")
    mine = [
        make.registration("orders", 1, weight=3),
        make.registration("orders", 2, host="fd00::2", weight=5),
        make.registration("orders", 3, priority=2),
    ]
    other = make.registration("api.users", 4)
    orders, users = ServiceName("orders"), ServiceName("api.users")

    async def check() -> None:
        resolver = name_server.resolver()
        for each in (*mine, other):
            await registrar.register(each)
        await asyncio.to_thread(name_server.publish)
        answer = await resolver.fetch(orders)
        assert isinstance(answer, Ready)
        assert answer.endpoints == listed(*mine)
        assert answer.ttl == 1
        assert (await resolver.fetch(users)).endpoints == listed(other)
        await registrar.deregister(mine[0])
        await asyncio.to_thread(name_server.publish)
        assert (await resolver.fetch(orders)).endpoints == listed(*mine[1:])
        for each in mine[1:]:
            await registrar.deregister(each)
        await asyncio.to_thread(name_server.publish)
        assert isinstance(await resolver.fetch(orders), Empty)
        assert (await resolver.fetch(users)).endpoints == listed(other)
        await registrar.close()

    asyncio.run(check())


def test_more_instances_than_a_multivalue_answer_has(hosted: Hosted, name_server: NameServer, make: Make) -> None:
    """All of them: the reason for the simple set."""
    registrar = hosted.registrar()
    mine = [make.registration("many", number) for number in range(1, 31)]

    async def check() -> None:
        for each in mine:
            await registrar.register(each)
        await asyncio.to_thread(name_server.publish)
        assert (await name_server.resolver().fetch(ServiceName("many"))).endpoints == listed(*mine)

    asyncio.run(check())


def test_a_watch_follows_the_zone(hosted: Hosted, name_server: NameServer, make: Make, kit: Kit) -> None:
    registrar = hosted.registrar()
    first, second = make.registration("shop", 1), make.registration("shop", 2)

    async def check() -> None:
        async with kit.watch(name_server.resolver(), "shop") as watch:
            assert isinstance(await watch.next(), Empty)
            await registrar.register(first)
            await asyncio.to_thread(name_server.publish)
            await watch.ready("i-1.shop.mesh.test")
            await registrar.register(second)
            await registrar.deregister(first)
            await asyncio.to_thread(name_server.publish)
            await watch.ready("i-2.shop.mesh.test")

    asyncio.run(check())


def test_the_default_id_of_an_instance_becomes_a_label(hosted: Hosted, name_server: NameServer, make: Make) -> None:
    """`Mesh.register` gives ids with dots; two that differ only in what a label cannot hold stay two."""
    registrar = hosted.registrar()
    one = make.registration("shop", 1, id="shop-10.0.0.1-8001")
    two = make.registration("shop", 2, id="shop-10-0-0.1-8001")

    async def check() -> None:
        await registrar.register(one)
        await registrar.register(two)
        await asyncio.to_thread(name_server.publish)
        answer = await name_server.resolver().fetch(ServiceName("shop"))
        assert sorted(endpoint.host for endpoint in answer.endpoints) == ["10.0.0.1", "10.0.0.2"]
        await registrar.deregister(one)
        await registrar.deregister(two)

    asyncio.run(check())
    assert hosted.sets() == []


def test_an_instance_with_a_host_name_is_listed_under_it(hosted: Hosted, make: Make) -> None:
    registrar = hosted.registrar()
    one = make.registration("shop", 1, host="Backend.example.com")
    two = make.registration("shop", 2, host="backend.example.com")

    async def check() -> None:
        await registrar.register(one)
        await registrar.register(two)
        assert hosted.values("_shop._tcp") == ["0 1 8001 backend.example.com.", "0 1 8002 backend.example.com."]
        await registrar.deregister(one)
        assert hosted.values("_shop._tcp") == ["0 1 8002 backend.example.com."]
        await registrar.renew(two)
        await registrar.deregister(two)

    asyncio.run(check())
    assert hosted.sets() == []
