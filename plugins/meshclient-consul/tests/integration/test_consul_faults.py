"""A Consul that dies, hangs, forgets or talks nonsense."""

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


def replaced(body: str) -> HttpFault:
    return HttpFault(body=body, set_headers={"Content-Encoding": None})


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


def test_a_server_that_never_answers_is_given_up_at_the_first_question(kit: Kit, own_consul: Consul) -> None:
    name = fresh()
    own_consul.register(name, 8001)

    async def check() -> None:
        await asyncio.to_thread(own_consul.pause)
        async with kit.watch(f"consul://127.0.0.1:{own_consul.port}?timeout=300ms", name) as watch:
            await watch.failed("did not answer", "within 300ms", name)
            await asyncio.to_thread(own_consul.resume)
            await watch.until(lambda a: isinstance(a, Ready), "Ready")

    asyncio.run(check())


def test_a_server_that_stops_answering_is_given_up_after_the_wait(kit: Kit, own_consul: Consul) -> None:
    name = fresh()
    own_consul.register(name, 8001)

    async def check() -> None:
        async with kit.watch(f"consul://127.0.0.1:{own_consul.port}?timeout=300ms&wait=1s", name) as watch:
            await watch.until(lambda a: isinstance(a, Ready), "Ready")
            await asyncio.to_thread(own_consul.pause)
            failed = await watch.failed("did not answer", "within 1.36s")
            assert failed.endpoints
            await asyncio.to_thread(own_consul.resume)
            await watch.until(lambda a: isinstance(a, Ready), "Ready")

    asyncio.run(check())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (HttpFault(status=500, body="No cluster leader"), ("500", "have no leader")),
        (HttpFault(status=500, body="No known Consul servers"), ("500", "knows no Consul server")),
        (HttpFault(status=429, body="Your IP is issuing too many"), ("429", "limits its clients")),
        (HttpFault(status=404, body="404 page not found"), ("404", "HTTP address of a Consul agent")),
        (HttpFault(status=301, headers={"Location": "http://127.0.0.1:1/"}), ("301",)),
        (replaced("<html>It works!</html>"), ("malformed", "not JSON", "It works!")),
        (replaced('{"a": 1}'), ("malformed", "an object, not a list")),
        (replaced("[1, 2]"), ("malformed", "none of its 2 records")),
        (HttpFault(truncate=40), ("broke off",)),
        (HttpFault(body="[]"), ("compression",)),  # announced as gzip, and is not
        (HttpFault(close=True), ("broke off",)),
        (HttpFault(hang=True), ("did not answer", "500ms")),
    ],
    ids=lambda value: "" if isinstance(value, tuple) else None,
)
def test_a_broken_answer_keeps_the_last_list(
    kit: Kit, consul: Consul, fault_proxy: FaultProxies, fault: HttpFault, words: tuple[str, ...]
) -> None:
    name = fresh()
    instance = consul.register(name, 8001)
    proxy = fault_proxy.http("127.0.0.1", consul.port)

    async def check() -> None:
        address = proxy.url.removeprefix("http://")
        async with kit.watch(f"consul://{address}?wait=200ms&timeout=500ms", name) as watch:
            await watch.ready(instance)
            await asyncio.to_thread(proxy.set, fault)
            failed = await watch.failed(address, name, *words)
            assert [endpoint.id for endpoint in failed.endpoints] == [instance]
            await asyncio.to_thread(proxy.clear)
            await watch.ready(instance)
            assert not any(isinstance(answer, Empty) for answer in watch.seen)

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
