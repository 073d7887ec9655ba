"""A connected socket to a target: addresses are resolved, and tried side by side (RFC 8305, happy eyeballs).

By our own hand, because uvloop does not race addresses, and because of a host that is an address there is nothing to
resolve.
"""

from __future__ import annotations

import asyncio
import os
import socket
from itertools import chain, zip_longest
from typing import TYPE_CHECKING

from meshclient.engine.complaints import unconnected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.engine.target import Target

# RFC 8305 section 5: "Connection Attempt Delay".
STAGGER = 0.25

Address = tuple[socket.AddressFamily, tuple[object, ...] | str]


async def dial(loop: asyncio.AbstractEventLoop, target: Target) -> socket.socket:
    """A socket that is connected and does not block. Raises ConnectFailed."""
    if target.path:
        addresses: Sequence[Address] = [(socket.AF_UNIX, target.path)]
    else:
        addresses = literal(target.host, target.port) or await _resolve(loop, target)
    try:
        if len(addresses) == 1:
            return await _connect(loop, addresses[0])
        return await _race(loop, addresses)
    except OSError as error:
        raise unconnected(target, _words(error)) from error


def literal(host: str, port: int) -> list[Address]:
    """The address that `host` is, if it is one."""
    try:
        if ":" in host:
            if "%" in host:
                return []
            socket.inet_pton(socket.AF_INET6, host)
            return [(socket.AF_INET6, (host, port, 0, 0))]
        socket.inet_pton(socket.AF_INET, host)
        return [(socket.AF_INET, (host, port))]
    except OSError:
        return []


def interleaved(addresses: Sequence[Address]) -> list[Address]:
    """By turns of each family, that of the first first (RFC 8305 section 4)."""
    first = [address for address in addresses if address[0] == addresses[0][0]]
    others = [address for address in addresses if address[0] != addresses[0][0]]
    return [address for address in chain.from_iterable(zip_longest(first, others)) if address is not None]


async def _resolve(loop: asyncio.AbstractEventLoop, target: Target) -> list[Address]:
    try:
        found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        words = error.strerror if isinstance(error, OSError) else "it is no name"
        raise unconnected(target, f"the name {target.host!r} cannot be resolved: {words}") from error
    addresses = dict.fromkeys((family, address) for family, _, _, _, address in found)
    if not addresses:
        raise unconnected(target, f"the name {target.host!r} has no address")
    return interleaved(list(addresses))


async def _connect(loop: asyncio.AbstractEventLoop, address: Address) -> socket.socket:
    family, place = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(sock, place)
    except BaseException:
        sock.close()
        raise
    return sock


async def _race(loop: asyncio.AbstractEventLoop, addresses: Sequence[Address]) -> socket.socket:
    """The first to be connected; the next one starts when the last one failed, or has not succeeded for a while."""
    waiting = list(reversed(addresses))
    running: set[asyncio.Task[socket.socket]] = set()
    error: OSError | None = None
    try:
        while waiting or running:
            if waiting:
                running.add(loop.create_task(_connect(loop, waiting.pop())))
            done, running = await asyncio.wait(
                running, timeout=STAGGER if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            won: socket.socket | None = None
            for task in done:
                try:
                    sock = task.result()
                except OSError as failed:
                    error = error or failed
                    continue
                if won is None:
                    won = sock
                else:
                    sock.close()
            if won is not None:
                return won
    finally:
        for task in running:
            task.cancel()
            task.add_done_callback(_discard)
    raise error or OSError("there is no address")


def _discard(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


def _words(error: OSError) -> str:
    # asyncio puts words of its own in the place of the system's.
    return os.strerror(error.errno) if error.errno else str(error)
