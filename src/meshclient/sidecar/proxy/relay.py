"""The ordinary road of a request that passes: as an httpx.Request through the library's transport, and back."""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, Protocol

import httpx

from meshclient.errors import MeshError
from meshclient.http.begun import BEGUN
from meshclient.sidecar.proxy import answer
from meshclient.sidecar.proxy.answer import CHUNKS, UNTIL_CLOSE
from meshclient.sidecar.proxy.destination import Destination, Refusal
from meshclient.sidecar.proxy.grammar import FIELD, REASON, options
from meshclient.sidecar.proxy.problem import refusal_of

if TYPE_CHECKING:
    from meshclient.sidecar.proxy.client import Client
    from meshclient.sidecar.proxy.visit import Visit

# Of one hop (RFC 9110 section 7.6.1), or ours to write.
_HOP = frozenset((
    b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"te", b"trailer", b"upgrade",
    b"content-length", b"via", b"date",
))  # fmt: skip
_BODILESS = frozenset((204, 304))
_PIECE = 64 * 1024
_LATE = Refusal(504, "deadline_exceeded", "There was no response within the time that is configured (deadline).")


class _Raw(Protocol):
    """What an upgraded connection is read from and written to."""

    async def read(self, max_bytes: int) -> bytes:
        """The next bytes, none at the end."""
        ...

    async def write(self, buffer: bytes) -> None:
        """Send them."""
        ...

    async def aclose(self) -> None:
        """Close it."""
        ...


class BodyFault(ConnectionError):
    """The client's body is no use.

    Attributes:
        refusal: what it is answered.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


async def relay(visit: Visit, client: Client, request: httpx.Request) -> None:
    """Send `request` and hand its response on. Only cancellation leaves it."""
    try:
        response = await _send(visit, request)
    # Of these the last is the client's own, which broke its body off.
    except (MeshError, httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ConnectionError) as error:
        visit.refuse(_refusal(visit, error))
        return
    except TimeoutError:
        visit.refuse(_LATE)
        return
    try:
        if not (REASON(_reason(response)) and all(map(FIELD, _fields(response.headers.raw)))):
            # It may have come in another protocol than HTTP/1.1, whose heads are not lines.
            what = "The endpoint sent no valid response: its head has a control character, or a field without a name."
            visit.refuse(Refusal(502, "protocol_error", what))
        elif response.status_code == 101:
            await _switch(visit, client, response)
        else:
            await _hand_on(visit, client, response)
    finally:
        await response.aclose()


async def _send(visit: Visit, request: httpx.Request) -> httpx.Response:
    """The response, its body yet to be read. Raises TimeoutError where its head does not come in time.

    Bodies may last: of the request nobody knows how long its client takes, and of the response only the client knows
    how long it waits. So the deadline that is configured holds here, for the head, and the call has none; one that has
    begun keeps what it began with.
    """
    question, stream = visit.question, visit.stream
    transport = question.setup.transport
    where = question.destination
    if BEGUN in request.extensions or not isinstance(where, Destination) or not where.service:
        return await transport.handle_async_request(request)
    options = question.setup.options(question.call(question.wire, b""), where.service)
    seconds = options.deadline
    attempt = options.limit if stream is None else inf
    request.extensions["mesh"] = {"deadline": None, "attempt_timeout": None if attempt == inf else attempt}
    if question.head.hurried:
        # That holds for the call.
        seconds = None
    async with asyncio.timeout(seconds if stream is None else None) as limit:
        if stream is not None and options.limit < inf:
            stream.done = lambda: limit.reschedule(asyncio.get_running_loop().time() + options.limit)
        return await transport.handle_async_request(request)


def _refusal(visit: Visit, error: Exception) -> Refusal:
    stream = visit.stream
    if stream is not None and isinstance(stream.failure, BodyFault):
        return stream.failure.refusal
    return refusal_of(error)


async def _hand_on(visit: Visit, client: Client, response: httpx.Response) -> None:
    asked, status = visit.question.head, response.status_code
    raw = response.headers.raw
    said = [value for name, value in raw if name.lower() == b"content-length"]
    bodiless = asked.method == "HEAD" or status in _BODILESS
    keep = client.keeps(asked)
    lines = [_line(response), *_fields(raw)]
    if said and status != 204:
        lines.append(b"Content-Length: " + said[0])
    elif not bodiless:
        if asked.version == "1.1":
            visit.framing = CHUNKS
            lines.append(b"Transfer-Encoding: chunked")
        else:
            visit.framing, keep = UNTIL_CLOSE, False
    lines += _ours(visit, client, raw)
    visit.status = status
    _tell(visit, response)
    said_of_it = b"" if keep and asked.version == "1.1" else answer.closing(keep=keep)
    client.write(b"\r\n".join(lines) + said_of_it + b"\r\n\r\n")
    client.closes = client.closes or not keep
    try:
        async for part in response.stream:  # type: ignore[union-attr]  # it is an asynchronous one
            if part and not bodiless:
                visit.size += len(part)
                client.write(answer.chunk(part) if visit.framing == CHUNKS else part)
                await client.room()
    except (MeshError, httpx.HTTPError, httpx.StreamError, ConnectionError):
        visit.cut()
        return
    if visit.framing == CHUNKS:
        client.write(answer.last_chunk(_trailers(response) if asked.trailers else []))
    elif said and not bodiless and visit.size != int(said[0]):
        # What follows would be taken for the rest of it.
        visit.cut()
        return
    visit.done(keep=keep and client.keeps(asked))


async def _switch(visit: Visit, client: Client, response: httpx.Response) -> None:
    """101: the connection speaks another protocol from here on (RFC 9110 section 7.8)."""
    raw = response.headers.raw
    upgrade = b", ".join([value for name, value in raw if name.lower() == b"upgrade"])
    lines = [_line(response), *_fields(raw), b"Connection: Upgrade", b"Upgrade: " + upgrade]
    visit.status = 101
    _tell(visit, response)
    client.write(b"\r\n".join([*lines, *_ours(visit, client, raw)]) + b"\r\n\r\n")
    stream = response.extensions["network_stream"]
    tunnel = client.tunnel()
    await asyncio.gather(_outward(client, tunnel, stream), _inward(client, tunnel, stream))
    visit.done(keep=False)


async def _outward(client: Client, tunnel: asyncio.Queue[bytes], stream: _Raw) -> None:
    """From the client to its peer, until either ends."""
    try:
        while data := await client.from_tunnel(tunnel):
            await stream.write(data)
    except Exception:  # noqa: BLE001 - whatever broke, it is over
        client.cut()
    finally:
        await stream.aclose()


async def _inward(client: Client, tunnel: asyncio.Queue[bytes], stream: _Raw) -> None:
    try:
        while data := await stream.read(_PIECE):
            client.write(data)
            client.moved()
            await client.room()
    except Exception:  # noqa: BLE001 - likewise
        client.cut()
    tunnel.put_nowait(b"")


def _trailers(response: httpx.Response) -> list[tuple[bytes, bytes]]:
    info = response.extensions.get("network_stream")
    found = None if info is None else info.get_extra_info("trailers")
    return found if isinstance(found, list) else []


def _reason(response: httpx.Response) -> bytes:
    reason = response.extensions.get("reason_phrase", b"")
    return reason if isinstance(reason, bytes) else b""


def _line(response: httpx.Response) -> bytes:
    return b"HTTP/1.1 %d %b" % (response.status_code, _reason(response))


def _fields(raw: list[tuple[bytes, bytes]]) -> list[bytes]:
    named = options([value for name, value in raw if name.lower() == b"connection"])
    return [b"%b: %b" % field for field in raw if (low := field[0].lower()) not in _HOP and low not in named]


def _ours(visit: Visit, client: Client, raw: list[tuple[bytes, bytes]]) -> list[bytes]:
    dates = [value for name, value in raw if name.lower() == b"date"]
    lines = [b"Date: " + (dates[0] if dates else client.date())]
    via = [value for name, value in raw if name.lower() == b"via"]
    own = visit.question.setup.via
    if own:
        via.append(own.removeprefix(b"\r\nVia: "))
    if via:
        lines.append(b"Via: " + b", ".join(via))
    return lines


def _tell(visit: Visit, response: httpx.Response) -> None:
    report = response.extensions.get("mesh")
    if visit.question.setup.logs and report is not None and report.attempts:
        visit.endpoint = report.attempts[-1].endpoint.url
