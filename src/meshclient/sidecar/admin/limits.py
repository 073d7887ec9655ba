"""What one client, and all of them together, may take of the process that they look at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds.

    Administration stands in a process that has other things to do, so they are small: what asks for more waits, or is
    sent away, and probes of the process still get through.

    Args:
        connections: at once; one more is answered 503 and closed.
        streams: of them, those that read events.
        head: bytes of a request's line and headers.
        body: bytes of its body.
        request: seconds from the first byte of a request to its last.
        idle: seconds that a connection may be silent between two requests.
        stall: seconds in which a client must read what it was sent.
        heartbeat: seconds after which a silent stream of events says that it lives.
    """

    connections: int = 64
    streams: int = 16
    head: int = 16 * 1024
    body: int = 16 * 1024
    request: float = 10.0
    idle: float = 60.0
    stall: float = 30.0
    heartbeat: float = 15.0
