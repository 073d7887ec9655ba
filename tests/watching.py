"""A supervised watch to wait on: what the tests of every plugin follow their resolvers with."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

from meshclient.discovery.supervision import supervise
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Failed, Ready

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from meshclient.discovery.resolver import Resolver
    from meshclient.model.snapshot import Empty

    Answer = Ready | Empty | Failed

WITHIN = 15.0


class Watch:
    """A supervised watch, and all it has said."""

    def __init__(self, resolver: Resolver, name: str) -> None:
        self._answers = supervise(resolver, ServiceName.parse(name), time.monotonic, random.Random(1))
        self.seen: list[Answer] = []

    async def next(self) -> Answer:
        return await self.until(lambda _: True, "an answer")

    async def until(self, accept: Callable[[Answer], bool], what: str = "") -> Answer:
        """The first answer from now on that `accept` accepts. Raises AssertionError where none comes in time."""
        begun = len(self.seen)
        try:
            async with asyncio.timeout(WITHIN):
                while True:
                    self.seen.append(await anext(self._answers))
                    if accept(self.seen[-1]):
                        return self.seen[-1]
        except TimeoutError:
            raise AssertionError(f"no sign of {what} within {WITHIN:g} s, but {self.seen[begun:][-5:]}") from None

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
