"""One instance of the demonstration: a small HTTP server in a process of its own.

Standard library only and no import of this package, so that ``python -I -S`` starts it at once. It listens on a free
port of 127.0.0.1 and says which on standard output. Each line of standard input is JSON that changes its behaviour:
``{"delay": seconds}``, ``{"status": code}``. It ends when standard input does, so that it cannot outlive its parent.
"""

from __future__ import annotations

import asyncio
import json
import sys
from http import HTTPStatus

# What a quick request costs a small service; without it all latencies would be noise.
WORK = 0.005


class Instance:
    """Answers GET requests, one after the other on each connection."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.delay = WORK
        self.status = 200

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it is closed."""
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                # What fails fast does none of the work.
                if self.status == HTTPStatus.OK:
                    await asyncio.sleep(self.delay)
                writer.write(self._response())
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass
        finally:
            writer.close()

    def _response(self) -> bytes:
        status = HTTPStatus(self.status)
        body = json.dumps({"instance": self.name}).encode()
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
        return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body

    async def obey(self) -> None:
        """Follow standard input to its end."""
        commands = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(commands), sys.stdin.buffer
        )
        while line := await commands.readline():
            wish = json.loads(line)
            self.delay = float(wish.get("delay", self.delay))
            self.status = int(wish.get("status", self.status))


async def main(name: str) -> None:
    """Run the instance."""
    instance = Instance(name)
    server = await asyncio.start_server(instance.serve, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await instance.obey()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
