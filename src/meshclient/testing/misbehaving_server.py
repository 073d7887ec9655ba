"""An HTTP server on a real socket that does what servers do on bad days.

    >>> import meshclient
    >>> with MisbehavingServer("reset", "garbage", "well") as server:
    ...     with meshclient.Client(services={"orders": {"endpoints": [server.url]}}) as http:
    ...         report = http.get("http://orders/").extensions["mesh"]
    >>> [str(attempt.outcome.kind) for attempt in report.attempts]
    ['disconnected', 'protocol_error', 'ok']

For what does not depend on sockets `FakeEndpoint` is faster, and as good.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from meshclient.discovery.runtime.loop import background

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from meshclient.discovery.runtime.loop import Job

BEHAVIOURS = ("well", "hang", "reset", "close", "garbage", "cut", "stall", "503")
_OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
_SAID = {
    "well": _OK + b"well\n",
    "close": b"",
    "garbage": b"\x00\xff not HTTP at all\r\n\r\n",
    "cut": _OK + b"we",
    "stall": _OK + b"we",
    "503": b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
}
# Those after which the connection can be used again.
_WHOLE = ("well", "503")
_STARTS_WITHIN = 10.0
# SO_LINGER on, for 0 seconds: closing sends RST in place of FIN.
_RESET = struct.pack("ii", 1, 0)


class MisbehavingServer:
    """Listens on a free port of 127.0.0.1 within a ``with`` block; answers one request after another as told.

    Args:
        behaviours: what it does to each request in turn, then the last of them for ever: ``well``, ``hang`` (never
            answers), ``reset``, ``close`` (each without a word), ``garbage``, ``cut`` (ends within the body), ``stall``
            (stops within the body), ``503``. Well by default.

    Attributes:
        requests: how many requests have come.

    Raises ValueError for a behaviour that does not exist.
    """

    def __init__(self, *behaviours: str) -> None:
        unknown = [each for each in behaviours if each not in BEHAVIOURS]
        if unknown:
            msg = f"no server behaves {unknown[0]!r}: write any of {', '.join(BEHAVIOURS)}"
            raise ValueError(msg)
        self._behaviours = list(behaviours or ("well",))
        self.requests = 0
        self._open: set[asyncio.StreamWriter] = set()
        self._port: Future[int] | None = None
        self._job: Job | None = None

    @property
    def url(self) -> str:
        """Where it is. Raises RuntimeError where it is not yet."""
        if self._port is None:
            raise RuntimeError("a MisbehavingServer listens within a block: with MisbehavingServer(...) as server:")
        return f"http://127.0.0.1:{self._port.result(_STARTS_WITHIN)}"

    def then(self, *behaviours: str) -> None:
        """From the next request on it does this instead."""
        self._behaviours = list(behaviours)

    def close(self) -> None:
        """Stop listening and drop every connection."""
        if self._job is not None:
            background().cancel(self._job)
            self._job.ended.result(_STARTS_WITHIN)
            self._job = None

    def __enter__(self) -> Self:
        self._port = Future()
        self._job = background().run(partial(self._serve, self._port), survives_fork=False)
        self._port.result(_STARTS_WITHIN)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _serve(self, port: Future[int]) -> None:
        server = await asyncio.start_server(self._visited, "127.0.0.1", 0)
        port.set_result(server.sockets[0].getsockname()[1])
        try:
            await server.serve_forever()
        finally:
            for writer in self._open:
                writer.transport.abort()

    async def _visited(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._request(reader, writer):
                    pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one; whether another may follow on the connection."""
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [
            line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        ]
        await reader.readexactly(int(lengths[0]) if lengths else 0)
        self.requests += 1
        behaviour = self._behaviours.pop(0) if len(self._behaviours) > 1 else self._behaviours[0]
        if behaviour == "reset":
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            return False
        writer.write(_SAID.get(behaviour, b""))
        await writer.drain()
        if behaviour in ("hang", "stall"):
            # Until the other side gives up.
            await reader.read()
        return behaviour in _WHOLE
