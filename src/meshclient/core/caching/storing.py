"""Which responses may be stored, and what of them (RFC 9111, section 3)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meshclient.core.caching import dates, directives, freshness, invalidation, lists, vary
from meshclient.core.caching.entry import Entry, Stored, made
from meshclient.core.caching.message import lines

if TYPE_CHECKING:
    from meshclient.core.caching.directives import Directives
    from meshclient.core.caching.freshness import Control
    from meshclient.core.caching.message import Arrival, Fields, Request, Response
    from meshclient.core.caching.policy import Policy
    from meshclient.core.caching.vary import Variant

# Fields about one connection (section 3.1; RFC 9110, section 7.6.1), and Age, which is made anew for each answer.
_UNSTORED = frozenset(
    {
        "age", "connection", "keep-alive", "proxy-authenticate", "proxy-authentication-info", "proxy-authorization",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
# Without these an entry would be read otherwise than its response: they are kept, whoever lists them.
_KEPT = frozenset({"cache-control", "date", "expires", "last-modified", "vary"})
# Of these, each is about one request's range or conditions, and nothing for another.
PASSING = frozenset({206, 304, 412, 416})
# Statuses that this cache understands, where must-understand asks for it: those of RFC 9110 with no rules for caches,
# or with rules that are kept here.
_UNDERSTOOD = frozenset(
    {200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 305, 307, 308, *range(400, 418), 421, 422, 426, *range(500, 506)}
)


def allowed(status: int, given: Directives, policy: Policy) -> bool:
    """Whether a response lets this cache store it."""
    if given.must_understand:
        if status not in _UNDERSTOOD:
            return False
    elif given.no_store:
        return False
    return not (policy.shared and given.private)


def allowed_by(request: Request, given: Directives, policy: Policy) -> bool:
    """Whether the request lets its response be stored."""
    if directives.of_request(request.fields).no_store:
        return False
    return not policy.shared or "authorization" not in request.fields or _for_all(given)


def _for_all(given: Directives) -> bool:
    """Whether a response to one user may go to another (section 3.5)."""
    return given.public or given.must_revalidate or given.s_maxage is not None


def storable(request: Request, response: Response, held: Control, policy: Policy) -> bool:
    """Whether the rules allow it to be stored."""
    given = held.directives
    if response.status < 200 or response.status in PASSING:
        return False
    if not (allowed(response.status, given, policy) and allowed_by(request, given, policy)):
        return False
    stated = freshness.stated(response, held, policy)
    if policy.shared and not (stated or _for_all(given) or request.fields.keys().isdisjoint(policy.identity)):
        # Perhaps made for one user, by a cookie; that others may have it would be said by nobody but the configuration.
        return False
    if request.method != "GET" and not (stated and _stands_for_its_url(request, response)):
        return False
    return stated or given.public or given.private or response.status in freshness.HEURISTIC


def _stands_for_its_url(request: Request, response: Response) -> bool:
    """Whether what a POST answers with is what a later GET would get (RFC 9110, section 9.3.3)."""
    located = lines(response.headers, "content-location")
    return (
        request.method == "POST"
        and response.status == 200
        and len(located) == 1
        and invalidation.resolved(request.url, located[0]) == request.url
    )


def stored(arrival: Arrival, policy: Policy) -> Entry | None:
    """The entry that a response becomes; None where it may not be stored, or would fit no request."""
    request, response = arrival.request, arrival.response
    held = freshness.control(response, policy)
    variant = variant_of(request, response, held.directives, policy)
    if variant is None or not storable(request, response, held, policy):
        return None
    return entry_of(arrival, variant, held, policy)


def variant_of(request: Request, response: Response, given: Directives, policy: Policy) -> Variant | None:
    """Which requests get the response; None where none does."""
    names = vary.nominated(response.headers)
    if names is None:
        return None
    # One that says both is believed in what keeps users apart.
    for_anybody = policy.shared or (given.public and not given.private)
    return vary.variant(names.union(policy.routed_by, () if for_anybody else policy.identity), request.fields)


def entry_of(arrival: Arrival, variant: Variant, held: Control, policy: Policy) -> Entry:
    """The entry of a response that may be stored."""
    response, received_at = arrival.response, arrival.received_at
    headers = clean(response.headers, unwanted(response.headers, held.directives, policy))
    born = received_at - freshness.initial_age(response, arrival.requested_at, received_at)
    stored = Stored(
        response.status, _dated(headers, received_at), variant, born, received_at, _stated_length(response.headers)
    )
    return made(stored, held, policy)


def _stated_length(headers: Fields) -> int:
    """What the body will have, by Content-Length; 0 where that does not say."""
    stated = lines(headers, "content-length")
    return (directives.seconds(stated[0]) or 0) if stated else 0


def unwanted(headers: Fields, given: Directives, policy: Policy) -> frozenset[str]:
    """Names of the fields that are not stored: those about the connection, and those that the response lists."""
    options = lists.names(",".join(lines(headers, "connection")))
    return _UNSTORED | ((options | listed(given, policy)) - (_KEPT | frozenset(policy.targeted)))


def listed(given: Directives, policy: Policy) -> frozenset[str]:
    """Names of the fields that a response keeps from later requests to this cache."""
    return given.withheld | given.personal if policy.shared else given.withheld


def clean(headers: Fields, names: frozenset[str]) -> Fields:
    """`headers` without the fields called `names`."""
    return tuple(field for field in headers if field[0].lower() not in names)


def _dated(headers: Fields, received_at: float) -> Fields:
    """With one Date, that of its arrival where it came without a valid one (RFC 9110, section 6.6.1)."""
    stated = lines(headers, "date")
    if len(stated) == 1 and dates.parsed(stated[0], received_at) is not None:
        return headers
    first = stated[0] if stated and dates.parsed(stated[0], received_at) is not None else dates.written(received_at)
    return (*clean(headers, frozenset({"date"})), ("Date", first))


def useful(entry: Entry, policy: Policy) -> bool:
    """Whether it can ever answer a request: fresh, validated, or stale where that is permitted."""
    given = entry.directives
    if entry.validators or (entry.lifetime > 0 and not given.no_cache):
        return True
    permitted = max(
        policy.stale_if_unreachable,
        policy.stale_while_revalidate if given.stale_while_revalidate is None else given.stale_while_revalidate,
        policy.stale_if_error if given.stale_if_error is None else given.stale_if_error,
    )
    return permitted > 0 and not (given.no_cache or entry.strict)


def completed(entry: Entry, length: int) -> Entry | None:
    """`entry` with its body of `length` bytes; None where that is not what Content-Length says (section 3.3)."""
    stated = lines(entry.stored.headers, "content-length")
    if any(directives.seconds(value) != min(length, directives.MOST_SECONDS) for value in stated):
        return None
    return entry if entry.stored.length == length else replace(entry, stored=replace(entry.stored, length=length))
