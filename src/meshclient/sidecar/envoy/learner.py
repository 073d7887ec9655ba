"""Services that nobody named before they were called.

Envoy has to know a service before it can be called, while a mesh learns of it by the first call. So what names no
known service, and may be one, goes to a socket of ours: the service is looked up and made known to Envoy, and the
request is sent back with a redirect that Envoy follows by itself (an internal redirect), now with a route to follow.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

import httptools

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

# Seconds for a request to arrive as a whole: Envoy can follow a redirect only when it has all of it.
_ARRIVAL = 10.0
_READ = 65_536


class _Request:
    """What comes to httptools' parser."""

    def __init__(self) -> None:
        self.target = b""
        self.headers: dict[bytes, bytes] = {}
        self.size = 0
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self.size += len(body)

    def on_message_complete(self) -> None:
        self.complete = True


class Learner:
    """Answers Envoy.

    Args:
        learn: makes a service known by the host that means it; answers with the word and the words of a refusal, or
            None where the service may be called now.
        most: bytes of a body above which Envoy cannot send the request again.
    """

    def __init__(self, learn: Callable[[str], Awaitable[tuple[int, str, str] | None]], most: int) -> None:
        self._learn = learn
        self._most = most
        self._server: asyncio.Server | None = None

    async def listen(self, path: Path) -> None:
        """Answer at a Unix socket."""
        self._server = await asyncio.start_unix_server(self._serve, path)

    async def aclose(self) -> None:
        """Answer no more."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = _Request()
        parser = httptools.HttpRequestParser(request)
        try:
            with suppress(TimeoutError, OSError, httptools.HttpParserError):
                async with asyncio.timeout(_ARRIVAL):
                    while not request.complete and (data := await reader.read(_READ)):
                        parser.feed_data(data)
                if request.complete:
                    writer.write(await self._answer(request))
                    await writer.drain()
        finally:
            writer.close()

    async def _answer(self, request: _Request) -> bytes:
        host = request.headers.get(b"host", b"")
        named = request.headers.get(b"mesh-service", host).decode("latin-1")
        refusal = await self._learn(named)
        if refusal is not None:
            return _problem(*refusal)
        if request.size > self._most:
            detail = f"{named} is known now, and a body of more than {self._most} bytes cannot be sent twice: try again"
            return _problem(503, "not_ready", detail)
        location = b"location: http://" + host + request.target
        return b"HTTP/1.1 307 Temporary Redirect\r\n" + location + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def _problem(status: int, word: str, detail: str) -> bytes:
    phrase = HTTPStatus(status).phrase
    body = json.dumps({"title": phrase, "status": status, "detail": detail, "error": word}).encode()
    again = "retry-after: 1\r\n" if status == HTTPStatus.SERVICE_UNAVAILABLE else ""
    head = (
        f"HTTP/1.1 {status} {phrase}\r\nmesh-error: {word}\r\n{again}content-type: application/problem+json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
