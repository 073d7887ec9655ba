"""What the engine accepts and keeps, at most."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ResponseLimits:
    """Bounds on one response.

    Args:
        head: bytes of the head, from its first to its empty line; and of the names and values of trailers.
        fields: number of header fields, likewise.
        between: bytes between two parts of a body that are not body: chunk sizes, extensions.
        body: bytes of a body as it is on the wire; 0 for any number.
    """

    head: int = 64 * 1024
    fields: int = 256
    between: int = 16 * 1024
    body: int = 0


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Bounds on the connections kept.

    Args:
        per_endpoint: open connections to one endpoint; 0 for any number.
        total: open connections of all endpoints that share a pool; 0 for any number.
        idle: of those, kept while nothing is under way on them; None for any number.
        idle_seconds: for how long such a one is kept, unless its server said less.
    """

    per_endpoint: int = 0
    total: int = 0
    idle: int | None = None
    idle_seconds: float = 4.0


RESPONSE_LIMITS = ResponseLimits()
POOL_LIMITS = PoolLimits()
