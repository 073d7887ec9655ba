"""Who is asked before each request whether it is let in now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from meshclient.sidecar.proxy.destination import Refusal
    from meshclient.sidecar.proxy.request_head import RequestHead


class Permit(Protocol):
    """The place of one request that was let in."""

    def leave(self, status: int) -> None:
        """The request is over; called exactly once.

        Args:
            status: of the response, whoever gave it; 0 where the client left before there was one.
        """
        ...


class Gate(Protocol):
    """Stands before the requests of one listener."""

    def enter(self, head: RequestHead) -> Refusal | Permit:
        """A place for the request with this head, or what it is answered instead. Must not wait."""
        ...
