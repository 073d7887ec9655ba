"""What a response changes, in the store and in the answer to its client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.core.caching import conditions, directives, freshening, invalidation, storing
from meshclient.core.caching.answer import Serve, answer
from meshclient.core.caching.message import combined
from meshclient.core.caching.reuse import selected
from meshclient.core.caching.staleness import ERRORS, fallback
from meshclient.core.caching.vary import matches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.core.caching.answer import Validate
    from meshclient.core.caching.entry import Entry
    from meshclient.core.caching.message import Arrival
    from meshclient.core.caching.policy import Policy

Updates = tuple[tuple["Entry", "Entry | None"], ...]


@dataclass(frozen=True, slots=True)
class Reception:
    """What is to be done, in the order of the fields.

    Args:
        repeat: the response is about nothing that is stored, nor for the client: send the client's own request.
        serve: the answer to the client; None: the response itself.
        invalidate: URLs of which all variants are to be removed.
        updates: entries and what replaces them, with the body that they have; None: they are to be removed.
        put: the entry to be stored with the response's body, once that is complete (`storing.completed`).
        share: the entry that may answer those that waited for the response (`reuse.joined`).
    """

    repeat: bool = False
    serve: Serve | None = None
    invalidate: tuple[str, ...] = ()
    updates: Updates = ()
    put: Entry | None = None
    share: Entry | None = None


def received(arrival: Arrival, question: Validate | None, entries: Sequence[Entry], policy: Policy) -> Reception:
    """What a response changes.

    Args:
        arrival: the final response to a request that `reuse.decide` did not answer, or to a refresh.
        question: what was asked in the place of the request, if anything was.
        entries: the variants stored under the request's URL, those that fit it at least, in the order of `entry.kept`.
        policy: of the service.
    """
    request, response = arrival.request, arrival.response
    if response.status == 304:
        return _confirmed(arrival, question, entries, policy)
    if response.status in ERRORS:
        instead = fallback(request, entries, arrival.received_at, policy, response.status)
        if instead is not None:
            return Reception(serve=instead)
    if request.method == "HEAD":
        return Reception(updates=_told_by_head(arrival, entries, policy))
    new = storing.stored(arrival, policy)
    put = new if new is not None and storing.useful(new, policy) else None
    updates = () if put is not None else _outdated(arrival, entries)
    return Reception(invalidate=invalidation.invalidated(request, response), updates=updates, put=put, share=new)


def _outdated(arrival: Arrival, entries: Sequence[Entry]) -> Updates:
    """The entry that a response which is not stored shows to be no longer the most recent one (section 4)."""
    request, status = arrival.request, arrival.response.status
    # A part, or a condition that did not hold, tells nothing of the whole; nor does an error.
    if request.method != "GET" or status < 200 or status in storing.PASSING or status in ERRORS:
        return ()
    entry = None if directives.of_request(request.fields).no_store else selected(request, entries)
    return () if entry is None else ((entry, None),)


def _confirmed(arrival: Arrival, question: Validate | None, entries: Sequence[Entry], policy: Policy) -> Reception:
    """After a 304: which entries it is about, and whether it is one of them or the 304 that answers (section 4.3)."""
    request, response = arrival.request, arrival.response
    tag = combined(response.headers).get("etag")
    theirs = request.fields.get("if-none-match")
    asked = question.entry if question is not None else None
    # Where the client's own tags went along, an answer without one does not tell whose it confirms.
    ambiguous = asked is not None and tag is None and conditions.others(request.fields, asked)
    about = freshening.identified(response, entries, None if ambiguous else asked)
    updates = tuple((old, freshening.freshened(arrival, old, policy)) for old in about)
    if question is None:
        return Reception(updates=_permitted(arrival, updates, policy))
    new = next((new for old, new in updates if old == asked), None)
    if new is not None:
        return Reception(serve=_validated(arrival, new, policy), updates=_permitted(arrival, updates, policy))
    if theirs is not None and conditions.matches_any(tag, theirs):
        return Reception(updates=_permitted(arrival, updates, policy))
    return Reception(repeat=True)


def _permitted(arrival: Arrival, updates: Updates, policy: Policy) -> Updates:
    """Removes what may be stored no longer, and leaves as it was what this request may not touch."""
    return tuple(
        (old, new if new is not None and storing.allowed(new.stored.status, new.directives, policy) else None)
        for old, new in updates
        if new is None or storing.allowed_by(arrival.request, new.directives, policy)
    )


def _validated(arrival: Arrival, new: Entry, policy: Policy) -> Serve:
    """The answer after a validation: with Age only where the 304 has been under way in another cache (section 5.1)."""
    served = answer(arrival.request, new, arrival.received_at)
    headers = served.headers
    if "age" not in combined(arrival.response.headers):
        headers = tuple(field for field in headers if field[0] != "Age")
    return served._replace(headers=(*headers, *freshening.passing(arrival.response, policy)))


def _told_by_head(arrival: Arrival, entries: Sequence[Entry], policy: Policy) -> Updates:
    """Entries that a HEAD with status 200 brings up to date, or shows to be outdated (section 4.3.5)."""
    if arrival.response.status != 200:
        return ()
    updates: list[tuple[Entry, Entry | None]] = []
    for entry in entries:
        if entry.stored.status == 200 and matches(entry.stored.variant, arrival.request.fields):
            same = freshening.same(arrival.response, entry)
            updates.append((entry, freshening.freshened(arrival, entry, policy) if same else None))
    return _permitted(arrival, tuple(updates), policy)
