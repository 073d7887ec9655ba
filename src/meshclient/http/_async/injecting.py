"""Faults on purpose, beneath all policies: an attempt meets them where it would meet real ones.

An attempt that is delayed or fails here looks to the driver as one that has left the connection pool: its trace says
so, and its time limits hold for the delay too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from meshclient.http.waiting import async_pause
from meshclient.model.outcome import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.core.injection import Fault, Injection

# Without a limit of its own an attempt that never ends would hang a trial for good.
_LONGEST = 3600.0
_CONNECTS = "connection.connect_tcp.started"
_WRITES = "http11.send_request_headers.started"
_TEXTS = {
    Kind.CONNECT_ERROR: (httpx.ConnectError, "All connection attempts failed"),
    Kind.CONNECT_TIMEOUT: (httpx.ConnectTimeout, "no connection in time"),
    Kind.TIMEOUT: (httpx.ReadTimeout, "no answer in time"),
    Kind.DISCONNECTED: (httpx.RemoteProtocolError, "Server disconnected without sending a response."),
    Kind.PROTOCOL_ERROR: (httpx.RemoteProtocolError, "illegal status line"),
}


class AsyncInjectingTransport(httpx.AsyncBaseTransport):
    """Sends attempts of one service over `wire`, but for those that meet a fault.

    Args:
        wire: sends a request to an address; closed with this one.
        injection: the faults.
        uniform: chance in [0, 1).
    """

    def __init__(self, wire: httpx.AsyncBaseTransport, injection: Injection, uniform: Callable[[], float]) -> None:
        self._wire = wire
        self._injection = injection
        self._uniform = uniform

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The response, after what is to happen to it. Raises httpx's errors, those on purpose included."""
        fault = self._injection.fault(request.headers.get, self._uniform)
        if fault is None:
            return await self._wire.handle_async_request(request)
        return await self._suffer(request, fault)

    async def aclose(self) -> None:
        """Close the underlying transport."""
        await self._wire.aclose()

    async def _suffer(self, request: httpx.Request, fault: Fault) -> httpx.Response:
        connecting = fault.error in (Kind.CONNECT_ERROR, Kind.CONNECT_TIMEOUT)
        limit = _limit(request, "connect" if connecting else "read")
        # A connection of its own, or the end of it would be taken for that of one which had been idle.
        await _trace(request, _CONNECTS)
        if not connecting:
            await _trace(request, _WRITES)
        endless = fault.error in (Kind.CONNECT_TIMEOUT, Kind.TIMEOUT)
        if endless or fault.delay >= limit:
            await async_pause(limit)
            raise _error(Kind.CONNECT_TIMEOUT if connecting else Kind.TIMEOUT, request)
        if fault.delay:
            await async_pause(fault.delay)
        if fault.error is not None:
            raise _error(fault.error, request)
        if fault.status:
            return _answer(request, fault.status)
        return await self._wire.handle_async_request(request)


async def _trace(request: httpx.Request, event: str) -> None:
    trace = request.extensions.get("trace")
    if trace is not None:
        await trace(event, {})


def _limit(request: httpx.Request, name: str) -> float:
    given: float | None = request.extensions.get("timeout", {}).get(name)
    return _LONGEST if given is None else given


def _error(kind: Kind, request: httpx.Request) -> httpx.TransportError:
    cls, text = _TEXTS[kind]
    return cls(f"{text} (a fault that the configuration asks for)", request=request)


def _answer(request: httpx.Request, status: int) -> httpx.Response:
    text = f"status {status}: a fault that the configuration asks for\n".encode()
    headers = {"content-type": "text/plain", "content-length": str(len(text))}
    # As a stream: content at hand counts as read, and nobody would see the end of the response.
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(text), request=request)
