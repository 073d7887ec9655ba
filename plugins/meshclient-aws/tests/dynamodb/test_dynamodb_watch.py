"""What a watch sees of a table on DynamoDB Local, with its stream and without."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from meshclient.model.snapshot import Empty, Failed
from meshclient_aws.dynamodb.stream import Round, Stream

if TYPE_CHECKING:
    from conftest import Kit
    from dynamodb.conftest import Table, Tables

pytestmark = pytest.mark.registry("dynamodb", "resolve", "watch")


@pytest.mark.parametrize("options", [("streams=on",), ("streams=off", "interval=100ms")], ids=["streams", "polling"])
def test_instances_that_come_change_and_go(kit: Kit, table: Table, tables: Tables, options: tuple[str, ...]) -> None:
    name = tables.fresh()

    async def check() -> None:
        async with kit.watch(table.resolver(*options), name) as watch:
            answer = await watch.next()
            assert isinstance(answer, Empty)
            assert not answer.exists
            first = await asyncio.to_thread(table.put, name, 1)
            await watch.ready(first)
            second = await asyncio.to_thread(table.put, name, 2, weight={"N": "2.5"}, zone={"S": "eu-1a"})
            answer = await watch.ready(first, second)
            assert (answer.endpoints[1].weight, answer.endpoints[1].zone) == (2.5, "eu-1a")
            await asyncio.to_thread(table.set_text, name, first, "status", "draining")
            await watch.ready(second)
            await asyncio.to_thread(table.delete, name, 2)
            answer = await watch.until(lambda a: isinstance(a, Empty), "Empty")
            assert isinstance(answer, Empty)
            assert answer.exists
            assert not any(isinstance(answer, Failed) for answer in watch.seen)

    asyncio.run(check())


def test_a_reader_that_stumbles_gets_up_again(
    kit: Kit, table: Table, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, stumbles = Stream.read, [RuntimeError("out of order")]

    async def read(stream: Stream) -> Round:
        if stumbles:
            raise stumbles.pop()
        return await reading(stream)

    monkeypatch.setattr(Stream, "read", read)

    async def check() -> None:
        async with kit.watch(table.resolver("interval=1h"), "web") as watch:
            await watch.until(lambda _: len(caplog.records) == 2, "the stream")
            first = await asyncio.to_thread(table.put, "web", 1)
            await watch.ready(first)

    asyncio.run(check())
    assert "polled every 5s" in caplog.records[0].message
    assert "RuntimeError('out of order')" in caplog.records[0].message
    assert "read again" in caplog.records[1].message
