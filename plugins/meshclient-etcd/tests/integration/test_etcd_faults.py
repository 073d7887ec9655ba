"""etcd's revisions over outages, resets and compactions; every other fault is in test_etcd_fault_suite.py."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest

from meshclient.model.snapshot import Empty, Ready
from servers.faults import LinkFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Kit

    from servers.etcd import Etcd
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("etcd", "faults")


def test_killed_and_started_again_with_its_data(kit: Kit, etcd: Etcd) -> None:
    name = kit.fresh()
    etcd.register(name, "a", 8001)

    async def check() -> None:
        async with kit.watch(kit.uri(etcd), name) as watch:
            await watch.ready("a")
            await asyncio.to_thread(etcd.kill)
            failed = await watch.failed("127.0.0.1", name, "cannot be reached")
            assert isinstance(failed.last, Ready)
            assert [endpoint.id for endpoint in failed.endpoints] == ["a"]
            await asyncio.to_thread(etcd.restart)
            await watch.ready("a")
            assert not any(isinstance(answer, Empty) for answer in watch.seen)

    asyncio.run(check())


@pytest.mark.parametrize("writes", [1, 60], ids=["revision goes back", "revision overtakes"])
def test_restarted_without_its_data(kit: Kit, etcd: Etcd, fault_proxy: FaultProxies, writes: int) -> None:
    """Whoever watched on from the old revision would wait for it, or miss what came before it."""
    name = kit.fresh()
    etcd.restart(wipe=True)
    etcd.register_many(kit.fresh("noise"), 20)
    for port in range(8001, 8021):
        etcd.register(name, "old", port)
    proxy = fault_proxy.http("127.0.0.1", etcd.port)

    async def check() -> None:
        async with kit.watch(f"etcd://127.0.0.1:{proxy.port}/svc", name) as watch:
            await watch.ready("old")
            before = await asyncio.to_thread(etcd.put, "mark", "")
            await asyncio.to_thread(proxy.set, LinkFault(reset=True))
            await watch.failed(name)
            await asyncio.to_thread(etcd.restart, wipe=True)
            await asyncio.to_thread(etcd.register, name, "new", 9001)
            for _ in range(writes):
                after = await asyncio.to_thread(etcd.put, "mark", "")
            assert (after > before) == (writes > 1)
            await asyncio.to_thread(proxy.clear)
            await watch.ready("new")
            await asyncio.to_thread(etcd.register, name, "newer", 9002)
            await watch.ready("new", "newer")

    asyncio.run(check())


def test_a_watch_that_breaks_goes_on_without_a_failure(kit: Kit, etcd: Etcd, fault_proxy: FaultProxies) -> None:
    """As behind a proxy that ends long answers; what changes in the gaps is in the lists that follow."""
    name = kit.fresh()
    etcd.register(name, "a", 8001)
    proxy = fault_proxy.http("127.0.0.1", etcd.port)
    proxy.set(LinkFault(close_after=4000))  # a list, the begin of a watch, and some events

    def change() -> None:
        for number in range(40):
            etcd.register(name, "b", 9000 + number)

    async def check() -> None:
        async with kit.watch(f"etcd://127.0.0.1:{proxy.port}/svc", name) as watch:
            await watch.ready("a")
            changing = asyncio.create_task(asyncio.to_thread(change))
            await watch.until(lambda a: 9039 in {endpoint.port for endpoint in a.endpoints}, "the last change")
            await changing
            assert all(isinstance(answer, Ready) for answer in watch.seen), watch.seen
            assert proxy.requests.count("POST /v3/watch") >= 3

    asyncio.run(check())


class BeforeTheWatch(httpx.AsyncHTTPTransport):
    """The network, where something happens on the way of the first watch."""

    def __init__(self, happens: Callable[[], None]) -> None:
        super().__init__()
        self._happens = happens
        self.watches = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v3/watch":
            self.watches += 1
            if self.watches == 1:
                await asyncio.to_thread(self._happens)
        return await super().handle_async_request(request)


def test_a_compacted_revision_is_read_over(kit: Kit, each_etcd: Etcd) -> None:
    """Between the list and its watch the revision to begin from is compacted away."""
    name = kit.fresh()
    each_etcd.register(name, "a", 8001)

    def compact() -> None:
        each_etcd.delete(f"svc/{name}/a")
        each_etcd.register(name, "b", 8002)
        each_etcd.compact()

    async def check() -> None:
        transport = BeforeTheWatch(compact)
        async with kit.watch(kit.resolver(kit.uri(each_etcd), transport=transport), name) as watch:
            await watch.ready("b")
            assert all(isinstance(answer, Ready) for answer in watch.seen), watch.seen
            assert transport.watches == 2
            await asyncio.to_thread(each_etcd.register, name, "c", 8003)
            await watch.ready("b", "c")

    asyncio.run(check())


def test_compaction_during_an_outage(kit: Kit, each_etcd: Etcd, fault_proxy: FaultProxies) -> None:
    name = kit.fresh()
    each_etcd.register(name, "a", 8001)
    proxy = fault_proxy.http("127.0.0.1", each_etcd.port)

    async def check() -> None:
        async with kit.watch(f"etcd://127.0.0.1:{proxy.port}/svc", name) as watch:
            await watch.ready("a")
            await asyncio.to_thread(proxy.set, LinkFault(reset=True))
            await watch.failed(name)
            await asyncio.to_thread(each_etcd.register, name, "b", 8002)
            await asyncio.to_thread(each_etcd.compact)
            await asyncio.to_thread(proxy.clear)
            await watch.ready("a", "b")

    asyncio.run(check())
