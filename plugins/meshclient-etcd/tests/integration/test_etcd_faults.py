"""An etcd that dies, hangs, forgets or talks nonsense."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest

from meshclient.model.snapshot import Empty, Ready
from servers.faults import HttpFault, LinkFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Kit

    from servers.etcd import Etcd
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("etcd", "faults")

LOST = HttpFault(path="/v3/watch", status=200, body='{"result": {"header"')


def answered(path: str, body: str) -> HttpFault:
    return HttpFault(path=path, status=200, body=body)


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


def test_down_at_the_start(kit: Kit, etcd: Etcd) -> None:
    name = kit.fresh()
    etcd.register(name, "a", 8001)
    etcd.kill()

    async def check() -> None:
        async with kit.watch(kit.uri(etcd), name) as watch:
            failed = await watch.failed("cannot be reached", name)
            assert failed.last is None
            await asyncio.to_thread(etcd.restart)
            await watch.ready("a")

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


def test_paused_at_the_start(kit: Kit, etcd: Etcd) -> None:
    name = kit.fresh()
    etcd.register(name, "a", 8001)

    async def check() -> None:
        await asyncio.to_thread(etcd.pause)
        async with kit.watch(kit.uri(etcd, "timeout=300ms"), name) as watch:
            await watch.failed("did not answer", "within 300ms", name)
            await asyncio.to_thread(etcd.resume)
            await watch.ready("a")

    asyncio.run(check())


def test_paused_while_it_is_watched(kit: Kit, etcd: Etcd) -> None:
    """Nothing breaks and nothing comes: the silence is looked into."""
    name = kit.fresh()
    etcd.register(name, "a", 8001)

    async def check() -> None:
        async with kit.watch(kit.uri(etcd, "timeout=300ms&wait=300ms"), name) as watch:
            await watch.ready("a")
            await asyncio.to_thread(etcd.pause)
            failed = await watch.failed("did not answer", "within 300ms")
            assert failed.endpoints
            await asyncio.to_thread(etcd.resume)
            await watch.ready("a")

    asyncio.run(check())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (HttpFault(status=500, body="oops"), ("500", "oops")),
        (HttpFault(status=503, body='{"message": "etcdserver: no leader"}'), ("503", "has no leader")),
        (HttpFault(status=429, body='{"message": "etcdserver: too many requests"}'), ("429", "than it can")),
        (HttpFault(status=429, body="slow down"), ("429", "limits its clients")),
        (HttpFault(status=404, body="Not Found"), ("404", "client URL")),
        (HttpFault(status=301, headers={"Location": "http://127.0.0.1:1/"}), ("301",)),
        (answered("range", "<html>It works!</html>"), ("malformed", "not JSON", "It works!")),
        (answered("range", "[]"), ("malformed", "a list, not an object")),
        (answered("range", "{}"), ("malformed", "header is missing")),
        (answered("range", '{"header": {"revision": "x"}}'), ("malformed", "revision is not a whole number")),
        (answered("range", '{"header": {"revision": "5"}, "kvs": [{"key": "!"}]}'), ("malformed", "base64")),
        (answered("range", '{"header": {"revision": "5"}, "kvs": [{"key": "eA=="}]}'), ("not asked for",)),
        (HttpFault(path="range", truncate=40), ("broke off",)),
        (HttpFault(close=True), ("broke off",)),
        (HttpFault(reset=True), ("broke off",)),
        (HttpFault(hang=True), ("did not answer", "300ms")),
        (HttpFault(delay=0.5), ("did not answer", "300ms")),
        (HttpFault(path="watch", status=500, body="oops"), ("watch", "500")),
        (HttpFault(path="watch", hang=True), ("watch", "did not answer")),
        (answered("watch", "<html>It works!</html>\n"), ("watch", "malformed", "It works!")),
        (answered("watch", ""), ("watch", "ended its answer")),
        (answered("watch", '{"error": {"grpc_code": 14, "message": "etcdserver: no leader"}}\n'), ("has no leader",)),
        (LOST, ("watch", "not JSON")),
        (LinkFault(garbage=100), ("broke off",)),
        (LinkFault(blackhole=True), ("/v3/kv/range",)),
    ],
    ids=lambda value: "" if isinstance(value, tuple) else None,
)
def test_a_broken_answer_keeps_the_last_list(
    kit: Kit, etcd: Etcd, fault_proxy: FaultProxies, fault: HttpFault | LinkFault, words: tuple[str, ...]
) -> None:
    name = kit.fresh()
    etcd.register(name, "a", 8001)
    proxy = fault_proxy.http("127.0.0.1", etcd.port)

    async def check() -> None:
        address = f"127.0.0.1:{proxy.port}"
        async with kit.watch(f"etcd://{address}/svc?wait=100ms&timeout=300ms", name) as watch:
            await watch.ready("a")
            await asyncio.to_thread(proxy.set, fault)
            failed = await watch.failed(address, name, *words)
            assert "does it" not in failed.cause  # what has answered over plain HTTP is not asked about TLS
            assert [endpoint.id for endpoint in failed.endpoints] == ["a"]
            await asyncio.to_thread(proxy.clear)
            await asyncio.to_thread(etcd.register, name, "b", 8002)
            await watch.ready("a", "b")
            assert not any(isinstance(answer, Empty) for answer in watch.seen)

    asyncio.run(check())


def test_a_slow_answer_in_time_is_no_failure(kit: Kit, etcd: Etcd, fault_proxy: FaultProxies) -> None:
    name = kit.fresh()
    etcd.register(name, "a", 8001)
    proxy = fault_proxy.http("127.0.0.1", etcd.port)
    proxy.set(HttpFault(delay=0.3))

    async def check() -> None:
        async with kit.watch(f"etcd://127.0.0.1:{proxy.port}/svc?timeout=10s", name) as watch:
            assert isinstance(await watch.next(), Ready)
            await asyncio.to_thread(etcd.register, name, "b", 8002)
            await watch.ready("a", "b")
            assert all(isinstance(answer, Ready) for answer in watch.seen)

    asyncio.run(check())


def test_a_half_open_connection_is_noticed(kit: Kit, etcd: Etcd, fault_proxy: FaultProxies) -> None:
    """Both sides believe in the connection and not a byte passes; a change happens meanwhile."""
    name = kit.fresh()
    etcd.register(name, "a", 8001)
    proxy = fault_proxy.tcp("127.0.0.1", etcd.port)

    async def check() -> None:
        async with kit.watch(f"etcd://127.0.0.1:{proxy.port}/svc?wait=300ms&timeout=300ms", name) as watch:
            await watch.ready("a")
            await asyncio.to_thread(proxy.set, LinkFault(freeze=True))
            await asyncio.to_thread(etcd.register, name, "b", 8002)
            failed = await watch.failed("did not answer")
            assert [endpoint.id for endpoint in failed.endpoints] == ["a"]
            await asyncio.to_thread(proxy.clear)
            await watch.ready("a", "b")

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
