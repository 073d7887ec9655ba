"""Where a request goes, and who decides it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from meshclient.sidecar.proxy.request_head import RequestHead


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a request goes.

    Args:
        service: its name; empty where the request passes to a host that is none.
        target: of the request line that is sent, in origin-form (RFC 9112 section 3.2).
        host: the Host field that is sent.
        passthrough: ``host:port`` of a host that is no service, or None. For CONNECT it is where the tunnel ends.
    """

    service: str
    target: bytes
    host: bytes
    passthrough: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a request is answered that goes nowhere: a problem document (RFC 9457).

    Args:
        status: of the response.
        error: one word for programs, as the ``mesh-error`` header has it: ``no_route``, ``overloaded``.
        detail: for a person, what happened and what to do.
        retry_after: seconds, or None.
        close: whether nothing that follows on the connection can be trusted.
    """

    status: int
    error: str
    detail: str
    retry_after: float | None = None
    close: bool = False


class Route(Protocol):
    """Decides where requests of one listener go."""

    def __call__(self, request: RequestHead) -> Destination | Refusal:
        """Where the request with this head goes. Must not wait, nor raise."""
        ...
