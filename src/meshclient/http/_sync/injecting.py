# Generated from src/meshclient/http/_async/injecting.py by scripts/unasync.py; edit that file, then run `make sync`.
"""Faults on purpose, beneath all policies: an attempt meets them where it would meet real ones.

An attempt that is delayed or fails here looks to the driver as one that has left the connection pool: its trace says
so, and its time limits hold for the delay too.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import httpx

from meshclient.http.trail import INJECTED
from meshclient.http.waiting import pause
from meshclient.model.outcome import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from meshclient.core.injection import Fault, Injection
    from meshclient.mesh import MeshService
    from meshclient.model.endpoint import Endpoint

# Without a limit of its own an attempt that never ends would hang a trial for good.
_LONGEST = 3600.0
_NOTHING: Mapping[str, object] = MappingProxyType({})
_PORTS = {"http": 80, "https": 443}
_CONNECTS = "connection.connect_tcp.started"
_WRITES = "http11.send_request_headers.started"
_TEXTS = {
    Kind.CONNECT_ERROR: (httpx.ConnectError, "All connection attempts failed"),
    Kind.CONNECT_TIMEOUT: (httpx.ConnectTimeout, "no connection in time"),
    Kind.TIMEOUT: (httpx.ReadTimeout, "no answer in time"),
    Kind.DISCONNECTED: (httpx.RemoteProtocolError, "Server disconnected without sending a response."),
    Kind.PROTOCOL_ERROR: (httpx.RemoteProtocolError, "illegal status line"),
}


class InjectingTransport(httpx.BaseTransport):
    """Sends attempts of one service over `wire`, but for those that meet a fault.

    Args:
        wire: sends a request to an address; closed with this one.
        injection: the faults.
        uniform: chance in [0, 1).
        service: whose instances they are about and by whose clock they pass, where that matters.
    """

    def __init__(
        self,
        wire: httpx.BaseTransport,
        injection: Injection,
        uniform: Callable[[], float],
        service: MeshService | None = None,
    ) -> None:
        self._wire = wire
        self._injection = injection
        self._uniform = uniform
        self._service = service

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The response, after what is to happen to it. Raises httpx's errors, those on purpose included."""
        address = request.url.host, request.url.port or _PORTS.get(request.url.scheme, 0)
        fault = self._injection.fault(request.headers.get, self._uniform, address, self._listed)
        if fault is None:
            return self._wire.handle_request(request)
        return self._suffer(request, fault)

    def close(self) -> None:
        """Close the underlying transport."""
        self._wire.close()

    def _suffer(self, request: httpx.Request, fault: Fault) -> httpx.Response:
        by, clock = self._injection.by, None if self._service is None else self._service.clock
        _trace(request, INJECTED, {"fault": f"{fault} (a fault that {by} asks for)"})
        connecting = fault.error in (Kind.CONNECT_ERROR, Kind.CONNECT_TIMEOUT)
        limit = _limit(request, "connect" if connecting else "read")
        # A connection of its own, or the end of it would be taken for that of one which had been idle.
        _trace(request, _CONNECTS)
        if not connecting:
            _trace(request, _WRITES)
        endless = fault.error in (Kind.CONNECT_TIMEOUT, Kind.TIMEOUT)
        if endless or fault.delay >= limit:
            pause(limit, clock)
            raise _error(Kind.CONNECT_TIMEOUT if connecting else Kind.TIMEOUT, request, by)
        if fault.delay:
            pause(fault.delay, clock)
        if fault.error is not None:
            raise _error(fault.error, request, by)
        if fault.status:
            return _answer(request, fault.status, by)
        return self._wire.handle_request(request)

    def _listed(self) -> Sequence[Endpoint]:
        return () if self._service is None else self._service.watch.snapshot.endpoints


def _trace(request: httpx.Request, event: str, info: Mapping[str, object] = _NOTHING) -> None:
    trace = request.extensions.get("trace")
    if trace is not None:
        trace(event, info)


def _limit(request: httpx.Request, name: str) -> float:
    given: float | None = request.extensions.get("timeout", {}).get(name)
    return _LONGEST if given is None else given


def _error(kind: Kind, request: httpx.Request, by: str) -> httpx.TransportError:
    cls, text = _TEXTS[kind]
    return cls(f"{text} (a fault that {by} asks for)", request=request)


def _answer(request: httpx.Request, status: int, by: str) -> httpx.Response:
    text = f"status {status}: a fault that {by} asks for\n".encode()
    headers = {"content-type": "text/plain", "content-length": str(len(text))}
    # As a stream: content at hand counts as read, and nobody would see the end of the response.
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(text), request=request)
