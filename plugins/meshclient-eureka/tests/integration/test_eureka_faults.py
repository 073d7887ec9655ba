"""A Eureka that dies, hangs, forgets or talks nonsense."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

import pytest

from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Failed, Ready
from meshclient.registration.registrar import LeaseLost, Registration
from servers.faults import HttpFault, LinkFault

if TYPE_CHECKING:
    from conftest import Kit

    from servers.eureka import Eureka
    from servers.faultproxies import FaultProxies
    from servers.faults import Fault

pytestmark = pytest.mark.registry("eureka", "faults")


def fresh() -> str:
    return f"web-{secrets.token_hex(4)}"


def uri(address: str) -> str:
    return f"eureka://{address.removeprefix('http://')}/eureka?interval=100ms&timeout=250ms"


def replaced(body: str) -> HttpFault:
    return HttpFault(body=body, set_headers={"Content-Encoding": None})


def test_killed_and_restarted_without_its_registry(kit: Kit, eureka: Eureka) -> None:
    """The registrar finds out by its renewal, registers again, and the resolver's list is whole again."""
    name = fresh()
    mine = Registration(ServiceName(name), Endpoint("127.0.0.1", 8001, id=f"{name}-a"))
    registrar = kit.registrar(uri(eureka.authority).replace("250ms", "5s"))

    async def check() -> None:
        await registrar.register(mine)
        async with kit.watch(uri(eureka.authority).replace("250ms", "5s"), name) as watch:
            await watch.ready(mine.endpoint.id)
            await asyncio.to_thread(eureka.kill)
            failed = await watch.failed(eureka.authority, "cannot be reached", name)
            assert isinstance(failed.last, Ready)
            assert [endpoint.id for endpoint in failed.endpoints] == [mine.endpoint.id]
            assert not any(isinstance(answer, Empty) for answer in watch.seen)
            await asyncio.to_thread(eureka.restart)
            await watch.until(lambda a: isinstance(a, Empty) and not a.exists, "nothing registered")
            with pytest.raises(LeaseLost, match=name):
                await registrar.renew(mine)
            await registrar.register(mine)
            await registrar.renew(mine)
            await watch.ready(mine.endpoint.id)

    asyncio.run(check())


def test_a_server_that_stops_answering_is_given_up_and_found_again(kit: Kit, eureka: Eureka) -> None:
    name = fresh()
    instance = eureka.register(name, 8001)

    async def check() -> None:
        async with kit.watch(uri(eureka.authority), name) as watch:
            await watch.ready(instance)
            await asyncio.to_thread(eureka.pause)
            async with kit.watch(uri(eureka.authority), name) as late:
                failed = await late.failed("did not answer", "within 250ms", name)
                assert failed.last is None
                failed = await watch.failed("did not answer", "within 250ms", name)
                assert [endpoint.id for endpoint in failed.endpoints] == [instance]
                await asyncio.to_thread(eureka.resume)
                await late.ready(instance)
            await watch.ready(instance)

    asyncio.run(check())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (HttpFault(status=500, body="java.lang.NullPointerException"), ("500", "NullPointer")),
        (HttpFault(status=503), ("503", "limits its clients")),
        (HttpFault(status=429), ("429", "raise the option interval")),
        (HttpFault(status=403), ("403", "has just started")),
        (HttpFault(status=401, body="who are you?"), ("denied", "no user and password", "password_file")),
        (HttpFault(status=404), ("404", "path the one Eureka answers under")),
        (HttpFault(status=302, headers={"Location": "http://127.0.0.1:1/"}), ("302",)),
        (replaced("<html>It works!</html>"), ("malformed", "not JSON", "It works!")),
        (replaced('{"a": 1}'), ("malformed", "without 'applications'")),
        (replaced('{"applications": {}}'), ("malformed", "neither a list nor a hash code")),
        (replaced('{"applications": {"apps__hashcode": "UP_3_", "application": []}}'), ("malformed", "counts 'UP_3_'")),
        (HttpFault(truncate=40), ("broke off",)),
        (HttpFault(body="{}", set_headers={"Content-Encoding": "gzip"}), ("compression",)),
        (HttpFault(close=True), ("broke off",)),
        (HttpFault(reset=True), ("broke off",)),
        (HttpFault(hang=True), ("did not answer", "250ms")),
        (HttpFault(delay=1), ("did not answer", "250ms")),
        (LinkFault(freeze=True), ("did not answer", "250ms")),
        (LinkFault(sever=True), ("did not answer", "250ms")),
        (LinkFault(refuse=True, reset=True), ("cannot be reached",)),
        (LinkFault(blackhole=True, reset=True), ("did not answer", "250ms")),
    ],
    ids=lambda value: "" if isinstance(value, tuple) else None,
)
def test_a_broken_answer_keeps_the_last_list(
    kit: Kit, eureka: Eureka, fault_proxy: FaultProxies, fault: Fault, words: tuple[str, ...]
) -> None:
    """And a change made meanwhile is there as soon as the registry is."""
    name = fresh()
    first = eureka.register(name, 8001)
    proxy = fault_proxy.http(eureka.host(), eureka.port)

    async def check() -> None:
        async with kit.watch(uri(proxy.url), name) as watch:
            await watch.ready(first)
            await asyncio.to_thread(proxy.set, fault)
            failed = await watch.failed(proxy.url.removeprefix("http://"), name, *words)
            assert [endpoint.id for endpoint in failed.endpoints] == [first]
            second = await asyncio.to_thread(eureka.register, name, 8002)
            await asyncio.to_thread(eureka.cancel, name, first)
            await asyncio.to_thread(proxy.clear)
            await watch.ready(second)
            assert not any(isinstance(answer, Empty) for answer in watch.seen)

    asyncio.run(check())


def test_a_server_that_speaks_no_http_is_a_failure(kit: Kit, eureka: Eureka, fault_proxy: FaultProxies) -> None:
    name = fresh()
    instance = eureka.register(name, 8001)
    proxy = fault_proxy.http(eureka.host(), eureka.port)
    proxy.set(LinkFault(garbage=64))

    async def check() -> None:
        async with kit.watch(uri(proxy.url), name) as watch:
            failed = await watch.failed("broke off", name)
            assert failed.last is None
            await asyncio.to_thread(proxy.clear)
            await watch.ready(instance)

    asyncio.run(check())


def test_an_answer_that_is_slow_in_time_is_no_failure(kit: Kit, eureka: Eureka, fault_proxy: FaultProxies) -> None:
    name = fresh()
    instance = eureka.register(name, 8001)
    proxy = fault_proxy.http(eureka.host(), eureka.port)
    proxy.set(HttpFault(delay=0.2))

    async def check() -> None:
        async with kit.watch(uri(proxy.url).replace("250ms", "5s"), name) as watch:
            await watch.ready(instance)
            await watch.next()
            assert not any(isinstance(answer, Failed) for answer in watch.seen)

    asyncio.run(check())
