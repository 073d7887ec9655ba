"""What one service's cache, or one route's, may do."""

from __future__ import annotations

from dataclasses import dataclass

# Per RFC 9111, section 4.2.2: "a typical setting of this fraction might be 10%".
_FRACTION = 0.1
# What nobody promised is not believed for longer than a day.
_LONGEST = 86400.0
# By which services usually tell who asks.
IDENTITY = ("authorization", "cookie", "proxy-authorization", "x-api-key")


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of a cache; what a response says comes before all of them.

    Args:
        shared: whether its responses go to many users, as in a proxy; else it is private.
        targeted: names of response fields, in lower case, that tell this cache what Cache-Control tells others, the
            first that is there and sound (RFC 9213).
        ttl: seconds that a success or redirect that says nothing about its freshness is fresh.
        stale_while_revalidate: seconds that a stale response may be used while it is validated.
        stale_if_error: seconds that it may be used where the answer is 500, 502, 503 or 504, or there is none.
        stale_if_unreachable: seconds that it may be used where there is no answer.
        heuristic_fraction: of the time that a response has not been modified, it counts as fresh for so much.
        heuristic_limit: but for so many seconds at most.
        identity: request fields, in lower case, that tell the users of a private cache apart: what was stored for one
            value of them is not used for another, unless it is public. One process often calls for many users.
        routed_by: request fields, in lower case, by which calls are sent to one version of the service or another: all
            responses vary by them, whatever they say.
    """

    shared: bool = False
    targeted: tuple[str, ...] = ()
    ttl: float | None = None
    stale_while_revalidate: float = 0.0
    stale_if_error: float = 0.0
    stale_if_unreachable: float = 0.0
    heuristic_fraction: float = _FRACTION
    heuristic_limit: float = _LONGEST
    identity: tuple[str, ...] = IDENTITY
    routed_by: tuple[str, ...] = ()
