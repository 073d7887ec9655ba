"""The endpoints behind the envoy data plane: bad ones, near ones, sticky ones, and a listener on a Unix socket."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from integration.envoyplane import client, plane, until
from meshclient.model.endpoint import Endpoint, Health
from meshclient.testing.fake_resolver import FakeResolver

if TYPE_CHECKING:
    import httpx
    import pytest

    from servers.backend import Backends


def test_an_endpoint_that_fails_is_ejected(backends: Backends) -> None:
    good, bad, other = backends(3)
    bad.control(status=503)
    config = {"endpoints": [each.url for each in (good, bad, other)], "retry": False, "ejection": {"base": "60s"}}

    async def run() -> None:
        async with plane(None, services={"orders": config}) as made, client(made) as calls:

            async def ejected() -> bool:
                statuses = [(await calls.get("/", headers={"host": "orders"})).status_code for _ in range(20)]
                return statuses == [200] * 20

            await until(ejected)

    asyncio.run(run())


def test_a_key_stays_with_its_endpoint(backends: Backends) -> None:
    instances = backends(3)
    config = {
        "endpoints": [each.url for each in instances],
        "balancer": "ring_hash",
        "hash_key": "header:x-user",
    }

    async def run() -> None:
        async with plane(None, services={"orders": config}) as made, client(made) as calls:

            async def who(user: str) -> str:
                return str((await calls.get("/", headers={"host": "orders", "x-user": user})).json()["instance"])

            for user in "abcde":
                assert len({await who(user) for _ in range(5)}) == 1
            assert len({await who(f"user-{number}") for number in range(40)}) == 3

    asyncio.run(run())


def test_weights_are_kept(backends: Backends) -> None:
    light, heavy = backends(2)
    listed = [Endpoint("127.0.0.1", light.port), Endpoint("127.0.0.1", heavy.port, weight=3)]
    registry = FakeResolver({"orders": listed})
    services = {"orders": {"balancer": "round_robin", "slow_start": False}}

    async def run() -> None:
        async with plane(registry, services=services) as made, client(made) as calls:
            seen = Counter([(await calls.get("/", headers={"host": "orders"})).json()["instance"] for _ in range(80)])
            assert 15 <= seen[light.name] <= 25

    asyncio.run(run())


def test_calls_stay_in_the_zone_until_it_is_gone(backends: Backends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHCLIENT_ZONE", "a")
    instances = backends(6)
    listed = [Endpoint("127.0.0.1", each.port, zone="ab"[at % 2]) for at, each in enumerate(instances)]
    near, far = ({each.name for each in instances[at::2]} for at in (0, 1))
    registry = FakeResolver({"orders": listed})

    async def run() -> None:
        async with plane(registry, services={"orders": {}}) as made, client(made) as calls:

            async def answering() -> Counter[str]:
                replies = [await calls.get("/", headers={"host": "orders"}) for _ in range(30)]
                return Counter([reply.json()["instance"] for reply in replies])

            seen = await answering()
            # A zone to which nothing is due has a ten-thousandth: Envoy knows no weight of zero.
            assert near <= set(seen)
            assert sum(seen[name] for name in far) <= 1
            gone = [replace(each, health=Health.CRITICAL) if each.zone == "a" else each for each in listed]
            registry.set("orders", gone)

            async def moved() -> bool:
                return set(await answering()) == far

            await until(moved)

    asyncio.run(run())


def test_it_listens_at_a_unix_socket_that_is_in_nobodys_way(backends: Backends) -> None:
    (instance,) = backends()

    async def run(folder: str) -> None:
        services = {"orders": {"endpoints": [instance.url]}}
        async with plane(None, services=services, outbound=f"unix:{folder}/mesh.sock") as made, client(made) as calls:
            assert made.address == f"unix:{folder}/mesh.sock"
            assert await name(calls) == instance.name

    async def name(calls: httpx.AsyncClient) -> str:
        return str((await calls.get("/", headers={"host": "orders"})).json()["instance"])

    with tempfile.TemporaryDirectory(prefix="envoy-") as folder:
        asyncio.run(run(folder))
        asyncio.run(run(folder))
