"""What a stream adds to an outage, and malformed items; every other fault is in test_dynamodb_fault_suite.py."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from meshclient.model.snapshot import Empty, Ready
from servers.faults import HttpFault, LinkFault

if TYPE_CHECKING:
    from conftest import Kit
    from dynamodb.conftest import Table, Tables

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


def port(table: Table) -> int:
    return int(table.url.rpartition(":")[2])


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
