"""What a watch makes of a real Consul's records, and how soon it sees them change."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING

import pytest

from meshclient.model.endpoint import Health
from meshclient.model.snapshot import Empty, Ready

if TYPE_CHECKING:
    from conftest import Kit

    from servers.consul import Consul
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("consul", "watch")

WARNING = {"TTL": "10m", "Status": "warning"}
PASSING = {"TTL": "10m", "Status": "passing"}


def fresh(base: str = "web") -> str:
    return f"{base}-{secrets.token_hex(4)}"


def uri(consul: Consul, options: str = "") -> str:
    return f"consul://127.0.0.1:{consul.port}?{options}"


@pytest.mark.parametrize("consistency", ["default", "stale", "consistent"])
def test_a_change_is_visible_within_a_second(kit: Kit, consul: Consul, consistency: str) -> None:
    name = fresh()

    async def measure() -> list[float]:
        seconds = []
        async with kit.watch(uri(consul, f"consistency={consistency}"), name) as watch:
            await watch.until(lambda a: isinstance(a, Empty), "Empty")
            ids: list[str] = []
            for port in (8001, 8002, 8003):
                begun = time.monotonic()
                ids.append(await asyncio.to_thread(consul.register, name, port))
                await watch.ready(*ids)
                seconds.append(time.monotonic() - begun)
            begun = time.monotonic()
            await asyncio.to_thread(consul.deregister, ids.pop())
            await watch.ready(*ids)
            seconds.append(time.monotonic() - begun)
        return seconds

    seconds = asyncio.run(measure())
    print(f"consistency={consistency}: visible after {', '.join(f'{s * 1000:.0f} ms' for s in seconds)}")
    assert max(seconds) < 1


def test_the_record_becomes_an_endpoint(kit: Kit, consul: Consul) -> None:
    name = fresh()
    consul.register(
        name,
        8443,
        address="10.1.2.3",
        instance=f"{name}-a",
        tags=["v1", "blue"],
        meta={"zone": "eu-1a", "scheme": "https"},
        weight=7,
        check=PASSING,
    )
    consul.register(name, 8080, address="fd00::1", instance=f"{name}-b")

    async def check() -> Ready:
        async with kit.watch(uri(consul), name) as watch:
            return await watch.ready(f"{name}-a", f"{name}-b")

    by_id = {endpoint.id: endpoint for endpoint in asyncio.run(check()).endpoints}
    full, plain = by_id[f"{name}-a"], by_id[f"{name}-b"]
    assert full.url == "https://10.1.2.3:8443"
    assert (full.weight, full.zone, full.tags, full.health) == (7, "eu-1a", ("v1", "blue"), Health.PASSING)
    assert full.metadata == {"zone": "eu-1a", "scheme": "https"}
    assert (plain.url, plain.weight, plain.zone) == ("http://[fd00::1]:8080", 1, "")


def test_an_instance_without_address_is_at_its_node(kit: Kit, consul: Consul) -> None:
    name = fresh()
    node = {"Node": f"node-{name}", "Address": "10.9.8.7", "NodeMeta": {"availability_zone": "eu-1c"}}
    consul.call("PUT", "/v1/catalog/register", {**node, "Service": {"ID": name, "Service": name, "Port": 8080}})

    async def check() -> Ready:
        async with kit.watch(uri(consul), name) as watch:
            return await watch.ready(name)

    try:
        (endpoint,) = asyncio.run(check()).endpoints
    finally:
        consul.call("PUT", "/v1/catalog/deregister", {"Node": f"node-{name}"})
    assert (endpoint.host, endpoint.zone) == ("10.9.8.7", "eu-1c")


def test_health_decides_who_is_listed(kit: Kit, consul: Consul) -> None:
    name = fresh()
    good = consul.register(name, 8001, check=PASSING)
    warned = consul.register(name, 8002, weight=9, check=WARNING)

    async def check() -> None:
        async with kit.watch(uri(consul), name) as watch, kit.watch(uri(consul, "passing=on"), name) as strict:
            answer = await watch.ready(good, warned)
            found = {e.id: (e.health, e.weight) for e in answer.endpoints}
            assert found == {good: (Health.PASSING, 1), warned: (Health.WARNING, 1)}
            await strict.ready(good)
            await asyncio.to_thread(consul.call, "PUT", f"/v1/agent/check/fail/service:{warned}")
            await watch.ready(good)
            await asyncio.to_thread(consul.call, "PUT", f"/v1/agent/service/maintenance/{good}?enable=true&reason=x")
            for each in (watch, strict):
                await each.until(lambda a: isinstance(a, Empty) and a.exists, "known and empty")
            await asyncio.to_thread(consul.call, "PUT", f"/v1/agent/service/maintenance/{good}?enable=false")
            await watch.ready(good)
            await strict.ready(good)

    asyncio.run(check())


def test_unknown_is_told_from_known_and_empty(kit: Kit, consul: Consul) -> None:
    name = fresh()

    async def check() -> None:
        for options in ("", "tag=none", "passing=on", "filter=Service.Port%20==%201"):
            async with kit.watch(uri(consul, options), name) as watch:
                answer = await watch.next()
                assert isinstance(answer, Empty)
                assert not answer.exists, options
        await asyncio.to_thread(consul.register, name, 8001)
        for options in ("tag=none", "filter=Service.Port%20==%201"):
            async with kit.watch(uri(consul, options), name) as watch:
                answer = await watch.next()
                assert isinstance(answer, Empty)
                assert answer.exists, options

    asyncio.run(check())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("tag=blue", {8001, 8002}),
        ("tag=blue,v1", {8001}),
        ("filter=" + "Service.Meta.ring%20==%20inner", {8002}),
        ("tag=blue&filter=Service.Port%20==%208003", set()),
        ("dc=dc1", {8001, 8002, 8003}),
    ],
)
def test_options_narrow_the_list(kit: Kit, consul: Consul, options: str, expected: set[int]) -> None:
    name = fresh()
    consul.register(name, 8001, tags=["blue", "v1"])
    consul.register(name, 8002, tags=["blue", "v2"], meta={"ring": "inner"})
    consul.register(name, 8003, tags=["v1"])

    async def check() -> None:
        async with kit.watch(uri(consul, options), name) as watch:
            answer = await watch.next()
            assert {endpoint.port for endpoint in answer.endpoints} == expected, answer

    asyncio.run(check())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("dc=nowhere", ("500", "No path to datacenter", "option dc")),
        ("filter=(", ("500", "option filter")),
    ],
)
def test_an_option_that_consul_refuses_is_named(kit: Kit, consul: Consul, options: str, words: tuple[str, ...]) -> None:
    name = fresh()

    async def check() -> None:
        async with kit.watch(uri(consul, options), name) as watch:
            await watch.failed(name, f"127.0.0.1:{consul.port}", *words)

    asyncio.run(check())


def test_names_are_found_whatever_their_case(kit: Kit, consul: Consul) -> None:
    name = fresh("CamelCase_x")
    consul.register(name, 8001, instance=name)

    async def check() -> None:
        async with kit.watch(uri(consul), name) as watch:
            await watch.ready(name)

    asyncio.run(check())


def test_malformed_instances_are_left_out_and_reported_once(
    kit: Kit, consul: Consul, caplog: pytest.LogCaptureFixture
) -> None:
    name = fresh()
    good = consul.register(name, 8001)
    consul.register(name, 0, instance=f"{name}-portless")

    async def check() -> None:
        async with kit.watch(uri(consul), name) as watch:
            await watch.ready(good)
            other = await asyncio.to_thread(consul.register, name, 8002)
            await watch.ready(good, other)
            assert len(caplog.records) == 1
            await asyncio.to_thread(consul.register, name, 99999, instance=f"{name}-beyond")
            await watch.until(lambda _: len(caplog.records) == 2, "a second warning")
            for instance in (good, other):
                await asyncio.to_thread(consul.deregister, instance)
            await watch.failed("none of its 2 records is an endpoint")

    with caplog.at_level("WARNING", "meshclient.discovery"):
        asyncio.run(check())
    first, second = (record.getMessage() for record in caplog.records)
    assert "1 of 2 instances" in first
    assert name in first
    assert "port 0" in first
    assert "99999" in second
    assert "port 0" in second


def test_a_hot_index_is_followed_at_a_bounded_rate(kit: Kit, consul: Consul, fault_proxy: FaultProxies) -> None:
    name = fresh()
    kept = consul.register(name, 8001)
    proxy = fault_proxy.http("127.0.0.1", consul.port)

    def change() -> float:
        begun = time.monotonic()
        for number in range(100):
            consul.register(name, 8002, instance="hot", meta={"n": str(number)})
        return time.monotonic() - begun

    async def check() -> tuple[float, int]:
        async with kit.watch(uri(consul).replace(str(consul.port), proxy.url.rpartition(":")[2]), name) as watch:
            await watch.ready(kept)

            async def last() -> None:
                await watch.until(lambda a: any(e.metadata.get("n") == "99" for e in a.endpoints), "the last update")

            duration, _ = await asyncio.gather(asyncio.to_thread(change), last())
            return duration, len(watch.seen)

    duration, answers = asyncio.run(check())
    print(f"100 updates in {duration:.2f} s: {answers} answers")
    # A burst of five, then ten a second, and the first answer.
    assert answers <= 5 + 10 * (duration + 1) + 1
