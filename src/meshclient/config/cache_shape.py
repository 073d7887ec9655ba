"""Which responses of a service are kept and used again, as the rest of the project reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from meshclient.core.caching.policy import IDENTITY

CacheKind = Literal["private", "shared"]


@dataclass(frozen=True, slots=True)
class CacheConfig:
    """A cache of responses by RFC 9111.

    The times speak where a response says nothing itself. What is kept is one store for a service with all its routes:
    `max_bytes`, `store` and `coalesce` of a route mean nothing.

    Args:
        kind: ``private`` keeps what is for one user too, apart by who asks; ``shared`` is what a proxy would be.
        max_bytes: of responses in memory at most.
        store: URI of a store that processes share, such as ``redis://127.0.0.1:6379/0``; empty for this process's
            memory alone.
        ttl: seconds for which a response is fresh that says nothing of it, or None for the heuristic of RFC 9111.
        stale_while_revalidate: seconds after that in which it is still given while a new one is fetched (RFC 5861), or
            None for not at all.
        stale_if_error: seconds after that in which it is given where the service answers 5xx (RFC 5861), or None for
            not at all.
        serve_stale: seconds after that in which it is given where nobody can be asked: the circuit is open, there is
            no endpoint, the deadline too short; 0 for not at all.
        coalesce: whether equal requests that wait for one response are sent once.
        targeted: names of response fields that tell this cache what ``Cache-Control`` tells all, the first that is
            there (RFC 9213), such as ``cdn-cache-control``.
        identity: names of request fields by which the service tells who asks: what a private cache keeps for one value
            of them goes to no other, and a shared one believes in no time but the service's own where one is there.
    """

    kind: CacheKind = "private"
    max_bytes: int = 64 * 2**20
    # Out of repr(), since an address may hold a password.
    store: str = field(default="", repr=False)
    ttl: float | None = None
    stale_while_revalidate: float | None = None
    stale_if_error: float | None = None
    serve_stale: float = 0.0
    coalesce: bool = True
    targeted: tuple[str, ...] = ()
    identity: tuple[str, ...] = IDENTITY
