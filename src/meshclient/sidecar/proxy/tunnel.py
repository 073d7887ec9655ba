"""CONNECT (RFC 9110 section 9.3.6): bytes both ways to a host that the route allows."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from meshclient.engine.aio.dial import dial
from meshclient.engine.errors import WireError
from meshclient.engine.target import Target
from meshclient.sidecar.proxy.destination import Refusal

if TYPE_CHECKING:
    from meshclient.sidecar.proxy.client import Client
    from meshclient.sidecar.proxy.destination import Destination
    from meshclient.sidecar.proxy.visit import Visit

_CONNECT = 10.0
_PIECE = 64 * 1024


async def connect(visit: Visit, client: Client, where: Destination) -> None:
    """Open the tunnel, and carry on until both sides have ended."""
    host, _, port = (where.passthrough or "").rpartition(":")
    try:
        async with asyncio.timeout(_CONNECT):
            sock = await dial(client.loop, Target(host.strip("[]"), int(port)))
            reader, writer = await asyncio.open_connection(sock=sock)
    except (WireError, OSError, TimeoutError) as error:
        late = isinstance(error, TimeoutError)
        words = f"no connection to {where.passthrough} within {_CONNECT:.0f} s" if late else str(error)
        status, word = (504, "connect_timeout") if late else (502, "connect_error")
        # What its client may have sent into the tunnel already is no request.
        visit.refuse(Refusal(status, word, words, close=True))
        return
    visit.status = 200
    client.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    tunnel = client.tunnel()
    try:
        await asyncio.gather(_outward(client, tunnel, writer), _inward(client, reader))
    finally:
        writer.close()
    visit.done(keep=False)


async def _outward(client: Client, tunnel: asyncio.Queue[bytes], writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await client.from_tunnel(tunnel):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


async def _inward(client: Client, reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_PIECE):
            client.write(data)
            client.moved()
            await client.room()
        client.end()
