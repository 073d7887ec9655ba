"""Large registries, and many changes at once."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import TYPE_CHECKING

import pytest

from servers.faults import HttpFault

if TYPE_CHECKING:
    from conftest import Kit

    from servers.eureka import Eureka
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("eureka", "resolve", "watch")


def fresh() -> str:
    return f"many-{secrets.token_hex(4)}"


def uri(address: str) -> str:
    return f"eureka://{address.removeprefix('http://')}/eureka?interval=100ms"


def test_a_thousand_instances(kit: Kit, eureka: Eureka) -> None:
    name = fresh()
    ids = eureka.register_many(name, 1000)

    async def check() -> None:
        async with kit.watch(uri(eureka.authority), name) as watch:
            await watch.ready(*ids)
            await asyncio.to_thread(eureka.cancel, name, ids.pop(500))
            await watch.ready(*ids)

    try:
        asyncio.run(check())
    finally:
        eureka.cancel_many(name, ids)


def test_five_thousand_instances(kit: Kit, eureka: Eureka, fault_proxy: FaultProxies) -> None:
    """The server's own record, five thousand times over, and then without one of them."""
    name = fresh()
    eureka.register(name, 8000)
    shown = eureka.request("GET", f"/apps/{name.upper()}").json["application"]
    ids = [f"{name}-{number}" for number in range(5000)]
    (record,) = shown["instance"]
    records = [record | {"instanceId": i, "hostName": f"127.1.{n // 250}.{n % 250 + 1}"} for n, i in enumerate(ids)]

    def fault(path: str, hash_code: str, *instances: object) -> HttpFault:
        root = {"apps__hashcode": hash_code, "application": [shown | {"instance": instances}]}
        return HttpFault(path=path, status=200, body=json.dumps({"applications": root}))

    proxy = fault_proxy.http(eureka.host(), eureka.port)
    proxy.set(fault("apps$", "UP_5000_", *records), fault("delta$", "UP_5000_"))

    async def check() -> None:
        async with kit.watch(uri(proxy.url), name) as watch:
            answer = await watch.ready(*ids)
            assert len({endpoint.host for endpoint in answer.endpoints}) == 5000
            gone = fault("delta$", "UP_4999_", records[2500] | {"actionType": "DELETED"})
            await asyncio.to_thread(proxy.set, gone)
            await watch.ready(*ids[:2500], *ids[2501:])

    asyncio.run(check())
    assert proxy.requests.count("GET /eureka/apps") == 1


def test_of_a_hundred_changes_in_a_second_the_last_is_reached(kit: Kit, eureka: Eureka) -> None:
    name = fresh()
    kept = eureka.register(name, 8001)

    def change() -> None:
        for number in range(100):
            eureka.register(name, 8002, instance="hot", metadata={"n": str(number)})
            if number % 10 == 5:
                eureka.cancel(name, "hot")

    async def check() -> None:
        async with kit.watch(uri(eureka.authority), name) as watch:
            await watch.ready(kept)

            async def last() -> None:
                await watch.until(lambda a: any(e.metadata.get("n") == "99" for e in a.endpoints), "the last change")

            await asyncio.gather(asyncio.to_thread(change), last())
            await watch.ready(kept, "hot")

    asyncio.run(check())
