"""A table that is gone, hangs, forgets, refuses or talks nonsense; and many instances."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from meshclient.model.snapshot import Empty, Failed, Ready
from servers.faults import HttpFault, LinkFault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Kit
    from dynamodb.conftest import Table, Tables

    from servers.dynamodb_local import DynamoDbLocal
    from servers.faultproxies import FaultProxies
    from servers.faults import Fault
    from watching import Watch

pytestmark = pytest.mark.registry("dynamodb", "resolve", "faults")
POLLING = ("streams=off", "interval=50ms", "timeout=250ms")
STREAMING = ("interval=1h", "timeout=250ms")


async def streaming(watch: Watch, *ids: str) -> None:
    """Wait for the list that follows once the stream is read."""
    await watch.ready(*ids)
    await watch.ready(*ids)


def refused(code: str, status: int = 400) -> HttpFault:
    body = json.dumps({"__type": f"com.amazon.coral.service#{code}", "message": f"says {code}"})
    return HttpFault(status=status, body=body, headers={"Content-Type": "application/x-amz-json-1.0"})


def port(table: Table) -> int:
    return int(table.url.rpartition(":")[2])


@pytest.fixture
def own_dynamodb(dynamodb: DynamoDbLocal) -> Iterator[DynamoDbLocal]:
    """The session's server, for a test that breaks it."""
    yield dynamodb
    dynamodb.heal()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (refused("ProvisionedThroughputExceededException"), ("throttled", "ProvisionedThroughputExceeded")),
        (refused("AccessDeniedException"), ("denied", "dynamodb:Query")),
        (refused("ExpiredTokenException"), ("refused", "expired")),
        (refused("UnrecognizedClientException"), ("refused", "credentials are wrong")),
        (refused("ResourceNotFoundException"), ("meshclient aws dynamodb-table",)),
        (HttpFault(status=503, body="<html>Service Unavailable</html>"), ("503",)),
        (HttpFault(body="{}", set_headers={"x-amz-crc32": None}), ("malformed",)),
        (HttpFault(body='{"Items": null}', set_headers={"x-amz-crc32": None}), ("malformed",)),
        (HttpFault(body="<html>It works!</html>", set_headers={"x-amz-crc32": None}), ("malformed",)),
        (HttpFault(truncate=40), ("malformed",)),
        (HttpFault(hang=True), ("not answered",)),
        (HttpFault(delay=3.0), ("not answered",)),
        (LinkFault(freeze=True), ("not answered",)),
        (LinkFault(sever=True), ("not answered",)),
        (LinkFault(refuse=True, reset=True), ("not answered",)),
    ],
    ids=lambda value: None if isinstance(value, tuple) else str(value)[:60],
)
def test_a_broken_answer_keeps_the_last_list(
    kit: Kit, plain_table: Table, fault_proxy: FaultProxies, fault: Fault, words: tuple[str, ...]
) -> None:
    name = "web"
    first = plain_table.put(name, 1)
    proxy = fault_proxy.http("127.0.0.1", port(plain_table))

    async def check() -> None:
        async with kit.watch(plain_table.resolver(*POLLING, url=proxy.url), name) as watch:
            await watch.ready(first)
            await asyncio.to_thread(proxy.set, fault)
            failed = await watch.failed(name, plain_table.name, *words)
            assert [endpoint.id for endpoint in failed.endpoints] == [first]
            second = await asyncio.to_thread(plain_table.put, name, 2)  # a change while disconnected
            await asyncio.to_thread(proxy.clear)
            await watch.ready(first, second)
            assert not any(isinstance(answer, Empty) for answer in watch.seen)

    asyncio.run(check())


@pytest.mark.parametrize("fault", [LinkFault(reset=True), HttpFault(hang=True), HttpFault(body="{}")])
def test_with_a_stream_an_outage_is_seen_at_once_and_what_changed_meanwhile(
    kit: Kit, table: Table, fault_proxy: FaultProxies, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    monkeypatch.setattr("meshclient_aws.dynamodb.options.POLL_INTERVAL", 3600.0)
    name = "web"
    first = table.put(name, 1)
    proxy = fault_proxy.http("127.0.0.1", port(table))

    async def check() -> None:
        async with kit.watch(table.resolver(*STREAMING, url=proxy.url), name) as watch:
            await streaming(watch, first)
            await asyncio.to_thread(proxy.set, fault)
            failed = await watch.failed(name)
            assert isinstance(failed.last, Ready)
            second = await asyncio.to_thread(table.put, name, 2)
            await asyncio.to_thread(table.delete, name, 1)
            await asyncio.to_thread(proxy.clear)
            await watch.ready(second)
            third = await asyncio.to_thread(table.put, name, 3)
            await watch.ready(second, third)
            assert not any(isinstance(answer, Empty) for answer in watch.seen)

    asyncio.run(check())


def test_slow_is_not_down(kit: Kit, table: Table, tables: Tables, fault_proxy: FaultProxies) -> None:
    name = tables.fresh()
    first = table.put(name, 1)
    proxy = fault_proxy.http("127.0.0.1", port(table))
    proxy.set(HttpFault(delay=0.1))

    async def check() -> None:
        async with kit.watch(table.resolver("interval=1h", "timeout=3s", url=proxy.url), name) as watch:
            await watch.ready(first)
            second = await asyncio.to_thread(table.put, name, 2)
            await watch.ready(first, second)
            assert not any(isinstance(answer, Failed) for answer in watch.seen)

    asyncio.run(check())


def test_killed_and_restarted_without_its_tables(kit: Kit, own_dynamodb: DynamoDbLocal, tables: Tables) -> None:
    table = tables.make(own_dynamodb.url)
    name = tables.fresh()
    first = table.put(name, 1)

    async def check() -> None:
        async with kit.watch(table.resolver(*STREAMING), name) as watch:
            await streaming(watch, first)
            await asyncio.to_thread(own_dynamodb.kill)
            failed = await watch.failed("not answered")
            assert [endpoint.id for endpoint in failed.endpoints] == [first]
            await asyncio.to_thread(own_dynamodb.restart)
            failed = await watch.failed("ResourceNotFoundException", f"meshclient aws dynamodb-table {table.name}")
            assert [endpoint.id for endpoint in failed.endpoints] == [first]
            await asyncio.to_thread(table.create)
            second = await asyncio.to_thread(table.put, name, 2)
            await watch.ready(second)
            third = await asyncio.to_thread(table.put, name, 3)
            await watch.ready(second, third)

    asyncio.run(check())


def test_paused_and_resumed(kit: Kit, own_dynamodb: DynamoDbLocal, tables: Tables) -> None:
    table = tables.make(own_dynamodb.url)
    name = tables.fresh()
    first = table.put(name, 1)

    async def check() -> None:
        async with kit.watch(table.resolver(*STREAMING), name) as watch:
            await streaming(watch, first)
            await asyncio.to_thread(own_dynamodb.pause)
            failed = await watch.failed("not answered")
            assert [endpoint.id for endpoint in failed.endpoints] == [first]
            await asyncio.to_thread(own_dynamodb.resume)
            second = await asyncio.to_thread(table.put, name, 2)
            await watch.ready(first, second)

    asyncio.run(check())


def test_down_at_the_start(kit: Kit, plain_table: Table, tables: Tables, fault_proxy: FaultProxies) -> None:
    name = tables.fresh()
    first = plain_table.put(name, 1)
    proxy = fault_proxy.http("127.0.0.1", port(plain_table))
    proxy.set(LinkFault(refuse=True))

    async def check() -> None:
        async with kit.watch(plain_table.resolver(*POLLING, url=proxy.url), name) as watch:
            answer = await watch.next()
            assert isinstance(answer, Failed)
            assert answer.last is None
            await asyncio.to_thread(proxy.clear)
            await watch.ready(first)

    asyncio.run(check())


def test_five_thousand_instances(kit: Kit, table: Table, tables: Tables) -> None:
    name = tables.fresh()
    ids = table.put_many(name, range(5000), padding={"S": "." * 300})  # more than the megabyte of a page

    async def check() -> None:
        async with kit.watch(table.resolver("interval=1h"), name) as watch:
            await watch.ready(*ids)
            await asyncio.to_thread(table.delete, name, 7)
            await watch.ready(*(each for each in ids if each != tables.instance(7)))

    asyncio.run(check())


def test_malformed_items_are_left_out_and_named_once(
    kit: Kit, plain_table: Table, tables: Tables, caplog: pytest.LogCaptureFixture
) -> None:
    name = tables.fresh()
    plain_table.put(name, 1, port={"S": "8080"})
    plain_table.put(name, 2, host={"S": "two words"})
    plain_table.put(name, 3, port={"N": "99999"}, expires={"N": "1"})  # dead anyway

    async def check() -> None:
        async with kit.watch(plain_table.resolver(*POLLING), name) as watch:
            await watch.failed("none of the 2 items", name, "its port is text, not a number")
            good = await asyncio.to_thread(plain_table.put, name, 4)
            await watch.ready(good)
            await watch.next()
            await watch.next()

    asyncio.run(check())
    (record,) = [record for record in caplog.records if "malformed" in record.message]
    assert "2 of 4 items" in record.message
    assert "'i0002': host 'two words'" in record.message
