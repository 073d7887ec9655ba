"""The end of a lease: at once for readers, whenever DynamoDB itself gets round to deleting the item."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from meshclient.model.snapshot import Empty, Failed, Ready
from servers.process import wait_until

if TYPE_CHECKING:
    from conftest import Kit
    from dynamodb.conftest import Table, Tables

    from servers.aws import Aws
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("dynamodb", "watch")


class Wall:
    """A clock that a test sets."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def soon(seconds: float) -> dict[str, str]:
    return {"N": f"{time.time() + seconds:.3f}"}


def test_an_expired_item_is_not_listed(kit: Kit, hoard: Table, tables: Tables) -> None:
    name = tables.fresh()
    hoard.put(name, 1, expires=soon(-1))
    second = hoard.put(name, 2)
    hoard.put(f"{name}-dead", 1, expires=soon(-1))

    async def check() -> None:
        resolver = hoard.resolver("streams=off")
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
    kit: Kit, hoard: Table, tables: Tables, fault_proxy: FaultProxies
) -> None:
    name = tables.fresh()
    proxy = fault_proxy.http("127.0.0.1", int(hoard.url.rpartition(":")[2]))
    first = hoard.put(name, 1, expires={"N": "1000.05"})
    second = hoard.put(name, 2, expires={"N": "1000.1"})
    third = hoard.put(name, 3, expires={"N": "2000"})
    wall = Wall(1000.0)

    async def check() -> None:
        resolver = hoard.resolver("streams=off", "interval=1h", url=proxy.url, wall_clock=wall)
        async with kit.watch(resolver, name) as watch:
            await watch.ready(first, second, third)
            wall.now = 1000.05
            await watch.ready(second, third)
            wall.now = 1000.1
            await watch.ready(third)
            assert len(proxy.requests) == 1
            assert await asyncio.to_thread(hoard.item, name, second), "it is DynamoDB's to delete"

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
    wall = Wall(1e9)
    registrar = emulated.registrar(wall_clock=wall)
    mine, other = tables.registration(name, 1, ttl=1.0), tables.registration(name, 2)
    aws.calls(clear=True)

    def read() -> None:
        """Wait for a read that began after this, and was answered."""
        reads = aws.calls().get("GetRecords", 0)
        wait_until(lambda: aws.calls().get("GetRecords", 0) >= reads + 3, 10, "reads")

    async def check() -> None:
        await registrar.register(mine)
        async with kit.watch(emulated.resolver("interval=1h", wall_clock=wall), name) as watch:
            await watch.ready(mine.endpoint.id)
            both = asyncio.create_task(watch.ready(mine.endpoint.id, other.endpoint.id))
            await asyncio.to_thread(read)
            for _ in range(5):  # without the stream it would have ended after two
                wall.now += 0.5
                await registrar.renew(mine)
                await asyncio.to_thread(read)
            renewed = await asyncio.to_thread(aws.calls)
            await registrar.register(other)
            await both
            assert all(isinstance(answer, Ready) for answer in watch.seen), watch.seen
        assert renewed["UpdateItem"] == 5
        assert renewed["Query"] == 2, "the first list, and another once the iterators stood"

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
