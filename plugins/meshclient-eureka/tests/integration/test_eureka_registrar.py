"""An instance's life in a real Eureka, seen through the resolver."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from meshclient.model.endpoint import Endpoint, Health
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty
from meshclient.registration.registrar import LeaseLost, Registration
from meshclient_eureka.errors import EurekaError
from servers.faults import HttpFault, LinkFault

if TYPE_CHECKING:
    from conftest import Kit

    from servers.eureka import Eureka
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("eureka", "register", "deregister")


def registration(ttl: float = 15.0) -> Registration:
    name = f"web_{secrets.token_hex(4)}"
    endpoint = Endpoint(
        "127.0.0.1", 8001, id=f"{name}:a b?c#d%;ü", weight=3, zone="eu-1a", tags=("v1", "b"), metadata={"version": "7"}
    )
    return Registration(ServiceName(name), endpoint, "/healthz", ttl)


def uri(eureka: Eureka) -> str:
    return f"eureka://{eureka.authority}/eureka?interval=100ms"


def test_what_is_registered_is_resolved(kit: Kit, eureka: Eureka) -> None:
    mine = registration()
    registrar = kit.registrar(uri(eureka))

    async def check() -> None:
        async with kit.watch(uri(eureka), mine.service.value) as watch:
            await registrar.register(mine)
            answer = await watch.ready(mine.endpoint.id)
            (found,) = answer.endpoints
            assert found == replace(mine.endpoint, health=Health.PASSING, metadata=found.metadata)
            assert found.metadata["version"] == "7"
            await registrar.renew(mine)
            await registrar.register(mine)
            await registrar.deregister(mine)
            await watch.until(lambda a: isinstance(a, Empty), "Empty")
            await registrar.deregister(mine)
        await registrar.close()

    asyncio.run(check())


def test_an_https_endpoint_comes_back_as_one(kit: Kit, eureka: Eureka) -> None:
    mine = registration()
    mine = replace(mine, endpoint=replace(mine.endpoint, scheme="https", host="fd00::1", id=""))
    registrar = kit.registrar(uri(eureka))

    async def check() -> None:
        async with kit.watch(uri(eureka), mine.service.value) as watch:
            await registrar.register(mine)
            answer = await watch.ready(f"fd00::1:{mine.service}:8001")
            assert answer.endpoints[0].url == "https://[fd00::1]:8001"
            await registrar.renew(mine)
            await registrar.deregister(mine)
            await watch.until(lambda a: isinstance(a, Empty), "Empty")

    asyncio.run(check())


def test_the_lease_has_the_time_of_the_ttl(kit: Kit, eureka: Eureka) -> None:
    mine = registration(ttl=1)
    registrar = kit.registrar(uri(eureka))

    async def check() -> None:
        async with kit.watch(uri(eureka), mine.service.value) as watch:
            await watch.next()
            await registrar.register(mine)
            await watch.ready(mine.endpoint.id)
            await watch.until(lambda a: isinstance(a, Empty), "Empty, without a renewal")
            with pytest.raises(LeaseLost, match="404"):
                await registrar.renew(mine)

    asyncio.run(check())


def test_an_instance_that_eureka_does_not_know_is_a_lost_lease(kit: Kit, eureka: Eureka) -> None:
    mine = registration()
    registrar = kit.registrar(uri(eureka))

    async def check() -> None:
        for call in (registrar.renew(mine), registrar.override(mine, "DOWN")):
            with pytest.raises(LeaseLost, match=mine.service.value):
                await call
        await registrar.register(mine)
        await registrar.renew(mine)
        await asyncio.to_thread(eureka.cancel, mine.service.value, mine.endpoint.id)
        with pytest.raises(LeaseLost):
            await registrar.renew(mine)
        await registrar.register(mine)
        await registrar.renew(mine)

    asyncio.run(check())


def test_an_override_lasts_until_it_is_taken_back(kit: Kit, eureka: Eureka) -> None:
    mine = registration()
    registrar = kit.registrar(uri(eureka))

    async def check() -> None:
        await registrar.register(mine)
        async with kit.watch(uri(eureka), mine.service.value) as watch:
            await watch.ready(mine.endpoint.id)
            await registrar.override(mine, "OUT_OF_SERVICE")
            await watch.until(lambda a: isinstance(a, Empty) and a.exists, "known and out of service")
            await registrar.renew(mine)
            await registrar.register(mine)
            answer = await watch.next()
            assert isinstance(answer, Empty)
            await registrar.override(mine, None)
            await watch.ready(mine.endpoint.id)
            listed = await asyncio.to_thread(eureka.request, "GET", f"/apps/{mine.service}")
            assert listed.json["application"]["instance"][0]["overriddenStatus"] == "UNKNOWN"
            with pytest.raises(ValueError, match="'AWAY' is not a status"):
                await registrar.override(mine, "AWAY")

    asyncio.run(check())


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (LinkFault(refuse=True, reset=True), "cannot be reached for instance"),
        (HttpFault(status=500, body="oops"), "answered 500 for instance"),
        (HttpFault(status=401), "denied instance"),
        (HttpFault(hang=True), "did not answer for instance"),
    ],
)
def test_a_server_that_fails_is_an_error_and_not_a_lost_lease(
    kit: Kit, eureka: Eureka, fault_proxy: FaultProxies, fault: HttpFault | LinkFault, problem: str
) -> None:
    mine = registration()
    proxy = fault_proxy.http(eureka.host(), eureka.port)
    proxy.set(fault)
    registrar = kit.registrar(f"eureka://{proxy.url.removeprefix('http://')}?timeout=200ms")

    async def check() -> None:
        for call in (registrar.register, registrar.renew, registrar.deregister):
            with pytest.raises(EurekaError, match=problem):
                await call(mine)

    asyncio.run(check())


def test_a_wrong_path_is_named_at_registration(kit: Kit, eureka: Eureka) -> None:
    registrar = kit.registrar(f"eureka://{eureka.authority}/eureka/v3")
    with pytest.raises(EurekaError, match="/eureka for Spring Cloud"):
        asyncio.run(registrar.register(registration()))


def test_propagation_is_what_the_uri_says(kit: Kit) -> None:
    assert kit.registrar("eureka://e").propagation == 60
    assert kit.registrar("eureka://e?propagation=5s").propagation == 5
