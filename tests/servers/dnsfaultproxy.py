"""A fault proxy for DNS: single UDP questions are dropped, cut short or answered wrongly; TCP passes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from typing import TYPE_CHECKING

from servers.faultproxy import FaultProxy
from servers.faults import DnsFault

if TYPE_CHECKING:
    from asyncio import DatagramTransport

_PASS = DnsFault()
_ANSWER_LIMIT = 10.0
# RFC 1035, section 4.1.1: the bits of a header's second word.
_QR, _AA, _TC = 0x8000, 0x0400, 0x0200
_OPCODE_AND_RD = 0x7900


class DnsFaultProxy(FaultProxy):
    """Forwards DNS over UDP and TCP on one port, under DnsFaults (UDP) and LinkFaults (TCP).

    `requests` holds the questions that came over UDP, as `33 _web._tcp.mesh.test`. LinkFaults meet TCP
    alone: a server without TCP is LinkFault(refuse=True), one without UDP is DnsFault(truncated=True).
    """

    udp = True
    _datagrams: DatagramTransport | None = None

    async def _listen(self) -> None:
        await super()._listen()
        if self._datagrams is None:
            self._datagrams, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Questions(self), local_addr=(self.host, self.port)
            )

    async def _end_links(self) -> None:
        if self._datagrams is not None:
            self._datagrams.close()
        await super()._end_links()

    def pick(self, name: str, kind: int) -> DnsFault:
        """The fault that acts on this question; one that does nothing where none does."""
        for use in self.uses:
            if isinstance(use.fault, DnsFault) and use.fault.matches(name, kind) and use.take():
                self.stats.faulted += 1
                return use.fault
        return _PASS

    async def answer(self, query: bytes) -> bytes | None:
        """What goes back for a question, or None for nothing."""
        name, kind, end = question(query)
        self.note(f"{kind} {name}")
        fault = self.pick(name, kind)
        await asyncio.sleep(fault.delay)
        if fault.drop:
            return None
        if fault.garbage:
            return os.urandom(fault.garbage)
        flags = made_flags(fault)
        if flags is not None:
            asked = struct.unpack(">H", query[2:4])[0] & _OPCODE_AND_RD
            return query[:2] + struct.pack(">5H", _QR | asked | flags, 1, 0, 0, 0) + query[12:end]
        answer = await self.forwarded(query)
        return bytes([answer[0] ^ 0xFF]) + answer[1:] if fault.wrong_id else answer

    async def forwarded(self, query: bytes) -> bytes:
        """The upstream's answer."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect(self.upstream)
            await loop.sock_sendall(sock, query)
            return await asyncio.wait_for(loop.sock_recv(sock, 65535), _ANSWER_LIMIT)


class _Questions(asyncio.DatagramProtocol):
    """Answers each datagram in a task of its own."""

    def __init__(self, proxy: DnsFaultProxy) -> None:
        self._proxy = proxy
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, data: bytes, addr: tuple[str, int]) -> None:
        with contextlib.suppress(OSError, IndexError, struct.error):
            answer = await self._proxy.answer(data)
            if answer is not None:
                self._transport.sendto(answer, addr)


def made_flags(fault: DnsFault) -> int | None:
    """The flags of an answer without records that a fault asks for, or None."""
    if fault.rcode is not None:
        return fault.rcode
    if fault.truncated:
        return _TC
    return _AA if fault.empty else None


def question(query: bytes) -> tuple[str, int, int]:
    """The name and type that a message asks for, and where its question ends."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("latin-1"))
        at += 1 + query[at]
    return ".".join(labels), struct.unpack(">H", query[at + 1 : at + 3])[0], at + 5
