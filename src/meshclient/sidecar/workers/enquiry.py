"""One process asks the registry, for all workers: the end of the supervisor.

A worker connects once for each name it watches, says which, and is sent each answer until it leaves. The resolver is
watched once for each name, however many ask, and supervised here (`meshclient.discovery.supervision`); a worker takes
an answer like that of any other registry, with its own hold, its own ages and its own last good list.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from meshclient.discovery.shared import Shared
from meshclient.discovery.supervision import describe, supervise
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Failed, Ready
from meshclient.sidecar.workers.answer import encode
from meshclient.sidecar.workers.frame import receive, sized

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from meshclient.discovery.resolver import Resolver

_LOG = logging.getLogger("meshclient.sidecar")
# Names whose last list is kept while nobody asks for it: until the next worker does.
KEPT = 1024
# Still the same, and confirmed.
SAME = b'{"state":"same"}'


class Enquiry:
    """Asks `resolver`, on the loop that `start` is awaited on.

    Args:
        path: of the Unix socket where workers come, in a folder that only this user may enter.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._resolvers: dict[int, Resolver] = {}
        self._streams: dict[tuple[int, str], Shared[bytes]] = {}
        # Workers that are told of each.
        self._told: Counter[tuple[int, str]] = Counter()
        # The last good lists, by registry and name: a worker may begin while the registry is down.
        self._lists: dict[tuple[str, str], Ready] = {}
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    def use(self, generation: int, resolver: Resolver) -> None:
        """Ask this one for workers that go by this generation of the configuration."""
        self._resolvers[generation] = resolver

    def retire(self, generation: int) -> None:
        """Nobody begins to watch by this generation any more; those that do watch are served on."""
        self._resolvers.pop(generation, None)
        for key in [key for key in self._streams if key[0] == generation]:
            del self._streams[key]

    async def start(self) -> None:
        """Be there for workers."""
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        self._server = await asyncio.start_unix_server(self._received, str(self.path))

    async def aclose(self) -> None:
        """Ask no more."""
        if self._server is not None:
            self._server.close()
        for talk in list(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        with contextlib.suppress(OSError):
            self.path.unlink()

    async def _received(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - the server makes one for each
        self._talks.add(task)
        try:
            asked = await receive(reader)
            if asked is not None:
                await self._talk(reader, writer, int(str(asked["generation"])), ServiceName(str(asked["watch"])))
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._talks.discard(task)
            writer.close()

    async def _talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, generation: int, name: ServiceName
    ) -> None:
        resolver = self._resolvers.get(generation)
        if resolver is None:
            return
        telling = asyncio.create_task(self._tell(writer, resolver, generation, name))
        try:
            # Whatever comes is the hint that calls fail there; at the end it watches no more.
            while await receive(reader) is not None:
                _hint(resolver, name)
        finally:
            telling.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await telling

    async def _tell(self, writer: asyncio.StreamWriter, resolver: Resolver, generation: int, name: ServiceName) -> None:
        key = (generation, name.value)
        if key not in self._streams:
            self._streams[key] = Shared(lambda: self._answers(resolver, name))
        self._told[key] += 1
        sent = b""
        try:
            async with contextlib.aclosing(self._streams[key].subscribe()) as answers:
                async for content in answers:
                    writer.write(sized(SAME if content == sent else content))
                    sent = content
                    await writer.drain()
        finally:
            self._told[key] -= 1
            if not self._told[key]:
                # Clients say which names there are: those that nobody asks for are forgotten.
                del self._told[key]
                self._streams.pop(key, None)

    async def _answers(self, resolver: Resolver, name: ServiceName) -> AsyncIterator[bytes]:
        key = (resolver.source, name.value)
        async with contextlib.aclosing(supervise(resolver, name, time.monotonic, random)) as answers:
            async for answer in answers:
                if isinstance(answer, Failed) and answer.last is None and key in self._lists:
                    answer = replace(answer, last=self._lists[key])  # noqa: PLW2901 - completed
                elif isinstance(answer, Ready):
                    self._lists.pop(key, None)
                    self._lists[key] = answer
                    if len(self._lists) > KEPT:
                        del self._lists[next(iter(self._lists))]
                elif not isinstance(answer, Failed):
                    self._lists.pop(key, None)
                yield encode(answer)


def _hint(resolver: Resolver, name: ServiceName) -> None:
    refresh = getattr(resolver, "refresh", None)
    if refresh is not None:
        try:
            refresh(name)
        except Exception as exc:  # noqa: BLE001 - a plugin's, and a hint only
            _LOG.debug("%s: the hint to look again failed: %s", resolver.source, describe(exc))
