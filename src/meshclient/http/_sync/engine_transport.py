# Generated from src/meshclient/http/_async/engine_transport.py by scripts/unasync.py; edit that file, then run `make sync`.
"""An httpx transport over the wire engine.

A request goes out as httpx made it; nothing of it is built anew on the way. Where the whole response is here with its
head, as with most calls of services, its connection is free again before httpx sees the response.
"""

from __future__ import annotations

from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING

import httpx

from meshclient.engine.blocking.engine import Engine
from meshclient.engine.errors import WireError
from meshclient.engine.limits import POOL_LIMITS, RESPONSE_LIMITS
from meshclient.http._sync.engine_acquisition import acquired
from meshclient.http._sync.engine_dialogue import Dialogue
from meshclient.http._sync.engine_network_stream import ConnectionInfo, NetworkStream, UpgradeStream
from meshclient.http._sync.engine_stream import EngineStream, seconds
from meshclient.http.decoding import bounded_decoder
from meshclient.http.engine_errors import translated
from meshclient.http.engine_framing import framing
from meshclient.http.engine_targets import Targets
from meshclient.http.innards import set_decoder
from meshclient.http.mocking import mocked
from meshclient.http.rein import hold
from meshclient.http.trail import Trail
from meshclient.http.waiting import runs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.engine.blocking.connection import Connection
    from meshclient.engine.limits import PoolLimits, ResponseLimits
    from meshclient.engine.target import Target, Tls

_NO_TIMEOUTS: Mapping[str, float | None] = MappingProxyType({})
_NO_MARKS: Mapping[str, str] = MappingProxyType({})
_VERSIONS = {"1.1": b"HTTP/1.1", "1.0": b"HTTP/1.0"}
# Bytes of a body that go out in one piece with the head; what the peer takes at once needs no limit of time.
ONE_PIECE = 64 * 1024


class EngineTransport(httpx.BaseTransport):
    """Takes the place of ``httpx.HTTPTransport``: HTTP/1.1, without proxies.

    While a mocking library such as respx is at work, requests go through ``httpx.HTTPTransport`` for it to see; so
    they do where the engine does not run.

    Args:
        engine: to share connections with others; one of its own by default. It is closed with the transport if it is
            its own.
        tls: for https; by default certificates are checked against the authorities that httpx trusts.
        pool: bounds on the connections of an engine of its own.
        response: bounds on each response, likewise.
        max_decoded: bytes of a body after its content codings are undone; 0 for any number. A body that turns out
            larger ends in httpx.DecodingError.
        uds: path of a Unix socket to send everything to.
        stock: httpx's transport for such requests; one is made where it is needed by default. Closed by whoever gave
            it.
    """

    def __init__(
        self,
        engine: Engine | None = None,
        *,
        tls: Tls | None = None,
        pool: PoolLimits = POOL_LIMITS,
        response: ResponseLimits = RESPONSE_LIMITS,
        max_decoded: int = 0,
        uds: str = "",
        stock: httpx.BaseTransport | None = None,
    ) -> None:
        self._owns = engine is None
        self._engine = Engine(response=response, pool=pool) if engine is None else engine
        self._tls = tls
        self._max_decoded = max_decoded
        self._uds = uds
        self._pool = pool
        self._stock = stock
        self._owned: httpx.HTTPTransport | None = None
        self._targets = Targets(tls, uds)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The response to `request`, with its body yet to be read. Raises httpx's errors."""
        if mocked() or not runs():
            return self._httpx().handle_request(request)
        target, extensions = self._targets.of(request), request.extensions
        trail = Trail(monotonic, extensions.get("trace"))
        stream: httpx.SyncByteStream = request.stream  # type: ignore[assignment]  # a client has seen to that
        return self.send(request, target, "", stream, extensions.get("timeout", _NO_TIMEOUTS), trail)

    def send(  # noqa: PLR0917 - the driver's words
        self,
        request: httpx.Request,
        target: Target,
        share: str,
        stream: httpx.SyncByteStream,
        timeouts: Mapping[str, float | None],
        trail: Trail,
        marks: Mapping[str, str] = _NO_MARKS,
    ) -> httpx.Response:
        """Send `request`, its method, path and headers as they are, to `target`. Raises httpx's errors.

        Args:
            request: the host of its URL does not matter.
            target: where to.
            share: whose connections count together.
            stream: the body.
            timeouts: seconds by httpx's names; that of "read" is read anew with each part of the body.
            trail: is told how far it came.
            marks: header fields that are added, or take the place of the request's; names in lower case.
        """
        try:
            head = framing(request, marks)
            body = None
            if trail.onward is None and isinstance(stream, httpx.ByteStream):
                body = b"".join(stream)
                head.check(len(body))
            connection = self._engine.pool(target, share).take()
            if connection is None:
                connection = acquired(self._engine.pool(target, share), timeouts, trail)
            else:
                trail.began = monotonic()
            if trail.rein is not None:
                hold(trail.rein, connection)
            if body is None or not head.plain or len(body) > ONE_PIECE:
                dialogue = Dialogue(connection, request, head, timeouts, trail)
                dialogue.run(stream)
            else:
                gap = seconds(timeouts, "read")
                trail.wrote = now = monotonic()
                connection.exchange(
                    head.head + body, now + gap, gap=gap, bodiless=request.method == "HEAD", whole=False
                )
            if trail.rein is not None:
                trail.rein.let_go()
        except WireError as error:
            raise translated(error, request) from error
        return self.response(connection, request, timeouts, trail)

    def response(
        self, connection: Connection, request: httpx.Request, timeouts: Mapping[str, float | None], trail: Trail
    ) -> httpx.Response:
        """The response whose head is on `connection`, which goes back to its pool at the end of the body."""
        # All of it now: once it is released the connection is another call's.
        status = connection.status
        headers = [(name, value.rstrip(b" \t")) for name, value in connection.headers]
        extensions: dict[str, object] = {
            "http_version": _VERSIONS[connection.version],
            "reason_phrase": connection.reason,
        }
        stream: httpx.SyncByteStream
        if connection.upgraded:
            extensions["network_stream"] = raw = NetworkStream(connection)
            stream = UpgradeStream(raw)
        else:
            extensions["network_stream"] = ConnectionInfo(connection)
            if connection.complete and trail.onward is None:
                stream = httpx.ByteStream(connection.take())
                connection.release()
            else:
                stream = EngineStream(connection, request, timeouts, trail)
        response = httpx.Response(status, headers=headers, stream=stream, extensions=extensions)
        if self._max_decoded:
            coding = response.headers.get("content-encoding", "")
            set_decoder(response, bounded_decoder(coding, self._max_decoded))
        return response

    def _httpx(self) -> httpx.BaseTransport:
        """For a mocking library to stand in for; what it lets pass goes over real connections."""
        if self._stock is not None:
            return self._stock
        if self._owned is None:
            verify = True if self._tls is None else self._tls.context()
            limits = httpx_limits(self._pool)
            self._owned = httpx.HTTPTransport(verify=verify, uds=self._uds or None, limits=limits)
        return self._owned

    def close(self) -> None:
        """Close the connections of an engine of its own."""
        if self._owns:
            self._engine.close()
        owned, self._owned = self._owned, None
        if owned is not None:
            owned.close()


def httpx_limits(pool: PoolLimits) -> httpx.Limits:
    """`pool` in httpx's words, which has none for a limit per endpoint."""
    return httpx.Limits(
        max_connections=pool.total or None,
        max_keepalive_connections=pool.idle,
        keepalive_expiry=pool.idle_seconds,
    )
