"""A request body: counted or taken out of its chunks as it comes, and handed on in parts where it is long."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx

from meshclient.sidecar.proxy.chunks import Chunks
from meshclient.sidecar.proxy.request_head import CHUNKED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

# Bytes that may lie here unsent before the client is held back.
UNSENT = 128 * 1024


class RequestBody:
    """Reads one; `length` as its head has it.

    Attributes:
        complete: whether it is here as a whole.
        rest: what followed it, once complete.
    """

    __slots__ = ("_chunks", "_left", "complete", "rest")

    def __init__(self, length: int) -> None:
        self._chunks = Chunks() if length == CHUNKED else None
        self._left = length
        self.complete = length == 0
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """The part of the body that `data` brings. Raises ChunkFault."""
        chunks = self._chunks
        if chunks is not None:
            part = chunks.feed(data)
            self.complete, self.rest = chunks.complete, chunks.rest
            return part
        self._left -= len(data)
        if self._left > 0:
            return data
        self.complete = True
        if not self._left:
            return data
        self.rest = data[self._left :]
        return data[: self._left]


class BodyStream(httpx.AsyncByteStream):
    """The body of a request that is sent on while it comes.

    Args:
        wanted: called when somebody begins to read it.
        ready: called when there is room for more, after `put` said that there is none.

    Attributes:
        done: called when it was read to its end.
        begun: whether somebody has begun to read it.
        ended: whether all of it was put here.
        failure: why it will never be whole, or None.
    """

    def __init__(self, wanted: Callable[[], None], ready: Callable[[], None]) -> None:
        self._wanted = wanted
        self._ready = ready
        self.done: Callable[[], None] | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None
        self.begun = self.ended = False
        self.failure: Exception | None = None

    def put(self, data: bytes) -> bool:
        """Another part; whether there is room for more."""
        if data:
            self._parts.append(data)
            self._size += len(data)
            self._wake()
        return self._size <= UNSENT

    def end(self) -> None:
        """That was all."""
        self.ended = True
        self._wake()

    def fail(self, failure: Exception) -> None:
        """The rest will never come: whoever reads gets `failure` instead of an end."""
        if not self.ended and self.failure is None:
            self.failure = failure
            self._wake()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if not self.begun:
            self.begun = True
            self._wanted()
        while True:
            if self.failure is not None:
                raise self.failure
            if self._parts:
                parts, self._parts = self._parts, []
                full, self._size = self._size > UNSENT, 0
                if full:
                    self._ready()
                yield b"".join(parts)
            elif self.ended:
                if self.done is not None:
                    self.done()
                return
            else:
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
