"""What a client gets out of an entry: all of it, its head, a part of it, or word that it has it already."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from meshclient.core.caching import conditions, ranges

if TYPE_CHECKING:
    from meshclient.core.caching.entry import Entry
    from meshclient.core.caching.message import Fields, Request

# RFC 9110, section 15.4.5: what 304 repeats; and Last-Modified, for clients that have no entity tag.
_IN_304 = frozenset({"cache-control", "content-location", "date", "etag", "expires", "last-modified", "vary"})
_IN_416 = frozenset({"date", "vary"})
_LENGTH = frozenset({"content-length", "content-range"})


class Validate(NamedTuple):
    """Ask the service whether an entry still holds, by sending the request with other conditions.

    Args:
        entry: the one in question.
        headers: to be sent in the place of the request's fields of these names, and of those in `drop`.
        drop: names of fields, in lower case, to be left out of the request.
    """

    entry: Entry
    headers: Fields
    drop: frozenset[str] = conditions.REPLACED


class Serve(NamedTuple):
    """An answer out of an entry; a tuple, because one is made for every hit.

    Args:
        entry: the one it comes from.
        status: of the answer, which may be 206, 304 or 416.
        headers: of the answer, with Age.
        body: whether the entry's body goes along.
        span: first byte of the part of the body that does, and the one behind the last; None for all of it.
        stale: whether the entry is.
        refresh: what to ask in the background once the client has its answer, None: nothing.
    """

    entry: Entry
    status: int
    headers: Fields
    body: bool = True
    span: ranges.Span | None = None
    stale: bool = False
    refresh: Validate | None = None


def whole(entry: Entry, now: float) -> Serve:
    """The answer to a GET that asks for nothing in particular."""
    stored = entry.stored
    age = now - stored.born
    return Serve(entry, stored.status, (*stored.headers, ("Age", str(int(age) if age > 0 else 0))))


def answer(
    request: Request, entry: Entry, now: float, *, stale: bool = False, refresh: Validate | None = None
) -> Serve:
    """The answer to a GET or HEAD out of `entry`, by the request's own conditions and range."""
    served = _served(request, entry, now)
    return served._replace(stale=stale, refresh=refresh) if stale else served


def _served(request: Request, entry: Entry, now: float) -> Serve:
    everything = whole(entry, now)
    if entry.stored.status != 200:  # "one of its stored 200 (OK) or 206 (Partial Content) responses"
        return everything if request.method == "GET" else everything._replace(body=False)
    if conditions.not_modified(request.fields, entry):
        return Serve(entry, 304, _only(everything.headers, _IN_304), body=False)
    if request.method != "GET":
        return everything._replace(body=False)
    wanted = request.fields.get("range")
    if wanted is None or not conditions.range_applies(request.fields, entry):
        return everything
    length = entry.stored.length
    span = ranges.span(wanted, length)
    if span is None:
        return everything
    if span == ranges.UNSATISFIABLE:
        none = (("Content-Range", f"bytes */{length}"), ("Content-Length", "0"))
        return Serve(entry, 416, (*_only(everything.headers, _IN_416), *none), body=False)
    first, end = span
    kept = tuple(field for field in everything.headers if field[0].lower() not in _LENGTH)
    part = (("Content-Range", f"bytes {first}-{end - 1}/{length}"), ("Content-Length", str(end - first)))
    return Serve(entry, 206, (*kept, *part), span=span)


def _only(headers: Fields, names: frozenset[str]) -> Fields:
    return tuple(field for field in headers if field[0].lower() in names or field[0] == "Age")
