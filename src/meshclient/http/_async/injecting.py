"""Faults on purpose, beneath all policies: an attempt meets them where it would meet real ones.

An attempt that is delayed or fails here looks to the driver as one that has left the connection pool: its trace says
so, and its time limits hold for the delay too.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import httpx

from meshclient.http.trail import INJECTED
from meshclient.http.waiting import async_pause
from meshclient.model.outcome import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meshclient.core.injection import Fault, Injection
    from meshclient.http._async.wire import AsyncWire
    from meshclient.http.trail import Trail
    from meshclient.mesh import MeshService
    from meshclient.model.endpoint import Endpoint

# Without a limit of its own an attempt that never ends would hang a trial for good.
_LONGEST = 3600.0
_NOTHING: Mapping[str, object] = MappingProxyType({})
_CONNECTS = "connection.connect_tcp.started"
_WRITES = "http11.send_request_headers.started"
_TEXTS = {
    Kind.CONNECT_ERROR: (httpx.ConnectError, "All connection attempts failed"),
    Kind.CONNECT_TIMEOUT: (httpx.ConnectTimeout, "no connection in time"),
    Kind.TIMEOUT: (httpx.ReadTimeout, "no answer in time"),
    Kind.DISCONNECTED: (httpx.RemoteProtocolError, "Server disconnected without sending a response."),
    Kind.PROTOCOL_ERROR: (httpx.RemoteProtocolError, "illegal status line"),
}


class AsyncInjectingWire:
    """Sends attempts of one service by `way`, but for those that meet a fault.

    Args:
        way: carries an attempt.
        injection: the faults.
        service: whose instances they are about, by whose chance they are drawn and by whose clock they pass.
    """

    def __init__(self, way: AsyncWire, injection: Injection, service: MeshService) -> None:
        self._way = way
        self._injection = injection
        self._service = service

    @property
    def transport(self) -> httpx.AsyncBaseTransport:
        """As that of `way`."""
        return self._way.transport

    async def send(  # noqa: PLR0917 - as the Protocol has it
        self,
        request: httpx.Request,
        endpoint: Endpoint,
        stream: httpx.AsyncByteStream,
        marks: Mapping[str, str],
        timeouts: dict[str, float | None],
        trail: Trail,
    ) -> httpx.Response:
        """The response, after what is to happen to it. Raises httpx's errors, those on purpose included."""
        headers = request.headers.copy()
        headers.update(marks)
        address = endpoint.host, endpoint.port
        fault = self._injection.fault(headers.get, self._service.uniform, address, self._listed)
        if fault is None:
            return await self._way.send(request, endpoint, stream, marks, timeouts, trail)
        if (answer := await self._suffer(request, fault, timeouts, trail)) is not None:
            return answer
        began = trail.began
        try:
            return await self._way.send(request, endpoint, stream, marks, timeouts, trail)
        finally:
            # The delay is the endpoint's: it is no time in our own pool.
            trail.began = began

    async def _suffer(
        self, request: httpx.Request, fault: Fault, timeouts: Mapping[str, float | None], trail: Trail
    ) -> httpx.Response | None:
        """None where it is sent after all, late."""
        by, clock = self._injection.by, self._service.clock
        await trail.async_trace(INJECTED, {"fault": f"{fault} (a fault that {by} asks for)"})
        connecting = fault.error in (Kind.CONNECT_ERROR, Kind.CONNECT_TIMEOUT)
        given = timeouts.get("connect" if connecting else "read")
        limit = _LONGEST if given is None else given
        # A connection of its own, or the end of it would be taken for that of one which had been idle.
        await trail.async_trace(_CONNECTS, _NOTHING)
        if not connecting:
            await trail.async_trace(_WRITES, _NOTHING)
        endless = fault.error in (Kind.CONNECT_TIMEOUT, Kind.TIMEOUT)
        if endless or fault.delay >= limit:
            await async_pause(limit, clock)
            raise _error(Kind.CONNECT_TIMEOUT if connecting else Kind.TIMEOUT, request, by)
        if fault.delay:
            await async_pause(fault.delay, clock)
        if fault.error is not None:
            raise _error(fault.error, request, by)
        return _answer(request, fault.status, by) if fault.status else None

    def _listed(self) -> Sequence[Endpoint]:
        return self._service.watch.snapshot.endpoints


def _error(kind: Kind, request: httpx.Request, by: str) -> httpx.TransportError:
    cls, text = _TEXTS[kind]
    return cls(f"{text} (a fault that {by} asks for)", request=request)


def _answer(request: httpx.Request, status: int, by: str) -> httpx.Response:
    text = f"status {status}: a fault that {by} asks for\n".encode()
    headers = {"content-type": "text/plain", "content-length": str(len(text))}
    # As a stream: content at hand counts as read, and nobody would see the end of the response.
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(text), request=request)
