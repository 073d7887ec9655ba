"""Several registries as one: ``a | b`` asks in order, ``a + b`` adds up.

Each part is supervised by itself, so that one registry's outage neither stops nor restarts the others. How the parts'
latest answers make one is decided by two pure functions below.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from meshclient.discovery.hint import hint
from meshclient.discovery.supervision import supervise
from meshclient.model.snapshot import Empty, Failed, Ready, listing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from meshclient.discovery.resolver import Resolver
    from meshclient.model.service import ServiceName

    Answer = Ready | Empty | Failed


class _Combined:
    def __init__(
        self, parts: Sequence[Resolver], symbol: str, combine: Callable[[Sequence[Answer | None], str], Answer | None]
    ) -> None:
        self.source = f" {symbol} ".join(part.source for part in parts)
        self._parts = parts
        self._combine = combine

    def refresh(self, name: ServiceName) -> None:
        """Pass the hint on to every part."""
        for part in self._parts:
            hint(part, name)

    async def watch(self, name: ServiceName) -> AsyncIterator[Answer]:
        """Yield the combined answer each time a part has a new one."""
        latest: list[Answer | None] = [None] * len(self._parts)
        changed = asyncio.Event()

        async def follow(at: int, part: Resolver) -> None:
            async for answer in supervise(part, name, time.monotonic, random):
                latest[at] = answer
                changed.set()

        # No TaskGroup: it would turn the closing of this generator into an exception group.
        tasks = [asyncio.create_task(follow(at, part)) for at, part in enumerate(self._parts)]
        try:
            while True:
                await changed.wait()
                changed.clear()
                answer = self._combine(latest, self.source)
                if answer is not None:
                    yield answer
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class FirstAnswering(_Combined):
    """``a | b``: the first part that knows the service; a later one while the earlier cannot tell."""

    def __init__(self, parts: Sequence[Resolver]) -> None:
        super().__init__(parts, "|", first_answer)


class Union(_Combined):
    """``a + b``: all endpoints of all parts; a part that fails keeps its last good ones in."""

    def __init__(self, parts: Sequence[Resolver]) -> None:
        super().__init__(parts, "+", union_answer)


def first_answer(latest: Sequence[Answer | None], source: str) -> Answer | None:
    """The answer of the first part that has one; None while an earlier part has not spoken yet.

    "I know no such service" passes the question on, and so does an outage before the first answer. An outage after it
    does not: a list that was good, even an empty one, is better than a second opinion from elsewhere.
    """
    troubles = []
    for answer in latest:
        if answer is None:
            return None
        if isinstance(answer, Ready) or (isinstance(answer, Empty) and answer.exists):
            return answer
        if isinstance(answer, Failed):
            if isinstance(answer.last, Ready) or (isinstance(answer.last, Empty) and answer.last.exists):
                return answer
            troubles.append(answer)
    if troubles:
        return Failed(_causes(troubles), source=source)
    return Empty(exists=False, source=source)


def union_answer(latest: Sequence[Answer | None], source: str) -> Answer | None:
    """All endpoints known to any part; None until every part has spoken. An outage of one part shows as Failed."""
    spoken = [answer for answer in latest if answer is not None]
    if len(spoken) < len(latest):
        return None
    known = any(answer.exists for answer in spoken if isinstance(answer, Empty))
    ttls = [answer.ttl for answer in spoken if not isinstance(answer, Failed) and answer.ttl is not None]
    whole = listing(
        (endpoint for answer in spoken for endpoint in answer.endpoints),
        source=source,
        exists=known,
        ttl=min(ttls, default=None),
    )
    troubles = [answer for answer in spoken if isinstance(answer, Failed)]
    if not troubles:
        return whole
    last = None
    if isinstance(whole, Ready):
        good = (answer.last if isinstance(answer, Failed) else answer for answer in spoken)
        # As old as the oldest part of it.
        last = replace(whole, at=min(part.at for part in good if isinstance(part, Ready)))
    return Failed(_causes(troubles), source=source, last=last)


def _causes(troubles: Sequence[Failed]) -> str:
    return "; ".join(f"{trouble.source}: {trouble.cause}" for trouble in troubles)
