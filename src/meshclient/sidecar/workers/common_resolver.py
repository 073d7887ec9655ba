"""One process asks the registry, for all workers: the end of a worker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from meshclient.sidecar.workers.answer import decode
from meshclient.sidecar.workers.frame import pack, receive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from meshclient.model.service import ServiceName
    from meshclient.model.snapshot import Empty, Failed, Ready


class CommonResolver:
    """A `Resolver` that asks the supervisor.

    Args:
        path: where it is (`Enquiry`).
        generation: of the configuration that this is a part of.
        source: the registry that is asked in the end.
    """

    def __init__(self, path: str, generation: int, source: str) -> None:
        self.source = source
        self._path = path
        self._generation = generation
        self._writers: dict[ServiceName, asyncio.StreamWriter] = {}

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready | Empty | Failed]:
        """As `Resolver.watch`."""
        reader, writer = await asyncio.open_unix_connection(self._path)
        self._writers[name] = writer
        try:
            writer.write(pack({"watch": name.value, "generation": self._generation}))
            last: Ready | Empty | Failed | None = None
            while (told := await receive(reader)) is not None:
                if told["state"] != "same":
                    last = decode(told)
                if last is not None:
                    yield last
        finally:
            if self._writers.get(name) is writer:
                del self._writers[name]
            writer.close()
        msg = "the process that asks for all workers answers no more"
        raise ConnectionError(msg)

    def refresh(self, name: ServiceName) -> None:
        """As `Resolver.refresh`."""
        writer = self._writers.get(name)
        if writer is not None:
            writer.write(pack({"refresh": name.value}))
