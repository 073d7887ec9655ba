"""One fetching for all watches of a loop, and what each of them is told."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Failed, Ready
from meshclient_eureka import feed
from meshclient_eureka.errors import EurekaError
from meshclient_eureka.feed import Feed

if TYPE_CHECKING:
    from conftest import Kit


def whole(**apps: list[dict[str, Any]]) -> httpx.Response:
    listed = [{"name": name.upper(), "instance": records} for name, records in apps.items()]
    return httpx.Response(200, text=json.dumps({"applications": {"apps__hashcode": "x", "application": listed}}))


def record(name: str, **fields: Any) -> dict[str, Any]:
    return {"instanceId": name, "hostName": "h", "status": "UP", "port": {"$": 80, "@enabled": "true"}} | fields


class Server:
    """Answers every question with `reply`, and counts them."""

    def __init__(self, reply: httpx.Response) -> None:
        self.reply = reply
        self.asked = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += "delta" not in request.url.path
        if "delta" in request.url.path:
            return httpx.Response(403)
        return httpx.Response(self.reply.status_code, content=self.reply.content)


def test_the_registry_is_fetched_once_for_all_names_and_again_for_a_new_loop(kit: Kit) -> None:
    server = Server(whole(a=[record("a1")], b=[record("b1")]))
    resolver = kit.resolver("eureka://h", httpx.MockTransport(server))

    async def run() -> None:
        before = asyncio.all_tasks()
        async with kit.watch(resolver, "a") as one, kit.watch(resolver, "b") as other, kit.watch(resolver, "c") as none:
            await asyncio.gather(one.ready("a1"), other.ready("b1"))
            answer = await none.next()
            assert isinstance(answer, Empty)
            assert not answer.exists
        assert asyncio.all_tasks() == before

    asyncio.run(run())
    assert server.asked == 1
    asyncio.run(run())
    assert server.asked == 2


def test_what_it_lists_and_what_it_leaves_out(kit: Kit) -> None:
    apps = {"a": [record("a1", vipAddress="shop, Cart:80"), record("a2", status="DOWN")], "b": [record("b1")]}
    transport = httpx.MockTransport(Server(whole(**apps)))

    async def run() -> None:
        before = asyncio.all_tasks()
        resolver = kit.resolver("eureka://h", transport)
        assert sorted(name.lower() for name in await resolver.names()) == ["a", "b"]
        assert await kit.resolver("eureka://h?by=vip", transport).names() == ["cart", "shop"]
        with pytest.raises(EurekaError):
            await kit.resolver("eureka://h", httpx.MockTransport(Server(httpx.Response(500)))).names()
        async with kit.watch(resolver, "a") as watch:
            answer = await watch.next()
            assert isinstance(answer, Ready)
            assert [(each.label, each.reason) for each in answer.left_out] == [("'a2'", "critical")]
        assert asyncio.all_tasks() == before

    asyncio.run(run())


def test_a_watch_that_ends_leaves_the_fetching_to_the_others(kit: Kit) -> None:
    server = Server(whole(a=[record("a1")], b=[record("b1")]))
    resolver = kit.resolver("eureka://h?interval=20ms", httpx.MockTransport(server))

    async def run() -> None:
        async with kit.watch(resolver, "a") as one:
            await one.ready("a1")
            async with kit.watch(resolver, "b") as other:
                await other.ready("b1")
            server.reply = whole(a=[record("a2")])
            await one.ready("a2")
            assert not any(isinstance(answer, Failed) for answer in one.seen)

    asyncio.run(run())


def test_a_name_with_malformed_records_only_fails_alone(kit: Kit, caplog: pytest.LogCaptureFixture) -> None:
    broken = {"port": {"$": 0, "@enabled": "true"}}
    apps = {
        "a": [record("a1", **broken)],
        "b": [record("b1"), record("b2", **broken)],
        "c": [record("c", status="DOWN")],
    }
    server = Server(whole(**apps))
    resolver = kit.resolver("eureka://h?interval=20ms", httpx.MockTransport(server))

    async def run() -> None:
        async with kit.watch(resolver, "a") as one, kit.watch(resolver, "b") as other, kit.watch(resolver, "c") as down:
            await one.failed("h:8761", "service 'a'", "port 0")
            await other.ready("b1")
            server.reply = whole(**apps | {"b": [*apps["b"], record("b3")]})
            await other.ready("b1", "b3")
            answer = await down.next()
            assert isinstance(answer, Empty)
            assert answer.exists

    with caplog.at_level("WARNING", "meshclient.discovery"):
        asyncio.run(run())
    said = [entry.getMessage() for entry in caplog.records if "service 'b'" in entry.getMessage()]
    assert len(said) == 1
    assert "1 of 2 instances" in said[0]


def test_a_failure_reaches_every_watch_and_the_fetching_goes_on(kit: Kit) -> None:
    server = Server(httpx.Response(500, text="oops"))
    resolver = kit.resolver("eureka://h?interval=20ms", httpx.MockTransport(server))

    async def run() -> None:
        async with kit.watch(resolver, "a") as one, kit.watch(resolver, "b") as other:
            for watch, name in ((one, "a"), (other, "b")):
                failed = await watch.failed(f"service '{name}'", "h:8761", "500", "oops")
                assert failed.last is None
            server.reply = whole(a=[record("a1")], b=[record("b1")])
            await asyncio.gather(one.ready("a1"), other.ready("b1"))
            server.reply = httpx.Response(500, text="oops")
            failed = await one.failed("500")
            assert isinstance(failed.last, Ready)

    asyncio.run(run())


def test_what_breaks_the_fetching_itself_ends_every_watch(kit: Kit) -> None:
    resolver = kit.resolver("eureka://h?scheme=https&ca_file=/no/such/file")

    async def run(name: str) -> None:
        with pytest.raises(EurekaError, match="ca_file=/no/such/file"):
            await anext(aiter(resolver.watch(ServiceName(name))))

    async def both() -> None:
        await asyncio.gather(run("a"), run("b"))
        await run("a")

    asyncio.run(both())


@pytest.mark.parametrize(
    ("options", "name", "ids"),
    [
        ("by=vip", "orders", ["b1", "b2"]),
        ("by=vip", "Orders.Internal", ["b2"]),
        ("by=vip&endpoint_scheme=https", "orders", ["b3"]),
        ("by=vip", "b", []),
        ("by=app", "orders", []),
    ],
)
def test_names_may_be_vip_addresses(kit: Kit, options: str, name: str, ids: list[str]) -> None:
    records = [
        record("b1", vipAddress="orders:80"),
        record("b2", vipAddress="x, ORDERS,orders.internal"),
        record("b3", vipAddress=["odd"], secureVipAddress="orders"),
    ]
    resolver = kit.resolver(f"eureka://h?{options}", httpx.MockTransport(Server(whole(b=records))))

    async def run() -> list[str]:
        async with kit.watch(resolver, name) as watch:
            return [endpoint.id for endpoint in (await watch.next()).endpoints]

    assert asyncio.run(run()) == ids


def test_a_broken_fetching_is_not_joined(kit: Kit) -> None:
    """Even while a watch that lived on it has not noticed yet."""
    broken, listed = False, "a1"

    def serve(_: httpx.Request) -> httpx.Response:
        if broken:
            raise RuntimeError("a mistake in the plugin")
        return whole(a=[record(listed)])

    resolver = kit.resolver("eureka://h?interval=20ms", httpx.MockTransport(serve))

    async def run() -> None:
        nonlocal broken, listed
        held, other = (aiter(resolver.watch(ServiceName("a"))) for _ in range(2))
        await anext(held)
        broken = True
        with pytest.raises(RuntimeError, match="a mistake"):
            async for _ in other:
                pass
        broken, listed = False, "a2"
        async with kit.watch(resolver, "a") as watch:
            await watch.ready("a2")
            assert not any(isinstance(answer, Failed) for answer in watch.seen)
        with pytest.raises(RuntimeError, match="a mistake"):
            async for _ in held:
                pass

    asyncio.run(run())


class Fetches:
    """Runs a watch with an interval of 100 s that takes no time; `pauses` are the shares of the interval."""

    def __init__(self, kit: Kit, monkeypatch: pytest.MonkeyPatch, *outcomes: str) -> None:
        self.pauses: list[float] = []
        left = list(outcomes)

        async def recorded(_: Feed, seconds: float) -> None:
            self.pauses.append(seconds / 100)
            await asyncio.sleep(0)

        def serve(request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("delta"):
                return httpx.Response(403)
            outcome = left.pop(0) if left else "good"
            if outcome == "late":
                raise httpx.ReadTimeout("late", request=request)
            return whole(a=[record("a1")]) if outcome == "good" else httpx.Response(500)

        resolver = kit.resolver("eureka://h?interval=100s", httpx.MockTransport(serve))

        async def run() -> None:
            async for _ in resolver.watch(ServiceName("a")):
                if len(self.pauses) >= len(outcomes):
                    break

        monkeypatch.setattr(Feed, "_rest", recorded)
        asyncio.run(run())


def test_time_outs_slow_the_fetching_down_until_it_succeeds(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = ["good", *["late"] * 6, "good", "late"]
    pauses = Fetches(kit, monkeypatch, *outcomes).pauses
    for pause, expected in zip(pauses, (1, 2, 4, 8, 10, 10, 10, 1, 2), strict=False):
        assert expected * 0.9 <= pause <= expected * 1.1


def test_failures_are_retried_soon_and_so_are_time_outs_without_a_list(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    for outcomes in (["late"] * 4 + ["good"], ["good"] + ["bad"] * 4 + ["good"]):
        pauses = Fetches(kit, monkeypatch, *outcomes).pauses
        retries = [pause * 100 for pause, outcome in zip(pauses, outcomes, strict=False) if outcome != "good"]
        for seconds, bound in zip(retries, (0.25, 0.5, 1, 2), strict=True):
            assert bound / 2 <= seconds <= bound
        assert 0.9 <= pauses[len(outcomes) - 1] <= 1.1


def test_a_hint_brings_the_next_fetch_forward_but_not_in_a_hot_loop(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "HURRY", 0.05)
    server = Server(whole(a=[record("a1")]))
    resolver = kit.resolver("eureka://h?interval=100s", httpx.MockTransport(server))

    async def run() -> float:
        resolver.refresh(ServiceName("a"))
        begun = asyncio.get_running_loop().time()
        async with kit.watch(resolver, "a") as watch:
            for number in range(1, 5):
                server.reply = whole(a=[record(f"a{number}")])
                for _ in range(10):
                    resolver.refresh(ServiceName("a"))
                await watch.ready(f"a{number}")
        return asyncio.get_running_loop().time() - begun

    seconds = asyncio.run(run())
    assert server.asked <= 1 + seconds / 0.05


def test_a_hint_does_not_hurry_a_server_that_fails(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "HURRY", 0.01)
    server = Server(httpx.Response(500))
    resolver = kit.resolver("eureka://h?interval=100s", httpx.MockTransport(server))

    async def run() -> float:
        begun = asyncio.get_running_loop().time()
        async with kit.watch(resolver, "a") as watch:
            for _ in range(3):
                await watch.next()
                resolver.refresh(ServiceName("a"))
        return asyncio.get_running_loop().time() - begun

    assert asyncio.run(run()) >= 0.125 + 0.25
