"""How long a response is fresh, and how old it was when it came (RFC 9111, section 4.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from meshclient.core.caching import dates, directives, structured
from meshclient.core.caching.message import lines

if TYPE_CHECKING:
    from meshclient.core.caching.directives import Directives
    from meshclient.core.caching.message import Response
    from meshclient.core.caching.policy import Policy

# Statuses that may be given a lifetime nobody stated (RFC 9110, section 15.1); 206 is never stored here.
HEURISTIC = frozenset({200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501})

# Letters of Cache-Control of which it is remembered what they mean.
_SHORT = 256


@dataclass(frozen=True, slots=True)
class Control:
    """Who speaks to this cache in a response: a field made for its kind, or Cache-Control and Expires."""

    directives: Directives
    targeted: bool


def control(response: Response, policy: Policy) -> Control:
    """What holds for this cache (RFC 9213, section 2.2): a targeted field, even an unknown directive in it, is all."""
    for name in policy.targeted:
        given = structured.directives(", ".join(lines(response.headers, name)))
        if given is not None:
            return Control(directives.of_response(given), targeted=True)
    return Control(_told(tuple(lines(response.headers, "cache-control"))), targeted=False)


def _told(said: tuple[str, ...]) -> Directives:
    return _read_before(said) if sum(map(len, said)) <= _SHORT else _read(said)


def _read(said: tuple[str, ...]) -> Directives:
    return directives.of_response(pair for line in said for pair in directives.pairs(line))


# A service says the same few things in all of its responses.
_read_before = lru_cache(maxsize=128)(_read)


def date_of(response: Response, received_at: float) -> float:
    """When the response was made: its Date, else when it came (RFC 9110, section 6.6.1)."""
    given = lines(response.headers, "date")
    date = dates.parsed(given[0], received_at) if given else None
    return received_at if date is None else date


def initial_age(response: Response, requested_at: float, received_at: float) -> float:
    """`corrected_initial_age` of section 4.2.3, never negative.

    The larger of two estimates: by the clocks, and by what the caches on the way say. Parts of a second, which Date has
    none of, do not make a response older.
    """
    apparent = max(0.0, math.floor(received_at) - date_of(response, received_at))
    delay = max(0.0, received_at - requested_at)
    return max(apparent, _stated_age(response) + delay)


def _stated_age(response: Response) -> int:
    # Section 5.1: the first member counts, and what is no number is ignored.
    given = lines(response.headers, "age")
    first = given[0].partition(",")[0].strip(" \t") if given else ""
    return 0 if first.startswith('"') else directives.seconds(first) or 0


def stated(response: Response, held: Control, policy: Policy) -> bool:
    """Whether the response says itself how long it is fresh, validly or not."""
    given = held.directives
    if given.max_age is not None or (policy.shared and given.s_maxage is not None):
        return True
    return not held.targeted and bool(lines(response.headers, "expires"))


def lifetime(response: Response, held: Control, received_at: float, policy: Policy) -> float:
    """`freshness_lifetime` of section 4.2.1, else a lifetime of our own (section 4.2.2), else 0."""
    given = held.directives
    if policy.shared and given.s_maxage is not None:
        return given.s_maxage
    if given.max_age is not None:
        return given.max_age
    date = date_of(response, received_at)
    if stated(response, held, policy):
        # Lines that contradict each other have expired, as invalid ones have.
        expires = set(lines(response.headers, "expires"))
        end = dates.parsed(expires.pop(), received_at) if len(expires) == 1 else None
        return max(0.0, end - date) if end is not None else 0.0
    return _own_lifetime(response, given, date, received_at, policy)


def _own_lifetime(response: Response, given: Directives, date: float, received_at: float, policy: Policy) -> float:
    if response.status not in HEURISTIC and not given.public:
        return 0.0
    if lines(response.headers, "set-cookie"):  # likely made for one user (section 7.3), and nobody said that it lasts
        return 0.0
    if policy.ttl is not None and response.status < 400:
        return policy.ttl
    modified = lines(response.headers, "last-modified")
    since = dates.parsed(modified[0], received_at) if len(modified) == 1 else None
    if since is None:
        return 0.0
    return max(0.0, min(policy.heuristic_limit, policy.heuristic_fraction * (date - since)))
