"""One client's connection through a fault proxy."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from servers.faultproxy import FaultProxy

BUFFER = 1 << 20
BROKEN = (OSError, asyncio.IncompleteReadError)
_PIECE = 1 << 16


class LinkEndedError(Exception):
    """This connection is over, by a fault or because a side has gone."""


class Link:
    """One client's connection and its way to the upstream."""

    def __init__(self, proxy: FaultProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take over an accepted connection."""
        self.proxy = proxy
        self.reader = reader
        self.writer = writer
        self.up: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.severed = False
        self._flow = asyncio.Event()
        self._sent = 0

    def feel(self) -> None:
        """Take over the proxy's present faults."""
        faults = self.proxy.link_faults
        if any(fault.freeze for fault in faults):
            self._flow.clear()
        else:
            self._flow.set()
        if any(fault.reset for fault in faults):
            self.reset()
        elif any(fault.sever for fault in faults):
            self.severed = True
            self.close_upstream()

    def reset(self) -> None:
        """End the client's connection with RST."""
        sock = self.writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
        self.close_upstream()

    def close_upstream(self) -> None:
        """Close the way to the upstream."""
        if self.up is not None:
            self.up[1].close()
            self.up = None

    def close(self) -> None:
        """Close both sides."""
        self.writer.close()
        self.close_upstream()

    async def upstream(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The way to the upstream, opened where there is none or the upstream has ended it."""
        if self.up is not None and (self.up[0].at_eof() or self.up[1].is_closing()):
            self.close_upstream()
        if self.up is None:
            self.up = await asyncio.open_connection(*self.proxy.upstream, limit=BUFFER)
        return self.up

    async def flowing(self) -> None:
        """Wait while the link is frozen."""
        await self._flow.wait()

    async def silence(self) -> None:
        """Say nothing until the client goes away, then end."""
        while await self.reader.read(_PIECE):
            pass
        raise LinkEndedError

    async def guarded(self, reading: Awaitable[bytes]) -> bytes:
        """A read from the upstream, given up once the client has gone.

        A severed link turns the upstream's end into silence; a frozen one holds it back.
        """
        task = asyncio.ensure_future(reading)
        try:
            while not (await asyncio.wait({task}, timeout=0.1))[0]:
                if self.reader.at_eof():
                    raise LinkEndedError
            data = task.result()
        except BROKEN:
            data = b""
        finally:
            task.cancel()
        if self.severed:
            await self.silence()
        if not data:
            await self.flowing()
        return data

    async def down(self, data: bytes) -> None:
        """Send bytes to the client, under the faults of the link."""
        await self.flowing()
        await self.proxy.lag()
        for fault in self.proxy.link_faults:
            for limit, end in ((fault.reset_after, self.reset), (fault.close_after, self.close)):
                if limit is not None and self._sent + len(data) >= limit:
                    self.writer.write(data[: max(0, limit - self._sent)])
                    await self.writer.drain()
                    end()
                    raise LinkEndedError
        rate = max((fault.rate for fault in self.proxy.link_faults), default=0.0)
        step = max(1, int(rate / 20)) if rate else max(1, len(data))
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            self.writer.write(piece)
            await self.writer.drain()
            self._sent += len(piece)
            self.proxy.stats.bytes_down += len(piece)
            if rate:
                await asyncio.sleep(len(piece) / rate)

    async def serve(self) -> None:
        """Carry bytes both ways until both sides are done; an upstream's RST or refusal is passed on."""
        try:
            up_reader, up_writer = await self.upstream()
        except OSError:
            self.reset()
            raise
        pumps = [
            asyncio.create_task(self._upwards(up_writer)),
            asyncio.create_task(self._downwards(up_reader)),
        ]
        try:
            done, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_EXCEPTION)
            for pump in done:
                pump.result()
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _upwards(self, up_writer: asyncio.StreamWriter) -> None:
        while data := await self.reader.read(_PIECE):
            await self.flowing()
            await self.proxy.lag()
            if not self.severed:
                up_writer.write(data)
                await up_writer.drain()
        if not up_writer.is_closing():
            up_writer.write_eof()

    async def _downwards(self, up_reader: asyncio.StreamReader) -> None:
        try:
            while data := await up_reader.read(_PIECE):
                await self.down(data)
        except ConnectionResetError:
            self.reset()
            raise
        await self.flowing()
        if not self.severed:
            self.writer.write_eof()
