"""One question to the registries of a name: their first answers, as far as they are needed, within a time."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import Future
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from meshclient.discovery.runtime.blocking import off_loop
from meshclient.discovery.supervision import supervise_all
from meshclient.model.snapshot import Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from meshclient.discovery.resolver import Chance, Resolver
    from meshclient.discovery.state_folder import StateFile
    from meshclient.model.service import ServiceName
    from meshclient.model.snapshot import Empty, Ready

    Answer = Ready | Empty | Failed


class Question:
    """A question that is out.

    Args:
        resolvers: who is asked.

    Attributes:
        process: who asks: a forked child never sees its parent's question answered.
        heard: the answers so far, None for each resolver that has not spoken.
        answered: done when the answers have been taken over.
        over: done when nothing is left of it.
    """

    def __init__(self, resolvers: Sequence[Resolver]) -> None:
        self.process = os.getpid()
        self.heard: list[Answer | None] = [None] * len(resolvers)
        self.answered: Future[None] = Future()
        self.over: Future[None] = Future()
        self._resolvers = resolvers

    async def put(
        self,
        name: ServiceName,
        clock: Callable[[], float],
        rng: Chance,
        *,
        limit: float,
        hurry: tuple[Sequence[StateFile | None], float] | None,
        enough: Callable[[Sequence[Answer | None]], bool],
        begun: Callable[[], None],
    ) -> None:
        """Gather answers in `heard` until they are enough; who has said nothing when the time is up has failed.

        Args:
            name: for what.
            clock: monotonic seconds.
            rng: passed on to the supervision of the watches.
            limit: most seconds it takes.
            hurry: lists on disk, and the seconds it takes at most where there is one of them.
            enough: whether these answers are.
            begun: called on the loop once the watches have begun.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        bound = asyncio.timeout_at(began + limit)
        hurrying: asyncio.Task[None] | None = None
        loop.call_soon(begun)
        try:
            async with bound, aclosing(supervise_all(self._resolvers, name, clock, rng)) as answers:
                if hurry is not None:
                    files, soon = hurry
                    hurrying = asyncio.create_task(_hurry(files, bound, began + min(limit, soon)))
                async for number, answer in answers:
                    self.heard[number] = self.heard[number] or answer
                    if enough(self.heard):
                        return
        except TimeoutError:
            cause, now = f"no answer within {(bound.when() or began) - began:.3g}s", clock()
            for number, resolver in enumerate(self._resolvers):
                self.heard[number] = self.heard[number] or Failed(cause, source=resolver.source, at=now)
        finally:
            if hurrying is not None:
                hurrying.cancel()

    def fail(self, cause: str, now: float) -> None:
        """It could not be put, or broke off: that is an outage to those who wait."""
        self.heard[:] = [Failed(cause, source=resolver.source, at=now) for resolver in self._resolvers]


async def _hurry(files: Sequence[StateFile | None], bound: asyncio.Timeout, end: float) -> None:
    """Let a first answer's time end earlier where there is a list on disk; beside it, since a disk may hang."""
    with suppress(RuntimeError):  # The process may have no more threads, or the answer is there.
        for file in files:
            if file is not None and await off_loop(file.path.exists):
                bound.reschedule(end)
                return
