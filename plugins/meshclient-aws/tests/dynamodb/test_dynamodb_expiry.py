"""The end of a lease: at once for readers, whenever DynamoDB itself gets round to deleting the item."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from meshclient.model.snapshot import Empty, Failed, Ready

if TYPE_CHECKING:
    from conftest import Kit
    from dynamodb.conftest import Table, Tables

    from servers.aws import Aws
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("dynamodb", "watch")


def soon(seconds: float) -> dict[str, str]:
    return {"N": f"{time.time() + seconds:.3f}"}


def test_an_expired_item_is_not_listed(kit: Kit, plain_table: Table, tables: Tables) -> None:
    name = tables.fresh()
    plain_table.put(name, 1, expires=soon(-1))
    second = plain_table.put(name, 2)
    plain_table.put(f"{name}-dead", 1, expires=soon(-1))

    async def check() -> None:
        resolver = plain_table.resolver("streams=off")
        async with kit.watch(resolver, name) as watch:
            await watch.ready(second)
        async with kit.watch(resolver, f"{name}-dead") as watch:
            answer = await watch.next()
            assert isinstance(answer, Empty)
            assert answer.exists

    asyncio.run(check())


def test_an_item_without_an_end_stays(kit: Kit, plain_table: Table, tables: Tables) -> None:
    name = tables.fresh()
    item = tables.listed(name, 1)
    del item["expires"], item["heartbeat"]
    plain_table.call("PutItem", TableName=plain_table.name, Item=item)

    async def check() -> None:
        async with kit.watch(plain_table.resolver("streams=off", wall_clock=lambda: 9e9), name) as watch:
            await watch.ready(tables.instance(1))

    asyncio.run(check())


def test_the_watch_wakes_for_each_expiry_without_asking(
    kit: Kit, plain_table: Table, tables: Tables, fault_proxy: FaultProxies
) -> None:
    name = tables.fresh()
    proxy = fault_proxy.http("127.0.0.1", int(plain_table.url.rpartition(":")[2]))
    plain_table.put(name, 1, expires=soon(0.8))
    second = plain_table.put(name, 2, expires=soon(1.1))
    third = plain_table.put(name, 3)

    async def check() -> None:
        async with kit.watch(plain_table.resolver("streams=off", "interval=1h", url=proxy.url), name) as watch:
            await watch.ready(second, third)
            await watch.ready(third)
            assert len(proxy.requests) == 1
            assert await asyncio.to_thread(plain_table.item, name, second), "it is DynamoDB's to delete"

    asyncio.run(check())


def test_a_readers_clock_decides(kit: Kit, plain_table: Table, tables: Tables) -> None:
    name = tables.fresh()
    plain_table.put(name, 1, expires=soon(60))

    async def check() -> None:
        late = plain_table.resolver("streams=off", wall_clock=lambda: time.time() + 120)
        async with kit.watch(late, name) as watch:
            assert isinstance(await watch.next(), Empty)

    asyncio.run(check())


def test_renewals_come_by_the_stream_and_cost_no_query(kit: Kit, emulated: Table, tables: Tables, aws: Aws) -> None:
    name = tables.fresh()
    registrar = emulated.registrar()
    mine, other = tables.registration(name, 1, ttl=1.0), tables.registration(name, 2)

    async def check() -> None:
        await registrar.register(mine)
        async with kit.watch(emulated.resolver("interval=1h"), name) as watch:
            await watch.ready(mine.endpoint.id)
            both = asyncio.create_task(watch.ready(mine.endpoint.id, other.endpoint.id))
            begun = time.monotonic()
            await asyncio.to_thread(aws.calls, clear=True)
            while time.monotonic() < begun + 2.5:  # longer than the ttl: without the stream it would have ended
                await registrar.renew(mine)
                await asyncio.sleep(0.1)
            renewed = await asyncio.to_thread(aws.calls)
            await registrar.register(other)
            await both
            assert all(isinstance(answer, Ready) for answer in watch.seen), watch.seen
        assert renewed["UpdateItem"] > 10
        # One is for the iterators, which stand a moment after the first list.
        assert renewed.get("Query", 0) <= 1

    asyncio.run(check())


def test_a_late_renewal_brings_an_instance_back(kit: Kit, emulated: Table, tables: Tables, aws: Aws) -> None:
    name = tables.fresh()
    registrar = emulated.registrar()
    mine = tables.registration(name, 1)

    async def check() -> None:
        await registrar.register(mine)
        await asyncio.to_thread(emulated.set_number, name, mine.endpoint.id, "expires", int(time.time()) - 5)
        async with kit.watch(emulated.resolver("interval=1h"), name) as watch:
            await watch.until(lambda a: isinstance(a, Empty), "Empty")
            await watch.next()  # again, once the iterators stand
            await asyncio.to_thread(aws.calls, clear=True)
            await registrar.renew(mine)
            await watch.ready(mine.endpoint.id)
            assert "Query" not in await asyncio.to_thread(aws.calls)
            # DynamoDB deletes what has expired in its own time; to readers that is one change more, and no news.
            await asyncio.to_thread(emulated.set_number, name, mine.endpoint.id, "expires", int(time.time()) - 5)
            await watch.until(lambda a: isinstance(a, Empty) and a.exists, "expired")
            await asyncio.to_thread(aws.sweep_ttl)
            await watch.until(lambda a: isinstance(a, Empty) and not a.exists, "deleted")
            assert not any(isinstance(answer, Failed) for answer in watch.seen)

    asyncio.run(check())
