# Generated from src/meshclient/http/_async/wire.py by scripts/unasync.py; edit that file, then run `make sync`.
"""The seam between a call's attempts and what carries them: our own engine, or any transport of httpx."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from meshclient.http.decoding import bounded_decoder
from meshclient.http.innards import set_decoder
from meshclient.http.routing import routed

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from meshclient.http.trail import Trail
    from meshclient.model.endpoint import Endpoint


class Wire(Protocol):
    """Sends one attempt.

    Attributes:
        transport: sends a request to the address in its URL, over the same connections.
    """

    @property
    def transport(self) -> httpx.BaseTransport: ...

    def send(  # noqa: PLR0917 - all of an attempt
        self,
        request: httpx.Request,
        endpoint: Endpoint,
        stream: httpx.SyncByteStream,
        marks: Mapping[str, str],
        timeouts: dict[str, float | None],
        trail: Trail,
    ) -> httpx.Response:
        """The response, as soon as its head is there. Raises httpx's errors.

        Args:
            request: as the user made it, addressed to the service.
            endpoint: where to send it.
            stream: its body.
            marks: header fields that are added, or take the place of the user's.
            timeouts: by httpx's four names, in seconds; ``read`` may change until the body is read.
            trail: told how far it got.
        """
        ...


class RoutedWire:
    """Any transport of httpx, which is sent a request addressed to the endpoint.

    Args:
        transport: sends a request to an address.
        identity: that certificates are checked against instead of the service's name; empty for that.
        most: bytes that a response's body may have; 0 for any number.
    """

    def __init__(self, transport: httpx.BaseTransport, identity: str = "", most: int = 0) -> None:
        self.transport = transport
        self._identity = identity
        self._most = most

    def send(  # noqa: PLR0917 - as the Protocol has it
        self,
        request: httpx.Request,
        endpoint: Endpoint,
        stream: httpx.SyncByteStream,
        marks: Mapping[str, str],
        timeouts: dict[str, float | None],
        trail: Trail,
    ) -> httpx.Response:
        """As `Wire.send`."""
        sent = routed(request, endpoint, stream, timeouts, trail.trace)
        for name, value in marks.items():
            sent.headers[name] = value
        if self._identity and "sni_hostname" not in request.extensions:
            sent.extensions["sni_hostname"] = self._identity
        response = self.transport.handle_request(sent)
        # Both are read again for the body: it has the whole call's time, and nobody listens but the user.
        sent.extensions["trace"] = trail.onward
        if self._most:
            set_decoder(response, bounded_decoder(response.headers.get("content-encoding", ""), self._most))
        return response
