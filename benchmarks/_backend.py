"""A fast HTTP backend for benchmarks: answers every GET on a connection with the same 100 bytes.

Run as a program it prints its port, serves until its standard input closes, and knows nothing of bodies.
"""

from __future__ import annotations

import asyncio
import sys

BODY = b'{"pad": "' + b"x" * 89 + b'"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


class Answering(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.seen = b""

    def data_received(self, data: bytes) -> None:
        """Answer each head that is complete."""
        *requests, self.seen = (self.seen + data).split(b"\r\n\r\n")
        if requests:
            self.answer(requests)

    def answer(self, heads: list[bytes]) -> None:
        """Answer these."""
        self.transport.write(ANSWER * len(heads))


async def serve(protocol: type[Answering] = Answering) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
