"""What a validation changes in an entry (RFC 9111, sections 3.2, 4.3.4 and 4.3.5)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meshclient.core.caching import conditions, directives, freshness, storing, vary
from meshclient.core.caching.message import Response, lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.core.caching.entry import Entry
    from meshclient.core.caching.message import Arrival, Fields
    from meshclient.core.caching.policy import Policy

# They describe the body, which stays as it is; the coding is that in which it was stored.
_OF_THE_BODY = frozenset({"content-encoding", "content-length", "content-range"})


def identified(response: Response, entries: Sequence[Entry], asked: Entry | None) -> tuple[Entry, ...]:
    """The entries that a 304 is about.

    Args:
        response: the 304.
        entries: those stored under its URL, the latest first; those that fit the request at least.
        asked: the one whose validators were sent, if any were.
    """
    candidates = [entry for entry in entries if entry.stored.status == 200 and entry != asked]
    if asked is not None:
        candidates.insert(0, asked)  # which somebody may have removed in the meantime: its client gets it still
    stated = lines(response.headers, "etag")
    tag = stated[0] if stated else None
    if conditions.strong(tag):
        return tuple(entry for entry in candidates if entry.etag == tag)
    if tag is not None:
        weak = tag.removeprefix("W/")
        alike = (entry for entry in candidates if entry.etag is not None and entry.etag.removeprefix("W/") == weak)
        return tuple(alike)[:1]
    modified = lines(response.headers, "last-modified")
    if modified:
        alike = (entry for entry in candidates if entry.modified_text == modified[0])
        return tuple(alike)[:1]
    if asked is not None:
        return (asked,)
    return tuple(entry for entry in candidates if len(candidates) == 1 and not entry.validators)


def freshened(arrival: Arrival, entry: Entry, policy: Policy) -> Entry | None:
    """`entry` as a 304, or the response to a HEAD, leaves it; None where it fits no request any more.

    Fields of the new response take the place of those with their names, but for those about the connection or the
    body. Its age begins anew.
    """
    request, response = arrival.request, arrival.response
    own = freshness.control(response, policy).directives
    news = storing.clean(response.headers, storing.unwanted(response.headers, own, policy) | _OF_THE_BODY)
    replaced = frozenset(name.lower() for name, _ in news) | {"date"}
    age = tuple(field for field in response.headers if field[0].lower() == "age")
    merged = Response(entry.stored.status, (*storing.clean(entry.stored.headers, replaced), *news, *age))
    held = freshness.control(merged, policy)
    variant = storing.variant_of(request, merged, held.directives, policy)
    if variant is None:
        return None
    if dict(variant).keys() == dict(entry.stored.variant).keys():
        variant = entry.stored.variant
    elif not vary.matches(entry.stored.variant, request.fields):
        return None
    new = storing.entry_of(replace(arrival, response=merged), variant, held, policy)
    return replace(new, stored=replace(new.stored, length=entry.stored.length))


def same(response: Response, entry: Entry) -> bool:
    """Whether the response to a HEAD is about the representation that is stored (section 4.3.5)."""
    etag = lines(response.headers, "etag")
    modified = lines(response.headers, "last-modified")
    length = lines(response.headers, "content-length")
    return (
        (not etag or etag[0] == entry.etag)
        and (not modified or modified[0] == entry.modified_text)
        and (not length or directives.seconds(length[0]) == min(entry.stored.length, directives.MOST_SECONDS))
    )


def passing(response: Response, policy: Policy) -> Fields:
    """Fields of a 304 that are for its client alone, since they are not stored: those that it lists itself."""
    listed = storing.listed(freshness.control(response, policy).directives, policy)
    return tuple(field for field in response.headers if field[0].lower() in listed)
