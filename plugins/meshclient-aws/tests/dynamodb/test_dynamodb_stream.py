"""The stream of a table as AWS has it, on moto: shards roll, iterators expire, records are trimmed, streams end."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from meshclient.model.snapshot import Failed, Ready
from servers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conftest import Kit
    from dynamodb.conftest import Table, Tables

    from meshclient_aws.dynamodb.stream import Client
    from servers.aws import Aws
    from watching import Watch

pytestmark = pytest.mark.registry("dynamodb", "watch", "faults")
LOGGER = "meshclient.discovery"
# Only the stream tells of changes within the time that a test waits.
ALONE = "interval=1h"


def troubles(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if "stream" in record.message]


async def streaming(watch: Watch, aws: Aws) -> None:
    """Wait until the iterators stand, which the list that follows them tells."""
    await watch.until(lambda _: aws.calls().get("GetRecords", 0) > 0, "a list after the first records")


def rolled(aws: Aws, table: Table) -> None:
    aws.roll(table.name)


def rolled_thrice(aws: Aws, table: Table) -> None:
    for number in range(3):
        table.put("others", number)
        aws.roll(table.name)


def expired(aws: Aws, table: Table) -> None:
    aws.expire_iterators()


def trimmed(aws: Aws, table: Table) -> None:
    table.put("others", 1)
    aws.trim(table.name)


@pytest.mark.parametrize("happening", [rolled, rolled_thrice, expired, trimmed])
def test_the_stream_is_followed_through_anything(
    kit: Kit,
    emulated: Table,
    aws: Aws,
    caplog: pytest.LogCaptureFixture,
    happening: Callable[[Aws, Table], None],
) -> None:
    name = "web"
    aws.calls(clear=True)

    async def check() -> None:
        async with kit.watch(emulated.resolver(ALONE), name) as watch:
            await streaming(watch, aws)
            first = await asyncio.to_thread(emulated.put, name, 1)
            await watch.ready(first)
            await asyncio.to_thread(happening, aws, emulated)
            second = await asyncio.to_thread(emulated.put, name, 2)
            await watch.ready(first, second)
            await asyncio.to_thread(happening, aws, emulated)
            third = await asyncio.to_thread(emulated.put, name, 3)
            await watch.ready(first, second, third)
            assert not any(isinstance(answer, Failed) for answer in watch.seen)

    with caplog.at_level(logging.WARNING, LOGGER):
        asyncio.run(check())
    assert not troubles(caplog), "it was polled"


def test_a_disabled_stream_is_replaced_by_polling_until_it_is_back(
    kit: Kit, emulated: Table, tables: Tables, aws: Aws, caplog: pytest.LogCaptureFixture
) -> None:
    name = tables.fresh()
    aws.calls(clear=True)

    async def check() -> None:
        async with kit.watch(emulated.resolver("interval=100ms"), name) as watch:
            await streaming(watch, aws)
            await asyncio.to_thread(
                emulated.call,
                "UpdateTable",
                TableName=emulated.name,
                StreamSpecification={"StreamEnabled": False},
            )
            await watch.until(lambda _: bool(troubles(caplog)), "the end of the stream")
            first = await asyncio.to_thread(emulated.put, name, 1)
            await watch.ready(first)
            for _ in range(3):
                await watch.next()
            assert len(troubles(caplog)) == 1
            assert "polled every 100ms" in troubles(caplog)[0]
            assert (
                f"meshclient aws dynamodb-table {emulated.name}" in troubles(caplog)[0]
                or "disabled" in troubles(caplog)[0]
            )
            await asyncio.to_thread(
                emulated.call,
                "UpdateTable",
                TableName=emulated.name,
                StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
            )
            await watch.until(lambda _: len(troubles(caplog)) == 2, "the stream")
            assert "read again" in troubles(caplog)[1]
            second = await asyncio.to_thread(emulated.put, name, 2)
            await watch.ready(first, second)
            assert not any(isinstance(answer, Failed) for answer in watch.seen)

    with caplog.at_level(logging.WARNING, LOGGER):
        asyncio.run(check())


@pytest.mark.parametrize("code", ["AccessDeniedException", "ExpiredTokenException", "LimitExceededException"])
def test_a_stream_that_is_refused_is_replaced_by_polling(
    kit: Kit, emulated: Table, aws: Aws, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    name = "web"
    aws.throttle("DynamoDBStreams_20120810", code=code)

    async def check() -> None:
        async with kit.watch(emulated.resolver("interval=100ms"), name) as watch:
            first = await asyncio.to_thread(emulated.put, name, 1)
            await watch.ready(first)
            await watch.until(lambda _: bool(troubles(caplog)), "a word in the log")
            for _ in range(3):
                await watch.next()
            assert len(troubles(caplog)) == 1
            assert code in troubles(caplog)[0]
            await asyncio.to_thread(aws.calm)
            await watch.until(lambda _: len(troubles(caplog)) == 2, "the stream")
            assert all(not isinstance(answer, Failed) for answer in watch.seen)

    with caplog.at_level(logging.WARNING, LOGGER):
        asyncio.run(check())


def test_a_stream_that_is_throttled_now_and_then_is_read_on(
    kit: Kit, emulated: Table, tables: Tables, aws: Aws
) -> None:
    name = tables.fresh()
    aws.calls(clear=True)

    async def check() -> None:
        async with kit.watch(emulated.resolver(ALONE), name) as watch:
            await streaming(watch, aws)
            await asyncio.to_thread(aws.throttle, "GetRecords", rate=4, burst=1)
            ids = []
            for number in range(4):
                ids.append(await asyncio.to_thread(emulated.put, name, number))
                await watch.ready(*ids)
            assert not any(isinstance(answer, Failed) for answer in watch.seen)

    asyncio.run(check())


def test_a_reader_that_is_throttled_slows_down(kit: Kit, emulated: Table, aws: Aws) -> None:
    aws.calls(clear=True)

    async def check() -> None:
        async with kit.watch(emulated.resolver(ALONE), "web") as watch:
            await streaming(watch, aws)
            await asyncio.to_thread(aws.throttle, "GetRecords")
            await asyncio.to_thread(aws.calls, clear=True)
            await asyncio.sleep(0.5)  # 40, 80, 160 and 320 ms with their jitter, instead of 12 times 40
            assert (await asyncio.to_thread(aws.calls))["GetRecords"] <= 6

    asyncio.run(check())


def test_a_throttled_query_keeps_the_list(kit: Kit, emulated: Table, tables: Tables, aws: Aws) -> None:
    name = tables.fresh()
    first = emulated.put(name, 1)

    async def check() -> None:
        async with kit.watch(emulated.resolver("streams=off", "interval=100ms"), name) as watch:
            await watch.ready(first)
            await asyncio.to_thread(aws.throttle, "Query")
            failed = await watch.failed("throttled", "ProvisionedThroughputExceededException", name, emulated.name)
            assert isinstance(failed.last, Ready)
            assert [endpoint.id for endpoint in failed.endpoints] == [first]
            second = await asyncio.to_thread(emulated.put, name, 2)
            await asyncio.to_thread(aws.calm)
            await watch.ready(first, second)

    asyncio.run(check())


def test_a_hundred_changes_in_a_second_are_all_seen(kit: Kit, emulated: Table, tables: Tables, aws: Aws) -> None:
    aws.calls(clear=True)
    ids = [tables.instance(number) for number in range(40, 60)]

    def change() -> None:
        for number in range(60):
            emulated.put("web", number)
        for number in range(40):
            emulated.delete("web", number)

    async def check() -> None:
        async with kit.watch(emulated.resolver(ALONE, "pace=200ms"), "web") as watch:
            await streaming(watch, aws)
            await asyncio.to_thread(aws.calls, clear=True)
            await asyncio.gather(watch.ready(*ids), asyncio.to_thread(change))
        assert (await asyncio.to_thread(aws.calls))["Query"] < 50

    asyncio.run(check())


class Late:
    """Hands an answer on once the stream has told of a change that came after it."""

    def __init__(self, client: Client, table: Table, aws: Aws) -> None:
        self.client, self.table, self.aws = client, table, aws
        self.armed = False

    async def call(self, operation: str, about: str, **parameters: object) -> Mapping[str, object]:
        answer = await self.client.call(operation, about, **parameters)
        if self.armed and operation == "query":
            self.armed = False
            await asyncio.to_thread(self.table.put, "web", 2)
            written = self.aws.calls().get("GetRecords", 0)
            await asyncio.to_thread(
                wait_until, lambda: self.aws.calls().get("GetRecords", 0) >= written + 3, 10, "reads"
            )
        return answer


def test_a_change_during_a_query_is_asked_about_again(kit: Kit, emulated: Table, tables: Tables, aws: Aws) -> None:
    aws.calls(clear=True)
    resolver = emulated.resolver(ALONE)
    resolver._client = late = Late(resolver._client, emulated, aws)

    async def check() -> None:
        async with kit.watch(resolver, "web") as watch:
            await streaming(watch, aws)
            late.armed = True
            await asyncio.to_thread(emulated.put, "web", 1)
            await watch.ready(tables.instance(1))
            await watch.ready(tables.instance(1), tables.instance(2))

    asyncio.run(check())


def test_one_reader_serves_all_names(kit: Kit, emulated: Table, tables: Tables, aws: Aws) -> None:
    names = [tables.fresh() for _ in range(8)]
    aws.calls(clear=True)

    async def check() -> None:
        resolvers = [emulated.resolver(ALONE), emulated.resolver(ALONE)]
        watches = [kit.watch(resolvers[number % 2], name) for number, name in enumerate(names)]
        await streaming(watches[0], aws)
        for watch in watches[1:]:
            await watch.next()
        for number, name in enumerate(names):
            await asyncio.to_thread(emulated.put, name, number)
        await asyncio.gather(*(watch.ready(tables.instance(number)) for number, watch in enumerate(watches)))
        for watch in watches:
            await watch.__aexit__()

    asyncio.run(check())
    calls = aws.calls()
    assert (calls["DescribeStream"], calls["GetShardIterator"]) == (1, 1)
