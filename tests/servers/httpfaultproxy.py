"""A fault proxy that understands HTTP/1.1: single requests are delayed, answered, cut or rewritten."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from servers.faultlink import Link, LinkEndedError
from servers.faultproxy import FaultProxy
from servers.faults import HttpFault

if TYPE_CHECKING:
    from collections.abc import Mapping

_END = b"\r\n\r\n"
_PIECE = 1 << 16
_PASS = HttpFault()


class HttpFaultProxy(FaultProxy):
    """Forwards HTTP/1.1 requests one by one, under HttpFaults and LinkFaults.

    `requests` holds what was asked, as `GET /path?query`. A request goes on once its body is there;
    answers are streamed.
    """

    def make_link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Link:
        """A link that reads requests."""
        return HttpLink(self, reader, writer)

    def pick(self, method: str, target: str) -> HttpFault:
        """The fault that acts on this request; one that does nothing where none does."""
        for use in self.uses:
            if isinstance(use.fault, HttpFault) and use.fault.matches(method, target) and use.take():
                self.stats.faulted += 1
                return use.fault
        return _PASS


class HttpLink(Link):
    """One client's connection, request by request."""

    proxy: HttpFaultProxy

    async def serve(self) -> None:
        """Treat requests until a side closes."""
        while True:
            head = await self.reader.readuntil(_END)
            await self.flowing()
            method, target, _ = head.decode("latin-1").split(" ", 2)
            headers = parse_headers(head)
            request = head + await raw_body(self.reader, headers)
            self.proxy.note(f"{method} {target}")
            if self.severed:
                await self.silence()
            fault = self.proxy.pick(method, target)
            await asyncio.sleep(fault.delay)
            await self.end_early(fault)
            if fault.status is not None:
                await self.down(composed(fault, method))
                keep = True
            else:
                keep = await self.forward(method, request, fault)
            if not keep or headers.get("connection", "").lower() == "close":
                return

    async def end_early(self, fault: HttpFault) -> None:
        """Do what a fault does to the connection instead of answering."""
        if fault.hang:
            await self.silence()
        if fault.reset:
            self.reset()
        if fault.reset or fault.close:
            raise LinkEndedError

    async def forward(self, method: str, request: bytes, fault: HttpFault) -> bool:
        """Ask the upstream and pass its answer on; whether the connection stays open."""
        head = await self.asked(request)
        status, headers = int(head.split(b" ", 2)[1]), parse_headers(head)
        without_body = method == "HEAD" or status in {204, 304}
        if fault.set_headers or fault.body is not None or fault.truncate is not None:
            await self.rewritten(head, headers, fault, without_body=without_body)
            return True
        await self.down(head)
        if without_body:
            return True
        return await self.stream(headers)

    async def asked(self, request: bytes) -> bytes:
        """The head of the upstream's answer. Never asked twice: the upstream sees what the client sent."""
        reader, writer = await self.upstream()
        writer.write(request)
        await writer.drain()
        await self.proxy.lag()
        head = await self.guarded(reader.readuntil(_END))
        if not head:
            raise LinkEndedError
        return head

    def answering(self) -> asyncio.StreamReader:
        """The upstream's side of the present exchange, which may already be at its end."""
        if self.up is None:
            raise LinkEndedError
        return self.up[0]

    async def stream(self, headers: Mapping[str, str]) -> bool:
        """Pass a body on as it comes; whether it had an end other than that of the connection."""
        reader = self.answering()
        if headers.get("transfer-encoding", "").lower() == "chunked":
            while True:
                line = await self.guarded(reader.readuntil(b"\r\n"))
                if not line:
                    raise LinkEndedError
                size = int(line.split(b";")[0], 16)
                await self.down(line + await self.guarded(reader.readexactly(size + 2)))
                if size == 0:
                    return True
        left = int(headers["content-length"]) if "content-length" in headers else None
        while left != 0:
            data = await self.guarded(reader.read(_PIECE if left is None else min(_PIECE, left)))
            if not data:
                return False
            left = None if left is None else left - len(data)
            await self.down(data)
        return True

    async def rewritten(self, head: bytes, headers: Mapping[str, str], fault: HttpFault, *, without_body: bool) -> None:
        """Pass the upstream's whole answer on as the fault changes it."""
        reader = self.answering()
        body = b"" if without_body else await decoded_body(reader, headers)
        if fault.body is not None:
            body = to_bytes(fault.body)
        changes = {name.lower(): (name, value) for name, value in fault.set_headers.items()}
        if not without_body:
            changes = {
                "content-length": ("Content-Length", str(len(body))),
                "transfer-encoding": ("", None),
                **changes,
            }
        first, *rows = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        kept = [row for row in rows if row.partition(":")[0].strip().lower() not in changes]
        added = [f"{name}: {value}" for name, value in changes.values() if value is not None]
        answer = "\r\n".join([first, *kept, *added]).encode("latin-1") + _END
        if fault.truncate is None:
            await self.down(answer + body)
            return
        await self.down(answer + body[: fault.truncate])
        raise LinkEndedError


def to_bytes(body: bytes | str) -> bytes:
    """A body as it goes on the wire."""
    return body.encode() if isinstance(body, str) else body


def composed(fault: HttpFault, method: str) -> bytes:
    """The answer that a fault gives in the upstream's place."""
    body = to_bytes(fault.body or b"")
    headers = {"Content-Length": str(len(body)), "Content-Type": "application/json", **fault.headers}
    rows = [f"HTTP/1.1 {fault.status} Fault", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(rows).encode("latin-1") + _END + (b"" if method == "HEAD" else body)


def parse_headers(head: bytes) -> dict[str, str]:
    """The headers of a message's head, their names in lower case."""
    rows = head.decode("latin-1").split("\r\n")[1:]
    pairs = (row.partition(":") for row in rows if ":" in row)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


async def raw_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    """A request's body as it is on the wire."""
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return await reader.readexactly(int(headers.get("content-length", 0)))
    raw = bytearray()
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        raw += line + await reader.readexactly(size + 2)
        if size == 0:
            return bytes(raw)


async def decoded_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    """An answer's whole body, its chunks joined."""
    if headers.get("transfer-encoding", "").lower() != "chunked":
        length = headers.get("content-length")
        return await reader.read(-1) if length is None else await reader.readexactly(int(length))
    body = bytearray()
    while True:
        size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
        body += (await reader.readexactly(size + 2))[:-2]
        if size == 0:
            return bytes(body)
