"""What a stored response is good for when the service gives none (RFC 9111, section 4.2.4; RFC 5861, section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.core.caching import directives
from meshclient.core.caching.answer import Serve, answer
from meshclient.core.caching.reuse import answerable, selected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.core.caching.directives import Wishes
    from meshclient.core.caching.entry import Entry
    from meshclient.core.caching.message import Request
    from meshclient.core.caching.policy import Policy

# What RFC 5861, section 4 counts as an error.
ERRORS = frozenset({500, 502, 503, 504})


def fallback(
    request: Request, entries: Sequence[Entry], now: float, policy: Policy, status: int | None = None
) -> Serve | None:
    """An answer in the place of an error or of none, if one is permitted.

    Args:
        request: the one that failed.
        entries: as in `reuse.decide`.
        now: seconds since 1970.
        policy: of the service.
        status: what the service answered; None where nobody could be asked: the connection failed, the circuit is
            open, there is no endpoint, or too little time is left.
    """
    if (status is not None and status not in ERRORS) or not answerable(request):
        return None
    wishes = directives.of_request(request.fields)
    entry = None if wishes.no_store or wishes.no_cache else selected(request, entries)
    if entry is None or entry.directives.no_cache:
        return None
    if wishes.max_age is not None and entry.age(now) > wishes.max_age:
        return None
    staleness = entry.staleness(now)
    if staleness >= 0 and (entry.strict or staleness > _permitted(entry, wishes, policy, status)):
        return None
    return answer(request, entry, now, stale=staleness >= 0)


def _permitted(entry: Entry, wishes: Wishes, policy: Policy, status: int | None) -> float:
    """For how many seconds of staleness somebody permits it; -1 where nobody does."""
    stated = entry.directives.stale_if_error
    permissions = [
        policy.stale_if_error if stated is None else stated,
        wishes.stale_if_error or 0,
        policy.stale_if_unreachable if status is None else 0,
    ]
    longest = max(permissions)
    return longest if longest > 0 else -1
