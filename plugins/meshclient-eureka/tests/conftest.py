"""What the plugin's tests share: a real Eureka, resolvers and registrars from a URI, and a supervised watch."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient.discovery.supervision import supervise
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Failed, Ready
from meshclient_eureka import EurekaRegistrar, EurekaResolver
from servers.eureka import Eureka
from servers.fixtures import shared_as

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    import httpx

    from meshclient.model.snapshot import Empty

    Answer = Ready | Empty | Failed

WITHIN = 15.0


def make_resolver(
    uri: str,
    transport: httpx.AsyncBaseTransport | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> EurekaResolver:
    return EurekaResolver(ResolverUri.parse(uri), transport=transport, clock=clock, rng=random.Random(1))


def make_registrar(uri: str, transport: httpx.AsyncBaseTransport | None = None) -> EurekaRegistrar:
    return EurekaRegistrar(ResolverUri.parse(uri), transport=transport)


class Watch:
    """A supervised watch, and all it has said."""

    def __init__(self, resolver: EurekaResolver, name: str) -> None:
        self._answers = supervise(resolver, ServiceName.parse(name), time.monotonic, random.Random(1))
        self.seen: list[Answer] = []

    async def until(self, accept: Callable[[Answer], bool], what: str = "") -> Answer:
        begun = len(self.seen)
        try:
            async with asyncio.timeout(WITHIN):
                while True:
                    self.seen.append(await anext(self._answers))
                    if accept(self.seen[-1]):
                        return self.seen[-1]
        except TimeoutError:
            raise AssertionError(f"no sign of {what} within {WITHIN:g} s, but {self.seen[begun:][-5:]}") from None

    async def next(self) -> Answer:
        return await self.until(lambda _: True, "an answer")

    async def ready(self, *ids: str) -> Ready:
        """Wait for exactly these instances."""
        answer = await self.until(
            lambda a: isinstance(a, Ready) and sorted(e.id for e in a.endpoints) == sorted(ids), f"exactly {ids}"
        )
        assert isinstance(answer, Ready)
        return answer

    async def failed(self, *words: str) -> Failed:
        """Wait for a failure whose cause has all these words."""
        answer = await self.until(
            lambda a: isinstance(a, Failed) and all(word in a.cause for word in words), f"a failure with {words}"
        )
        assert isinstance(answer, Failed)
        return answer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._answers.aclose()


class Kit:
    """The functions and classes above, for tests to reach without importing a conftest."""

    resolver = staticmethod(make_resolver)
    registrar = staticmethod(make_registrar)

    @staticmethod
    def watch(resolver: EurekaResolver | str, name: str) -> Watch:
        return Watch(make_resolver(resolver) if isinstance(resolver, str) else resolver, name)


@pytest.fixture
def kit() -> Kit:
    return Kit()


@pytest.fixture(scope="session")
def eureka() -> Iterator[Eureka]:
    """Two Eureka servers that replicate registrations to each other."""
    with shared_as("eureka", Eureka(nodes=2)) as server:
        yield server
