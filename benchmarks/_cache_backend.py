"""The other end of `cache.py`: answers at once from memory, says how it may be kept, and counts.

`/fresh/...` may be kept for an hour, `/held/...` likewise, 50 ms late; `/validate` is stale at once and answers 304;
`/count` says how many requests came before. It prints its port, and serves until its standard input closes.
"""

from __future__ import annotations

import asyncio
import sys

BODY = b'{"pad": "' + b"x" * 89 + b'"}'
FRESH = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
STALE = b'HTTP/1.1 200 OK\r\nCache-Control: max-age=0\r\nETag: "v"\r\nContent-Length: %d\r\n\r\n%b' % (len(BODY), BODY)
CONFIRMED = b'HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=0\r\nETag: "v"\r\n\r\n'
HELD_FOR = 0.05

asked = 0


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
        for request in requests:
            self.answer(request)

    def answer(self, head: bytes) -> None:
        """Answer one."""
        global asked  # noqa: PLW0603 - the count of this process
        path = head.split(b" ", 2)[1]
        if path == b"/count":
            text = b"%d" % asked
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))
            return
        asked += 1
        if path == b"/validate":
            self.transport.write(CONFIRMED if b"if-none-match" in head.lower() else STALE)
        elif path.startswith(b"/held/"):
            asyncio.get_running_loop().call_later(HELD_FOR, self.transport.write, FRESH)
        else:
            self.transport.write(FRESH)


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answering, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
