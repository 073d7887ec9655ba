"""What one listener has counted: plain integers, for whoever shows them."""

from __future__ import annotations

from collections import Counter


class ProxyStats:
    """Counted on the loop of the proxy; reading them from elsewhere gives numbers of nearly the same moment.

    Attributes:
        open: client connections that are open.
        connections: client connections so far.
        active: requests under way.
        requests: requests whose head was read, so far.
        statuses: responses by the first digit of their status, 0 to 5; 0 is a request whose client left before.
        received: bytes from clients.
        sent: bytes to clients.
        tunnels: tunnels that are open: CONNECT and upgrades.
        cut: requests that were ended by us in the middle of their response: their upstream broke.
        refused: answers of our own by the word of their ``mesh-error`` header.
    """

    __slots__ = (
        "active", "connections", "cut", "open", "received", "refused", "requests", "sent", "statuses", "tunnels",
    )  # fmt: skip

    def __init__(self) -> None:
        self.open = self.connections = self.active = self.requests = 0
        self.received = self.sent = self.tunnels = self.cut = 0
        self.statuses = [0, 0, 0, 0, 0, 0]
        self.refused: Counter[str] = Counter()

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "open": self.open,
            "connections": self.connections,
            "active": self.active,
            "requests": self.requests,
            "statuses": {f"{digit}xx": count for digit, count in enumerate(self.statuses) if digit},
            "abandoned": self.statuses[0],
            "received_bytes": self.received,
            "sent_bytes": self.sent,
            "tunnels": self.tunnels,
            "cut": self.cut,
            "refused": dict(self.refused),
        }
