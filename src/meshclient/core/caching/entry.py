"""A stored response: what a store keeps of it, and what was made of that once, so that a hit costs little."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.core.caching import conditions, dates, freshness
from meshclient.core.caching.message import Response, lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshclient.core.caching.directives import Directives
    from meshclient.core.caching.freshness import Control
    from meshclient.core.caching.message import Fields
    from meshclient.core.caching.policy import Policy
    from meshclient.core.caching.vary import Variant


@dataclass(frozen=True, slots=True)
class Stored:
    """All that a store has to keep beside the body.

    Args:
        status: of the response.
        headers: its fields, without those that may not be stored and without Age; always with one valid Date.
        variant: what the request had in the fields that tell variants apart.
        born: seconds since 1970 at which its age was 0.
        received_at: seconds since 1970 at which it came, or was last validated.
        length: bytes of its body, as it came over the wire.
    """

    status: int
    headers: Fields
    variant: Variant
    born: float
    received_at: float
    length: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored response as the decisions see it; made by `read`, and not to be stored.

    Args:
        stored: what it was made of.
        directives: what holds for this cache.
        date: seconds since 1970 at which it was made, by its own account.
        lifetime: seconds that it is fresh.
        stated: whether it says so itself.
        until: seconds since 1970 until which a request that asks for nothing in particular gets it; never where each
            use needs validation.
        strict: whether it must not be used once stale, whoever allows it.
        etag: its entity tag, where it has a valid one.
        modified_text: its Last-Modified, where that is a date.
        modified: the same in seconds since 1970.
        cookies: whether it sets any.
    """

    stored: Stored
    directives: Directives
    date: float
    lifetime: float
    stated: bool
    until: float
    strict: bool
    etag: str | None
    modified_text: str | None
    modified: float | None
    cookies: bool

    def age(self, now: float) -> float:
        """Seconds since it was made or validated (RFC 9111, section 4.2.3), never negative."""
        return max(0.0, now - self.stored.born)

    def staleness(self, now: float) -> float:
        """Seconds since it has become stale; negative while it is fresh."""
        return now - (self.stored.born + self.lifetime) if self.lifetime > 0 else self.age(now)

    @property
    def validators(self) -> bool:
        """Whether the service can be asked if it still holds."""
        return self.etag is not None or self.modified is not None


def read(stored: Stored, policy: Policy) -> Entry:
    """The entry that a store kept as `stored`."""
    return made(stored, freshness.control(Response(stored.status, stored.headers), policy), policy)


def made(stored: Stored, held: Control, policy: Policy) -> Entry:
    """The same, where it is known already what holds."""
    response = Response(stored.status, stored.headers)
    given = held.directives
    lifetime = freshness.lifetime(response, held, stored.received_at, policy)
    modified_text, modified = _modified(stored)
    return Entry(
        stored,
        given,
        date=freshness.date_of(response, stored.received_at),
        lifetime=lifetime,
        stated=freshness.stated(response, held, policy),
        until=-math.inf if given.no_cache or lifetime <= 0 else stored.born + lifetime,
        strict=given.must_revalidate or (policy.shared and (given.proxy_revalidate or given.s_maxage is not None)),
        etag=_etag(stored),
        modified_text=modified_text,
        modified=modified,
        cookies=bool(lines(stored.headers, "set-cookie")),
    )


def kept(entries: Iterable[Entry], new: Entry, limit: int) -> tuple[Entry, ...]:
    """The variants of a URL once `new` is one of them: at most `limit`, those with the latest Date first.

    What `new` would have been taken for leaves: the same variant, and those that vary by fewer fields and fit, as a
    default that omits Vary does (section 4.1).
    """
    fitting = set(new.stored.variant)
    others = (entry for entry in entries if not fitting.issuperset(entry.stored.variant))
    return tuple(sorted((new, *others), key=moment, reverse=True)[:limit])


def moment(entry: Entry) -> tuple[float, float]:
    """Which of two is the newer: the one with the greater moment."""
    # A Date in the future, by a clock that is wrong, is not later than the response came.
    return min(entry.date, entry.stored.received_at), entry.stored.received_at


def _etag(stored: Stored) -> str | None:
    stated = lines(stored.headers, "etag")
    found = conditions.tags(stated[0]) if len(stated) == 1 else []
    return found[0] if len(found) == 1 else None


def _modified(stored: Stored) -> tuple[str | None, float | None]:
    stated = lines(stored.headers, "last-modified")
    seconds = dates.parsed(stated[0], stored.received_at) if len(stated) == 1 else None
    return (stated[0] if seconds is not None else None), seconds
