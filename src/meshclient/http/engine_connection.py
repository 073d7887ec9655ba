"""What connections of the two colours do under different names, or differently; the rest of the face is generated.

Limits for single steps of an exchange, and what httpx's users may know of the socket below, or do with it after an
upgrade.
"""

# ruff: noqa: SLF001 - what one colour shows the other keeps to itself
from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient.engine.aio.connection import AsyncConnection
    from meshclient.engine.blocking.connection import Connection

_READ = 64 * 1024


def async_allow(connection: AsyncConnection, seconds: float) -> None:
    """The next step of the exchange, such as a write or a read, may take so long."""
    connection.due = connection._clock() + seconds
    connection._gap = seconds


def allow(connection: Connection, seconds: float) -> None:
    """The next step of the exchange, such as a write or a read, may take so long."""
    connection._due = connection.clock() + seconds
    connection._gap = seconds


def async_forget(connection: AsyncConnection) -> None:
    """Nobody reads its response any more, nor said so. From any thread, as the garbage collector has it."""
    # A loop that is closed has closed its connections.
    with suppress(RuntimeError):
        connection._loop.call_soon_threadsafe(connection.abandon, "its response was neither read nor closed")


def forget(connection: Connection) -> None:
    """Nothing: a connection that nobody refers to closes by itself."""


async def async_read_raw(connection: AsyncConnection, seconds: float | None) -> bytes:
    """What comes next after an upgrade, empty at the end. Raises TimeoutError, WireError."""
    async with asyncio.timeout(seconds):
        return await connection.read_raw()


def read_raw(connection: Connection, seconds: float | None) -> bytes:
    """What comes next after an upgrade, empty at the end. Raises TimeoutError, OSError."""
    sock = connection._line.sock
    sock.settimeout(seconds)
    return sock.recv(_READ)


async def async_write_raw(connection: AsyncConnection, data: bytes, seconds: float | None) -> None:
    """Write after an upgrade. Raises TimeoutError, WireError."""
    async with asyncio.timeout(seconds):
        await connection.write_raw(data)


def write_raw(connection: Connection, data: bytes, seconds: float | None) -> None:
    """Write after an upgrade. Raises TimeoutError, OSError."""
    sock = connection._line.sock
    sock.settimeout(seconds)
    sock.sendall(data)


_ASYNC_NAMES = {"client_addr": "sockname", "server_addr": "peername", "ssl_object": "ssl_object", "socket": "socket"}


def async_extra(connection: AsyncConnection, name: str) -> object:
    """What httpcore's network streams tell by this name; None for names that mean nothing, or nothing any more.

    By "trailers", the fields that followed the body: for whoever has just read its end, and only until the loop turns,
    for then the connection may be another call's.
    """
    if name == "trailers":
        return connection.trailers
    asked = _ASYNC_NAMES.get(name)
    return None if asked is None else connection._transport.get_extra_info(asked)


def extra(connection: Connection, name: str) -> object:
    """What httpcore's network streams tell by this name; None for names that mean nothing, or nothing any more."""
    sock = connection._line.sock
    if name == "socket":
        return sock
    if name == "ssl_object":
        return sock if isinstance(sock, ssl.SSLSocket) else None
    # It may be closed by now.
    with suppress(OSError):
        if name == "client_addr":
            return sock.getsockname()
        if name == "server_addr":
            return sock.getpeername()
    return None
