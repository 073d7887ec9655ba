"""What a watch makes of a real etcd's records, and that it follows their changes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from meshclient.model.endpoint import Health
from meshclient.model.snapshot import Empty, Failed, Ready

if TYPE_CHECKING:
    from conftest import Kit

    from servers.etcd import Etcd

pytestmark = pytest.mark.registry("etcd", "resolve", "watch")


def test_instances_come_and_go(kit: Kit, each_etcd: Etcd) -> None:
    """On 3.4 and 3.5 alike, without a failure in between."""
    name = kit.fresh()

    async def check() -> None:
        async with kit.watch(kit.uri(each_etcd), name) as watch:
            await watch.until(lambda a: isinstance(a, Empty) and not a.exists, "unknown")
            await asyncio.to_thread(each_etcd.register, name, "a", 8001)
            await watch.ready("a")
            await asyncio.to_thread(each_etcd.register, name, "b", 8002)
            await watch.ready("a", "b")
            await asyncio.to_thread(each_etcd.delete, f"svc/{name}/a")
            await watch.ready("b")
            await asyncio.to_thread(each_etcd.register, name, "b", 8003)
            await watch.until(lambda a: [e.port for e in a.endpoints] == [8003], "the new port")
            assert not any(isinstance(answer, Failed) for answer in watch.seen)

    asyncio.run(check())


def test_the_record_becomes_an_endpoint(kit: Kit, etcd: Etcd) -> None:
    name = kit.fresh()
    full: dict[str, Any] = {
        "scheme": "https",
        "weight": 7,
        "priority": 1,
        "zone": "eu-1a",
        "health": "warning",
        "unknown": {},
    }
    etcd.register(name, "a/b c\u00e9", 8443, **full, tags=["v1", "blue"], metadata={"version": "7"})
    etcd.put(f"svc/{name}/plain", '{"host": "fd00::1", "port": 8080}')

    async def check() -> Ready:
        async with kit.watch(kit.uri(etcd), name) as watch:
            return await watch.ready("a/b c\u00e9", "plain")

    plain, rich = asyncio.run(check()).endpoints  # priority 0 comes first
    assert rich.url == "https://127.0.0.1:8443"
    assert (rich.weight, rich.priority, rich.zone, rich.tags) == (7, 1, "eu-1a", ("v1", "blue"))
    assert (rich.metadata, rich.health) == ({"version": "7"}, Health.WARNING)
    assert (plain.url, plain.weight, plain.zone, plain.health) == ("http://[fd00::1]:8080", 1, "", Health.UNKNOWN)


def test_unusable_instances_leave_the_list(kit: Kit, etcd: Etcd) -> None:
    name = kit.fresh()
    etcd.register(name, "a", 8001)

    async def check() -> None:
        async with kit.watch(kit.uri(etcd), name) as watch:
            for more in ({"draining": True}, {"health": "critical"}, {"health": "draining"}, {"weight": 0}):
                await watch.ready("a")
                await asyncio.to_thread(etcd.register, name, "a", 8001, **more)
                await watch.until(lambda a: isinstance(a, Empty) and a.exists, f"known and empty with {more}")
                await asyncio.to_thread(etcd.register, name, "a", 8001)

    asyncio.run(check())


def test_only_what_lies_below_the_name_is_listed(kit: Kit, etcd: Etcd) -> None:
    name = kit.fresh()
    etcd.register(name, "mine", 8001)
    for service in (f"{name}-2", f"{name}0", name[:-1]):
        etcd.register(service, "other", 8002)
    etcd.put(f"svc/{name}", "not a record")

    async def check() -> None:
        async with kit.watch(kit.uri(etcd), name) as watch:
            answer = await watch.next()
            assert [endpoint.id for endpoint in answer.endpoints] == ["mine"]

    asyncio.run(check())


@pytest.mark.parametrize(
    ("path", "prefix"), [("/a/b", "a/b/"), ("//a/b/", "/a/b/"), ("/caf%C3%A9", "caf\u00e9/"), ("", "")]
)
def test_the_prefix_is_what_the_uri_says(kit: Kit, etcd: Etcd, path: str, prefix: str) -> None:
    name = kit.fresh()
    etcd.register(name, "one", 8001, prefix=prefix)

    async def check() -> None:
        async with kit.watch(f"etcd://127.0.0.1:{etcd.port}{path}", name) as watch:
            await watch.ready("one")

    asyncio.run(check())


def test_a_name_in_capitals_is_found_in_its_own_spelling(kit: Kit, each_etcd: Etcd) -> None:
    """httpx folds the host of http://Orders to lower case, etcd's keys stay as they were written."""
    name = kit.fresh("Camel-CASE_x")
    each_etcd.register(name, "one", 8001)
    each_etcd.register_many(kit.fresh("Camel-A"), 600)  # more than a page of keys before those that count

    async def check() -> None:
        async with kit.watch(kit.uri(each_etcd), name) as watch:
            await watch.ready("one")
            await asyncio.to_thread(each_etcd.register, name, "two", 8002)
            await watch.ready("one", "two")
            await asyncio.to_thread(each_etcd.register, name.lower(), "three", 8003)
            await watch.ready("one", "two", "three")

    asyncio.run(check())


def test_another_spelling_is_noticed_after_a_silence(kit: Kit, etcd: Etcd) -> None:
    name = kit.fresh("Late")

    async def check() -> None:
        async with kit.watch(kit.uri(etcd, "wait=200ms"), name) as watch:
            await watch.until(lambda a: isinstance(a, Empty), "Empty")
            await asyncio.to_thread(etcd.register, name, "one", 8001)
            await watch.ready("one")

    asyncio.run(check())


def test_a_storm_of_changes_ends_at_the_last_state(kit: Kit, etcd: Etcd) -> None:
    """A hundred changes in quick succession cost few answers, and the last one is right."""
    name = kit.fresh()
    etcd.register(name, "kept", 8001)

    def change() -> None:
        for number in range(100):
            etcd.register(name, f"hot-{number % 10}", 8002 + number, metadata={"n": str(number)})
        etcd.delete(f"svc/{name}/hot-0")

    async def check() -> int:
        async with kit.watch(kit.uri(etcd), name) as watch:
            await watch.ready("kept")
            expected = {"kept": 8001} | {f"hot-{n}": 8092 + n for n in range(1, 10)}
            loop = asyncio.get_running_loop()
            begun = loop.time()
            changing = asyncio.create_task(asyncio.to_thread(change))
            await watch.until(lambda a: {e.id: e.port for e in a.endpoints} == expected, "the last state")
            await changing
            # A burst of five, then four a second, and the first answer.
            assert len(watch.seen) <= 5 + 4 * (loop.time() - begun + 1)
            return len(watch.seen)

    assert asyncio.run(check()) < 100


def test_malformed_records_are_left_out_and_reported_once(
    kit: Kit, etcd: Etcd, caplog: pytest.LogCaptureFixture
) -> None:
    name = kit.fresh()
    etcd.register(name, "good", 8001)
    etcd.put(f"svc/{name}/portless", '{"host": "10.0.0.1"}')

    async def check() -> None:
        async with kit.watch(kit.uri(etcd), name) as watch:
            await watch.ready("good")
            await asyncio.to_thread(etcd.register, name, "other", 8002)
            await watch.ready("good", "other")
            assert len(caplog.records) == 1
            await asyncio.to_thread(etcd.put, f"svc/{name}/text", "10.0.0.1:80")
            await watch.until(lambda _: len(caplog.records) == 2, "a second warning")
            for instance in ("good", "other"):
                await asyncio.to_thread(etcd.delete, f"svc/{name}/{instance}")
            failed = await watch.failed("none of its 2 records is an endpoint", name)
            assert failed.endpoints
            await asyncio.to_thread(etcd.register, name, "text", 8003)
            await watch.ready("text")
            assert not any(isinstance(answer, Empty) for answer in watch.seen)

    with caplog.at_level("WARNING", "meshclient.discovery"):
        asyncio.run(check())
    first, second = (record.getMessage() for record in caplog.records[:2])
    assert "1 of 2 instances" in first
    assert name in first
    assert "'portless': its port is missing" in first
    assert "'text': it is not JSON" in second


def test_the_first_malformed_record_does_not_hide_the_service(kit: Kit, etcd: Etcd) -> None:
    name = kit.fresh()
    etcd.put(f"svc/{name}/", '{"host": "10.0.0.1", "port": 1}')

    async def check() -> None:
        async with kit.watch(kit.uri(etcd), name) as watch:
            await watch.failed("names no instance", name)

    asyncio.run(check())


def test_the_environment_names_the_members(kit: Kit, etcd: Etcd) -> None:
    name = kit.fresh()
    etcd.register(name, "one", 8001)

    async def check() -> None:
        resolver = kit.resolver("etcd:///svc", {"ETCDCTL_ENDPOINTS": f"http://127.0.0.1:{etcd.port}"})
        async with kit.watch(resolver, name) as watch:
            answer = await watch.ready("one")
            assert answer.source == f"etcd://127.0.0.1:{etcd.port}/svc"

    asyncio.run(check())
