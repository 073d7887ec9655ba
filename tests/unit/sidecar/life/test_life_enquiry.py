"""One process asks the registry for all: what its ends say to each other."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from meshclient.model.endpoint import Endpoint, Health
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Failed, Ready
from meshclient.sidecar.workers.answer import decode, encode
from meshclient.sidecar.workers.common_resolver import CommonResolver
from meshclient.sidecar.workers.enquiry import Enquiry

ORDERS = ServiceName("orders")
FULL = Endpoint("10.0.0.1", 80, "https", "i-1", 2.5, 1, "eu-1a", ("blue",), {"v": "2"}, Health.PASSING)


class Registry:
    """Says what it is told to, and counts who asks."""

    source = "test://registry"

    def __init__(self) -> None:
        self.watches = 0
        self.hints = 0
        self.said: asyncio.Queue[Ready | Empty | None] = asyncio.Queue()

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready | Empty]:
        self.watches += 1
        while (answer := await self.said.get()) is not None:
            yield answer
        raise ConnectionError("gone")

    def refresh(self, name: ServiceName) -> None:
        self.hints += 1


@pytest.mark.parametrize(
    "answer",
    [
        Ready((FULL, Endpoint("10.0.0.2", 81), Endpoint.parse("unix:/run/x", sockets=True)), "test://", 2.5),
        Empty(exists=False, source="test://"),
        Empty(exists=True, source="test://", ttl=3),
        Failed("why", "test://"),
        Failed("why", "test://", Ready((FULL,), "test://")),
        Failed("why", "test://", Empty(source="test://")),
    ],
)
def test_answers_arrive_as_they_were(answer: Ready | Empty | Failed) -> None:
    assert decode(json.loads(encode(answer))) == answer


def test_all_workers_share_one_watch() -> None:
    async def scenario(path: Path) -> None:
        registry, enquiry = Registry(), Enquiry(path)
        enquiry.use(1, registry)
        await enquiry.start()
        first = Ready((Endpoint("10.0.0.1", 1),), registry.source)
        second = Ready((Endpoint("10.0.0.2", 2),), registry.source)
        try:
            async with asyncio.timeout(20):
                resolvers = [CommonResolver(str(path), 1, registry.source) for _ in range(2)]
                async with aclosing(resolvers[0].watch(ORDERS)) as one, aclosing(resolvers[1].watch(ORDERS)) as other:  # type: ignore[type-var]
                    registry.said.put_nowait(first)
                    assert [await anext(one), await anext(other)] == [first, first]
                    registry.said.put_nowait(second)
                    assert [await anext(one), await anext(other)] == [second, second]
                    # Confirmed, and still the same.
                    registry.said.put_nowait(second)
                    assert [await anext(one), await anext(other)] == [second, second]
                    assert registry.watches == 1
                    assert len(enquiry._streams) == 1
                    resolvers[0].refresh(ORDERS)
                    while not registry.hints:  # noqa: ASYNC110 - on the other end of a socket
                        await asyncio.sleep(0.01)
                    # The registry fails: all hear why, and keep the list.
                    registry.said.put_nowait(None)
                    failed = await anext(one)
                    assert isinstance(failed, Failed)
                    assert (failed.cause, failed.last) == ("ConnectionError: gone", second)
                # One that begins while it is down is told of the last list.
                registry.said.put_nowait(None)
                async with aclosing(resolvers[0].watch(ORDERS)) as late:  # type: ignore[type-var]
                    failed = await anext(late)
                    assert isinstance(failed, Failed)
                    assert failed.last == second
                # Of a name that nobody asks for any more nothing stays but its last list.
                while enquiry._streams or enquiry._told:  # noqa: ASYNC110 - on the other end of a socket
                    await asyncio.sleep(0.01)
        finally:
            await enquiry.aclose()

    with tempfile.TemporaryDirectory(prefix="mc") as short:
        asyncio.run(scenario(Path(short, "enquiry")))
        assert list(Path(short).iterdir()) == []


def test_a_worker_whose_supervisor_is_gone_cannot_tell() -> None:
    async def scenario(path: Path) -> None:
        registry, enquiry = Registry(), Enquiry(path)
        enquiry.use(1, registry)
        await enquiry.start()
        resolver = CommonResolver(str(path), 1, registry.source)
        watching = asyncio.ensure_future(anext(resolver.watch(ORDERS)))
        while not registry.watches:  # noqa: ASYNC110 - on the other end of a socket
            await asyncio.sleep(0.01)
        await enquiry.aclose()
        with pytest.raises(ConnectionError, match="answers no more"):
            await watching
        with pytest.raises(OSError, match="No such file"):
            await anext(resolver.watch(ORDERS))

    with tempfile.TemporaryDirectory(prefix="mc") as short:
        asyncio.run(scenario(Path(short, "enquiry")))
