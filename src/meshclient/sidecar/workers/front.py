"""The admin interface of several workers as one: each has one of its own, and this stands before them.

``/metrics`` has the samples of all workers, told apart by the label ``worker``; what is posted goes to all of them; the
rest is answered by the first that is there. Who may ask is decided by the workers, who get requests as they came.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from meshclient.sidecar.accepting import close_servers

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from meshclient.model.listening import Listening

# Bytes of a request's head, and of its body; seconds for it to come, and for a worker to answer.
MOST_HEAD, MOST_BODY = 16_384, 65_536
PATIENCE = 10.0
# Connections at once; one more is answered 503 and closed.
MOST_TALKS = 64
_SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?( .*)")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_ACCEPT = re.compile(rb"\r\naccept:[^\r\n]*", re.IGNORECASE)
_CONNECTION = re.compile(rb"\r\nconnection:[^\r\n]*", re.IGNORECASE)
_NOBODY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"


class Front:
    """Stands before the workers.

    Args:
        places: of their own interfaces, by number.
    """

    def __init__(self, places: Mapping[int, Listening]) -> None:
        self._places = places
        self._servers: list[asyncio.Server] = []
        self._talks: set[asyncio.Task[None]] = set()

    async def listen(self, sock: socket.socket) -> None:
        """Take requests on `sock`; it is the front's from here on."""
        if sock.family.name == "AF_UNIX":
            self._servers.append(await asyncio.start_unix_server(self._received, sock=sock, limit=MOST_HEAD))
        else:
            self._servers.append(await asyncio.start_server(self._received, sock=sock, limit=MOST_HEAD))

    async def aclose(self) -> None:
        """Take no more, and cut off what is under way."""
        servers, self._servers = self._servers, []
        await close_servers(servers)
        while self._talks:
            for talk in list(self._talks):
                talk.cancel()
            await asyncio.gather(*self._talks, return_exceptions=True)

    async def _received(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - the server makes one for each
        self._talks.add(task)
        try:
            if len(self._talks) > MOST_TALKS:
                writer.write(_NOBODY)
            else:
                await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, asyncio.CancelledError):
            pass
        finally:
            self._talks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request; connections are not kept, which costs an operator nothing."""
        async with asyncio.timeout(PATIENCE):
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            size = int(length[1]) if length else 0
            if size > MOST_BODY or _CHUNKED.search(head):
                return
            body = await reader.readexactly(size)
        method, target = [*head.split(b" ", 2), b"", b""][:2]
        request = _closing(head) + body
        if method == b"POST":
            answers = [answer for answer in await self._ask_all(request) if answer]
            # One that refused tells more than one that did not.
            writer.write(max(answers, key=lambda answer: answer[9:12], default=_NOBODY))
        elif method == b"GET" and target.partition(b"?")[0] == b"/metrics":
            # In the one form that is merged here, whatever the client would rather have.
            answers = await self._ask_all(_ACCEPT.sub(b"", request))
            writer.write(_merged(dict(zip(self._places, answers, strict=True))))
        else:
            await self._relay(request, reader, writer)
        await writer.drain()

    async def _ask_all(self, request: bytes) -> list[bytes]:
        return await asyncio.gather(*(_ask(place, request) for place in self._places.values()))

    async def _relay(self, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for place in self._places.values():
            try:
                inner, outer = await _connected(place)
            except OSError:
                continue
            gone = asyncio.create_task(_gone(reader))
            passing = asyncio.create_task(_pass(inner, writer))
            try:
                outer.write(request)
                # Events have no end but that of the client.
                await asyncio.wait({gone, passing}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                gone.cancel()
                passing.cancel()
                outer.close()
            return
        writer.write(_NOBODY)


async def _connected(place: Listening) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if place.path:
        return await asyncio.open_unix_connection(place.path)
    return await asyncio.open_connection(place.host, place.port)


async def _ask(place: Listening, request: bytes) -> bytes:
    """The whole answer; nothing where there is none."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(PATIENCE):
            reader, writer = await _connected(place)
            try:
                writer.write(request)
                return await reader.read()
            finally:
                writer.close()
    return b""


async def _gone(reader: asyncio.StreamReader) -> None:
    """Until the client has; what it still says is for nobody, and kept by nobody."""
    while await reader.read(MOST_BODY):
        pass


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while content := await reader.read(MOST_BODY):
        writer.write(content)
        await writer.drain()


def _closing(head: bytes) -> bytes:
    """The head, with the connection to be closed behind its answer."""
    return _CONNECTION.sub(b"", head[:-4]) + b"\r\nConnection: close\r\n\r\n"


def _merged(answers: Mapping[int, bytes]) -> bytes:
    """One exposition of all workers' (Prometheus text format 0.0.4: the samples of a metric stand together)."""
    texts: dict[int, str] = {}
    for number, answer in answers.items():
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head:
            continue
        if head[9:12] != b"200" or _CHUNKED.search(head + b"\r\n"):
            return answer
        texts[number] = body.decode()
    if not texts:
        return _NOBODY
    body = merged_metrics(texts).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nCache-Control: no-store\r\n"
    return head + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body


def merged_metrics(texts: Mapping[int, str]) -> str:
    """The samples of all, by metric, each with the label ``worker``."""
    metrics: dict[str, tuple[list[str], list[str]]] = {}
    for number, text in texts.items():
        about: list[str] = []
        samples: list[str] = []
        for line in text.splitlines():
            if line.startswith("#"):
                parts = line.split(" ", 3)
                if len(parts) > 2 and parts[1] in {"HELP", "TYPE"}:
                    about, samples = metrics.setdefault(parts[2], ([], []))
                    if line not in about:
                        about.append(line)
            elif found := _SAMPLE.fullmatch(line):
                labels = f'worker="{number}"' + (f",{found[2]}" if found[2] else "")
                samples.append(f"{found[1]}{{{labels}}}{found[3]}")
    return "".join(f"{line}\n" for about, samples in metrics.values() for line in (*about, *samples))
