"""What answers a request: an entry, the service, or nobody (RFC 9111, section 4).

Read `decide` from top to bottom: a request that asks for nothing in particular is answered within its first lines;
what follows gives the same answer to it, and to the others (a property holds the two together).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from meshclient.core.caching import conditions, directives
from meshclient.core.caching.answer import Serve, Validate, answer, whole
from meshclient.core.caching.vary import matches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meshclient.core.caching.directives import Wishes
    from meshclient.core.caching.entry import Entry
    from meshclient.core.caching.message import Request
    from meshclient.core.caching.policy import Policy

# A request without these asks for nothing in particular; If-Range means nothing without Range.
PARTICULAR = frozenset({"cache-control", "pragma", "range", *conditions.REPLACED, *conditions.FOR_THE_SERVICE})
# Left out when an entry is refreshed for its own sake: what only its client asked for.
_ITS_CLIENTS = conditions.REPLACED | {"range", "if-range", "cache-control", "pragma"}
_NOTHING: Mapping[str, str] = MappingProxyType({})
# The methods that an entry can answer.
ANSWERED = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Forward:
    """Send the request as it is."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Answer 504: the client wants only what is stored, and nothing that fits is (section 5.2.1.7)."""


Decision = Serve | Validate | Forward | Unavailable
_FORWARD = Forward()
_UNAVAILABLE = Unavailable()


def decide(request: Request, entries: Sequence[Entry], now: float, policy: Policy) -> Decision:
    """What to do with a request.

    Args:
        request: any request; those that no entry can answer are forwarded.
        entries: the variants stored under the request's URL, those that fit it at least, in the order of `entry.kept`.
        now: seconds since 1970.
        policy: of the service.
    """
    if request.method == "GET" and PARTICULAR.isdisjoint(request.fields):
        for entry in entries:
            if matches(entry.stored.variant, request.fields):
                if now < entry.until:
                    return whole(entry, now)
                break
    return _considered(request, entries, now, policy)


def answerable(request: Request) -> bool:
    """Whether an entry can answer it at all, if one fits."""
    return request.method in ANSWERED and conditions.FOR_THE_SERVICE.isdisjoint(request.fields)


def selected(request: Request, entries: Sequence[Entry]) -> Entry | None:
    """The entry that fits the request; of several the one made last."""
    return next((entry for entry in entries if matches(entry.stored.variant, request.fields)), None)


def _considered(request: Request, entries: Sequence[Entry], now: float, policy: Policy) -> Decision:
    if request.method not in ANSWERED:
        return _FORWARD
    wishes = directives.of_request(request.fields)
    otherwise = _UNAVAILABLE if wishes.only_if_cached else _FORWARD
    entry = None if wishes.no_store or not answerable(request) else selected(request, entries)
    if entry is None:
        return otherwise
    if not (entry.directives.no_cache or wishes.no_cache):
        staleness = entry.staleness(now)
        if _fresh_enough(entry, wishes, now, staleness):
            return answer(request, entry, now)
        if _welcome_stale(entry, wishes, now, staleness):
            return answer(request, entry, now, stale=staleness >= 0)
        if _while_revalidating(entry, wishes, staleness, policy):
            return answer(request, entry, now, stale=True, refresh=_refresh(entry))
    if wishes.only_if_cached or not entry.validators:
        return otherwise
    return Validate(entry, conditions.validation(request.fields, entry))


def _fresh_enough(entry: Entry, wishes: Wishes, now: float, staleness: float) -> bool:
    # RFC 8246: an immutable response is not asked about again while it is fresh, as a reload's max-age=0 would have it.
    young = wishes.max_age is None or entry.age(now) <= wishes.max_age or entry.directives.immutable
    return young and staleness < 0 and -staleness >= wishes.min_fresh


def _welcome_stale(entry: Entry, wishes: Wishes, now: float, staleness: float) -> bool:
    """Whether the client takes it though it is stale, or will be sooner than it asked for (section 5.2.1.2)."""
    if wishes.max_stale is None or entry.strict or (wishes.max_age is not None and entry.age(now) > wishes.max_age):
        return False
    return staleness + wishes.min_fresh <= wishes.max_stale


def _while_revalidating(entry: Entry, wishes: Wishes, staleness: float, policy: Policy) -> bool:
    """RFC 5861, section 3; not for a client that said how fresh it wants it."""
    if entry.strict or wishes.max_age is not None or wishes.min_fresh:
        return False
    stated = entry.directives.stale_while_revalidate
    return 0 <= staleness < (policy.stale_while_revalidate if stated is None else stated)


def _refresh(entry: Entry) -> Validate:
    return Validate(entry, conditions.validation(_NOTHING, entry), _ITS_CLIENTS)


def joined(request: Request, entry: Entry, now: float, *, waited: bool = True) -> Serve | None:
    """What answers a request that waited while the response of `entry` was fetched for another.

    "A response that is stored or storable can be used to satisfy multiple requests" (section 4): a fresh one, and one
    that says nothing about its freshness, which counts as fresh for as long as it took, unless it sets a cookie, being
    likely for one user then (section 7.3). None: it has to ask by itself.

    Args:
        request: one that waited.
        entry: of the response.
        now: seconds since 1970.
        waited: whether it did so before the head of the response was there; else what that says nothing of is too old.
    """
    if request.method != "GET" or not answerable(request) or not matches(entry.stored.variant, request.fields):
        return None
    wishes = directives.of_request(request.fields)
    if wishes.no_store or wishes.no_cache or entry.directives.no_cache:
        return None
    staleness = entry.staleness(now)
    silent = waited and not (entry.stated or entry.strict or entry.cookies or entry.lifetime > 0)
    return answer(request, entry, now) if silent or _fresh_enough(entry, wishes, now, staleness) else None
