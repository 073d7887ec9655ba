"""What a watch makes of a real Eureka's records, and how it follows their changes."""

from __future__ import annotations

import asyncio
import json
import secrets
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from meshclient.model.snapshot import Empty, Failed, Ready
from servers.faults import HttpFault

if TYPE_CHECKING:
    from conftest import Kit

    from servers.eureka import Eureka
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("eureka", "resolve", "watch")

AMAZON = {
    "@class": "com.netflix.appinfo.AmazonInfo",
    "name": "Amazon",
    "metadata": {"instance-id": "i-0abc", "availability-zone": "us-east-1c", "local-ipv4": "10.0.0.9"},
}


def fresh(base: str = "web") -> str:
    return f"{base}-{secrets.token_hex(4)}"


def uri(address: str, options: str = "") -> str:
    return f"eureka://{address.removeprefix('http://')}/eureka?interval=100ms&{options}"


def test_the_record_becomes_an_endpoint(kit: Kit, eureka: Eureka) -> None:
    name = fresh()
    full = eureka.register(name, 8001, host="10.1.2.3", metadata={"zone": "eu-1a", "weight": "7", "version": "2"})
    cloud = eureka.register(name, 8002, host="fd00::1", dataCenterInfo=AMAZON, ipAddr="10.0.0.9")

    async def check() -> Ready:
        async with kit.watch(uri(eureka.authority), name) as watch:
            return await watch.ready(full, cloud)

    answer = asyncio.run(check())
    assert answer.source == f"eureka://{eureka.authority}/eureka?interval=100ms"
    by_id = {endpoint.id: endpoint for endpoint in answer.endpoints}
    assert (by_id[full].url, by_id[full].zone, by_id[full].weight) == ("http://10.1.2.3:8001", "eu-1a", 7)
    assert by_id[full].metadata == {"zone": "eu-1a", "weight": "7", "version": "2"}
    assert (by_id[cloud].url, by_id[cloud].zone, by_id[cloud].weight) == ("http://[fd00::1]:8002", "us-east-1c", 1)
    assert by_id[cloud].metadata == {}


@pytest.mark.parametrize(
    ("options", "urls"),
    [
        ("", {"http://10.0.0.1:80", "https://10.0.0.2:8443", "http://10.0.0.3:83"}),
        ("endpoint_scheme=https", {"https://10.0.0.1:8441", "https://10.0.0.2:8443", "https://10.0.0.3:83"}),
        ("endpoint_scheme=http", {"http://10.0.0.1:80", "http://10.0.0.3:83"}),
        ("address=ip", {"http://127.1.0.1:80", "https://127.1.0.2:8443", "http://127.1.0.3:83"}),
    ],
)
def test_ports_schemes_and_addresses(kit: Kit, eureka: Eureka, options: str, urls: set[str]) -> None:
    name = fresh()
    on, off = {"@enabled": "true"}, {"@enabled": "false"}
    eureka.register(name, 80, host="10.0.0.1", ipAddr="127.1.0.1", securePort={"$": 8441} | on)
    secured = {"$": 8443} | on
    eureka.register(name, 0, host="10.0.0.2", ipAddr="127.1.0.2", port={"$": 82} | off, securePort=secured)
    eureka.register(name, 83, host="10.0.0.3", ipAddr="127.1.0.3")

    async def check() -> set[str]:
        async with kit.watch(uri(eureka.authority, options), name) as watch:
            answer = await watch.until(lambda a: len(a.endpoints) == len(urls), f"{len(urls)} endpoints")
            return {endpoint.url for endpoint in answer.endpoints}

    assert asyncio.run(check()) == urls


def test_statuses_and_overrides_decide_who_is_listed(kit: Kit, eureka: Eureka) -> None:
    name = fresh()
    up, other = eureka.register(name, 8001), eureka.register(name, 8002)
    for port, status in enumerate(("DOWN", "STARTING", "OUT_OF_SERVICE", "UNKNOWN"), 8003):
        eureka.register(name, port, status=status)

    async def check() -> None:
        async with kit.watch(uri(eureka.authority), name) as watch:
            await watch.ready(up, other)
            await asyncio.to_thread(eureka.override, name, up, "OUT_OF_SERVICE")
            await watch.ready(other)
            await asyncio.to_thread(eureka.register, name, 8002, status="DOWN")
            await watch.until(lambda a: isinstance(a, Empty) and a.exists, "known and empty")
            await asyncio.to_thread(eureka.override, name, up, None)
            await watch.ready(up)
            assert not any(isinstance(answer, Failed) for answer in watch.seen)

    asyncio.run(check())


def test_a_lease_that_ends_takes_the_instance_out(kit: Kit, eureka: Eureka) -> None:
    name = fresh()
    kept = eureka.register(name, 8001)

    async def check() -> None:
        async with kit.watch(uri(eureka.authority), name) as watch:
            await watch.ready(kept)
            dead = await asyncio.to_thread(eureka.register, name, 8002, lease=1)
            await watch.ready(kept, dead)
            await watch.ready(kept)

    asyncio.run(check())


def test_names_are_found_whatever_their_case(kit: Kit, eureka: Eureka) -> None:
    name = fresh("CamelCase_x.y")
    instance = eureka.register(name, 8001)

    async def check() -> None:
        for spelt in (name, name.upper(), name.lower()):
            async with kit.watch(uri(eureka.authority), spelt) as watch:
                await watch.ready(instance)

    asyncio.run(check())


def test_names_may_be_vip_addresses(kit: Kit, eureka: Eureka) -> None:
    vip, one, other = fresh("vip"), fresh(), fresh()
    ids = [eureka.register(one, 8001, vipAddress=f"x,{vip}"), eureka.register(other, 8002, vipAddress=vip.upper())]
    secure = eureka.register(other, 8003, secureVipAddress=vip)

    async def check() -> None:
        async with kit.watch(uri(eureka.authority, "by=vip"), vip) as watch:
            await watch.ready(*ids)
        async with kit.watch(uri(eureka.authority, "by=vip&endpoint_scheme=https"), vip) as watch:
            await watch.ready(secure)

    asyncio.run(check())


def test_after_the_first_answer_changes_come_by_deltas(kit: Kit, eureka: Eureka, fault_proxy: FaultProxies) -> None:
    name = fresh()
    first = eureka.register(name, 8001)
    proxy = fault_proxy.http(eureka.host(), eureka.port)

    async def check() -> None:
        async with kit.watch(uri(proxy.url), name) as watch:
            await watch.ready(first)
            second = await asyncio.to_thread(eureka.register, name, 8002, metadata={"n": "1"})
            await watch.ready(first, second)
            await asyncio.to_thread(eureka.register, name, 8002, metadata={"n": "2"})
            await watch.until(lambda a: any(e.metadata.get("n") == "2" for e in a.endpoints), "the change")
            await asyncio.to_thread(eureka.cancel, name, first)
            await watch.ready(second)

    asyncio.run(check())
    assert proxy.requests.count("GET /eureka/apps") == 1
    assert proxy.requests.count("GET /eureka/apps/delta") >= 3
    assert len(set(proxy.requests)) == 2


def test_a_swallowed_delta_is_noticed_by_its_hash_code(kit: Kit, eureka: Eureka, fault_proxy: FaultProxies) -> None:
    name = fresh()
    first = eureka.register(name, 8001)
    proxy = fault_proxy.http(eureka.host(), eureka.port)

    def swallow() -> None:
        hidden = {"applications": {"apps__hashcode": eureka.hash_code(), "application": []}}
        proxy.set(HttpFault(path="delta", status=200, body=json.dumps(hidden)))

    async def check() -> None:
        async with kit.watch(uri(proxy.url), name) as watch:
            await watch.ready(first)
            await asyncio.to_thread(swallow)
            second = await asyncio.to_thread(eureka.register, name, 8002)
            await asyncio.to_thread(swallow)
            await watch.ready(first, second)

    asyncio.run(check())
    assert proxy.requests.count("GET /eureka/apps") >= 2


def test_a_server_without_deltas_is_asked_for_everything(kit: Kit, eureka: Eureka, fault_proxy: FaultProxies) -> None:
    name = fresh()
    first = eureka.register(name, 8001)
    proxy = fault_proxy.http(eureka.host(), eureka.port)
    proxy.set(HttpFault(path="delta", status=403))

    async def check() -> None:
        async with kit.watch(uri(proxy.url), name) as watch:
            await watch.ready(first)
            second = await asyncio.to_thread(eureka.register, name, 8002)
            await watch.ready(first, second)
            assert not any(isinstance(answer, Failed) for answer in watch.seen)

    asyncio.run(check())
    assert proxy.requests.count("GET /eureka/apps/delta") == 1


def test_ten_names_cost_one_question_for_each_interval(kit: Kit, eureka: Eureka, fault_proxy: FaultProxies) -> None:
    names = [fresh() for _ in range(10)]
    ids = [eureka.register(name, 8001) for name in names]
    proxy = fault_proxy.http(eureka.host(), eureka.port)
    resolver = kit.resolver(uri(proxy.url))

    async def check() -> int:
        async with AsyncExitStack() as stack:
            watches = [await stack.enter_async_context(kit.watch(resolver, name)) for name in names]
            await asyncio.gather(*(watch.ready(instance) for watch, instance in zip(watches, ids, strict=True)))
            for _ in range(3):
                await asyncio.gather(*(watch.next() for watch in watches))
            return max(len(watch.seen) for watch in watches)

    answers = asyncio.run(check())
    # A watch that is not waiting misses a fetch; asked for each name, it would be ten times as many.
    assert len(proxy.requests) <= 2 * answers + 1
    assert proxy.requests.count("GET /eureka/apps") == 1
