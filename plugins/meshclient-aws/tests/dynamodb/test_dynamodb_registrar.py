"""An instance's life in a table on DynamoDB Local, and what a registrar does not do to others."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from meshclient.model.endpoint import Endpoint, Health
from meshclient.model.snapshot import Empty
from meshclient.registration.registrar import LeaseLost
from meshclient_aws.errors import AwsError

if TYPE_CHECKING:
    from conftest import Kit
    from dynamodb.conftest import Table, Tables

    from meshclient.registration.registrar import Registration

pytestmark = pytest.mark.registry("dynamodb", "register", "deregister")
NOW = 1_800_000_000.25


def at(seconds: float) -> float:
    return NOW + seconds


def elsewhere(registration: Registration) -> Registration:
    return replace(registration, endpoint=replace(registration.endpoint, host="127.9.9.9"))


def test_what_is_registered_is_resolved(kit: Kit, table: Table, tables: Tables) -> None:
    name = tables.fresh()
    endpoint = Endpoint(
        "fd00::1", 8443, "https", "a b/c#d", 2.5, zone="eu-1a", tags=("v1", "a"), metadata={"version": "7", "x": ""}
    )
    mine = replace(tables.registration(name), endpoint=endpoint)
    registrar = table.registrar()

    async def check() -> None:
        async with kit.watch(table.resolver(), name) as watch:
            await registrar.register(mine)
            answer = await watch.ready(endpoint.id)
            assert answer.endpoints == (replace(endpoint, health=Health.PASSING),)
            assert answer.endpoints[0].metadata == endpoint.metadata
            await registrar.renew(mine)
            await registrar.register(mine)
            await registrar.deregister(mine)
            await watch.until(lambda a: isinstance(a, Empty) and not a.exists, "Empty")
            await registrar.deregister(mine)
        await registrar.close()

    asyncio.run(check())


def test_an_instance_without_an_id_gets_one(table: Table, tables: Tables) -> None:
    name = tables.fresh()
    mine = tables.registration(name)
    mine = replace(mine, endpoint=replace(mine.endpoint, id=""))
    asyncio.run(table.registrar().register(mine))
    item = table.item(name, f"{name}-127.1.0.1-8000")
    assert item is not None


def test_a_renewal_writes_the_lifetime_and_leaves_the_status(table: Table, tables: Tables) -> None:
    mine = tables.registration(tables.fresh(), ttl=15.0)
    service, instance = mine.service.value, mine.endpoint.id
    clock = [at(0)]
    registrar = table.registrar(wall_clock=lambda: clock[0])

    async def check() -> None:
        await registrar.register(mine)
        item = table.item(service, instance)
        assert item is not None
        assert (item["expires"], item["heartbeat"]) == ({"N": "1800000016"}, {"N": "1800000000250"})
        table.set_text(service, instance, "status", "draining")
        clock[0] = at(5)
        await registrar.renew(mine)
        item = table.item(service, instance)
        assert item is not None
        assert (item["expires"], item["heartbeat"]) == ({"N": "1800000021"}, {"N": "1800000005250"})
        assert item["status"] == {"S": "draining"}

    asyncio.run(check())


def test_a_lease_is_lost_with_its_item(table: Table, tables: Tables) -> None:
    mine = tables.registration(tables.fresh())
    registrar = table.registrar()

    async def check() -> None:
        with pytest.raises(LeaseLost, match=f"{mine.endpoint.id}.*{mine.service}"):
            await registrar.renew(mine)
        assert table.item(mine.service.value, mine.endpoint.id) is None, "a renewal must not make half an item"
        await registrar.register(mine)
        await registrar.renew(mine)
        table.delete(mine.service.value, 0)
        with pytest.raises(LeaseLost):
            await registrar.renew(mine)
        await registrar.register(mine)
        await registrar.renew(mine)

    asyncio.run(check())


def test_a_living_instance_elsewhere_is_not_overwritten(table: Table, tables: Tables) -> None:
    mine = tables.registration(tables.fresh(), ttl=15.0)
    first, second = table.registrar(wall_clock=lambda: at(0)), table.registrar(wall_clock=lambda: at(15.5))

    async def check() -> None:
        await first.register(mine)
        with pytest.raises(AwsError, match=r"alive at another address.*an id of its own"):
            await second.register(elsewhere(mine))
        with pytest.raises(LeaseLost):
            await second.renew(elsewhere(mine))
        await second.deregister(elsewhere(mine))
        await first.renew(mine)
        item = table.item(mine.service.value, mine.endpoint.id)
        assert item is not None
        assert item["host"] == {"S": mine.endpoint.host}

    asyncio.run(check())


@pytest.mark.parametrize("case", ["expired", "same address"])
def test_a_successor_takes_over(table: Table, tables: Tables, case: str) -> None:
    mine = tables.registration(tables.fresh(), ttl=15.0)
    theirs = elsewhere(mine) if case == "expired" else mine
    first = table.registrar(wall_clock=lambda: at(0))
    second = table.registrar(wall_clock=lambda: at(16 if case == "expired" else 1))

    async def check() -> None:
        await first.register(mine)
        await second.register(theirs)
        with pytest.raises(LeaseLost):
            await first.renew(mine)
        await first.deregister(mine)  # the farewell of one that has been replaced
        item = table.item(mine.service.value, mine.endpoint.id)
        assert item is not None
        assert item["host"] == {"S": theirs.endpoint.host}
        await second.renew(theirs)

    asyncio.run(check())


def test_a_missing_table_is_an_error_with_its_remedy(table: Table, tables: Tables) -> None:
    table.call("DeleteTable", TableName=table.name)
    mine = tables.registration(tables.fresh())
    registrar = table.registrar()

    async def check() -> None:
        for call in (registrar.register, registrar.renew, registrar.deregister):
            with pytest.raises(AwsError, match=f"meshclient aws dynamodb-table {table.name}"):
                await call(mine)

    asyncio.run(check())


def test_readers_that_poll_decide_how_long_an_instance_shows(table: Table) -> None:
    assert table.registrar().propagation == pytest.approx(5.5)
    assert table.registrar("streams=off", "interval=10s").propagation == pytest.approx(11)
