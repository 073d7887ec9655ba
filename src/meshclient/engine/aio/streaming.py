"""Bodies in parts, both ways, with back-pressure; and what a connection may become after them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.engine.aio.exchange import CONTINUE, DRAIN, HEAD, PART, Exchange

if TYPE_CHECKING:
    from meshclient.engine.aio.upgraded import AsyncUpgraded


class Streaming(Exchange):
    """The parts of an exchange that does not come as a whole; each is awaited by one task at a time."""

    __slots__ = ()

    async def write(self, data: bytes) -> None:
        """Write the next part of a request body; returns when the peer has room for another one.

        Once the response is complete, or its status is 400 or above, the peer wants no more: nothing is written then,
        and the caller can stop (`headed`). Raises as `exchange`.
        """
        if self.headed and (self.complete or self.status >= 400):
            return
        if self._failure is not None:
            raise self._ended()
        self._transport.write(data)
        if self._paused or self._transport.is_closing():
            # One that broke just now takes everything and says so in the next turn of the loop.
            await self._until(DRAIN)

    async def proceed(self, seconds: float) -> bool:
        """Wait for 100 Continue. Whether to send the body: True, or after `seconds`; not after a final response."""
        if not (self.continued or self.headed or self._failure):
            limit = self._loop.call_later(seconds, self._wake)
            try:
                await self._until(CONTINUE)
            finally:
                limit.cancel()
        if self._failure is not None and not self.headed:
            raise self._ended()
        return not self.headed

    async def head(self) -> None:
        """Wait for the response's head, after the last part of the request's body. Raises as `exchange`."""
        self._sending = False
        self._wait = HEAD
        if not self.headed:
            if self._failure is not None:
                raise self._ended()
            await self._until(HEAD)

    async def read(self) -> bytes:
        """The next part of the body, empty at its end; the peer is held back while nobody reads.

        Raises as `exchange`.
        """
        if not (self.parts or self.complete):
            if self._failure is not None:
                raise self._ended()
            self.due = min(self._then, self._clock() + self._gap)
            await self._until(PART)
        if not self.complete and self._then <= self._clock():
            self._fail(self._late())
            raise self._ended()
        self._unread_from = self.received
        if not (self._reading or self.closed_because):
            self._reading = True
            self._transport.resume_reading()
        return self.take()

    # A connection that no longer speaks HTTP.

    async def read_raw(self) -> bytes:
        """After an upgrade: what came after `surplus`, empty at the end. Raises Disconnected."""
        return await self._raw().read()

    async def write_raw(self, data: bytes) -> None:
        """After an upgrade: write, and wait for room. Raises Disconnected."""
        await self._raw().write(data)

    def _raw(self) -> AsyncUpgraded:
        if self._upgraded is None:
            raise RuntimeError("the connection was not upgraded")
        return self._upgraded

    async def _until(self, wait: int) -> None:
        self._wait = wait
        if not self.watched:
            self._sweep.watch(self)
        self._waiter = waiter = self._loop.create_future()
        try:
            await waiter
        except BaseException as error:
            self._interrupted(error)
            raise
        if self._failure is not None and not (self.parts if wait == PART else self.headed):
            raise self._ended()
