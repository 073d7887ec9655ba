"""Requests, responses and entries for the tests of the cache, in few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.core.caching import dates, reception, reuse, storing
from meshclient.core.caching.answer import Serve, Validate
from meshclient.core.caching.entry import Entry, kept
from meshclient.core.caching.message import Arrival, Fields, Request, Response
from meshclient.core.caching.policy import Policy
from meshclient.core.caching.reception import Reception, Updates

if TYPE_CHECKING:
    from collections.abc import Iterable

NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT
URL = "http://orders/v1/orders/42"
PRIVATE = Policy()
SHARED = Policy(shared=True)
LENGTH = 10


def date(seconds: float) -> str:
    """A date so many seconds from NOW."""
    return dates.written(NOW + seconds)


def fields(*lines: str) -> Fields:
    parts = (line.partition(":") for line in lines)
    return tuple((name, value.strip()) for name, _, value in parts)


def ask(*lines: str, method: str = "GET", url: str = URL) -> Request:
    return Request(method, url, {name.lower(): value for name, value in fields(*lines)})


def response(*lines: str, status: int = 200) -> Response:
    """With the Date of NOW, unless the lines have one; `Date:` alone for none."""
    headers = fields(*lines)
    if not any(name == "Date" for name, _ in headers):
        headers = (*headers, ("Date", date(0)))
    return Response(status, tuple(field for field in headers if field != ("Date", "")))


def stored_or_not(
    *lines: str,
    status: int = 200,
    request: Request | None = None,
    policy: Policy = PRIVATE,
    delay: float = 0.0,
    after: float = 0.0,
) -> Entry | None:
    """What becomes of a response that came so many seconds after NOW, `delay` seconds after its request was sent."""
    at = NOW + after
    new = storing.stored(Arrival(request or ask(), response(*lines, status=status), at - delay, at), policy)
    return None if new is None else storing.completed(new, LENGTH)


def stored(
    *lines: str,
    status: int = 200,
    request: Request | None = None,
    policy: Policy = PRIVATE,
    delay: float = 0.0,
    after: float = 0.0,
) -> Entry:
    entry = stored_or_not(*lines, status=status, request=request, policy=policy, delay=delay, after=after)
    assert entry is not None
    return entry


def decide(entry: Entry, *lines: str, after: float = 0.0, policy: Policy = PRIVATE, method: str = "GET") -> str:
    """In a word, what is done with a request that comes so many seconds after `entry` did."""
    match reuse.decide(ask(*lines, method=method), (entry,), NOW + after, policy):
        case Serve(stale=True, refresh=None):
            return "stale"
        case Serve(stale=True):
            return "stale, refreshed"
        case Serve(status=status):
            return "fresh" if status == entry.stored.status else str(status)
        case Validate():
            return "validate"
        case reuse.Unavailable():
            return "504"
        case _:
            return "forward"


def served(entry: Entry, *lines: str, after: float = 0.0, policy: Policy = PRIVATE, method: str = "GET") -> Serve:
    decision = reuse.decide(ask(*lines, method=method), (entry,), NOW + after, policy)
    assert isinstance(decision, Serve)
    return decision


def validated(entry: Entry, *lines: str, after: float = 0.0, policy: Policy = PRIVATE, method: str = "GET") -> Validate:
    decision = reuse.decide(ask(*lines, method=method), (entry,), NOW + after, policy)
    assert isinstance(decision, Validate)
    return decision


def answered(
    entry: Entry, *lines: str, status: int = 304, request: Request | None = None, policy: Policy = PRIVATE, after: float
) -> Reception:
    """What the response to a validation of `entry` changes."""
    request = request or ask()
    question = reuse.decide(request, (entry,), NOW + after, policy)
    at = NOW + after
    arrival = Arrival(request, response(*lines, status=status), at, at)
    return reception.received(arrival, question if isinstance(question, Validate) else None, (entry,), policy)


def header(headers: Fields, name: str) -> str | None:
    """The values of a field, joined."""
    return ", ".join(value for found, value in headers if found.lower() == name.lower()) or None


def revised(entries: Iterable[Entry], updates: Updates, limit: int) -> tuple[Entry, ...]:
    """What a store has of a URL once some entries have been replaced, or removed where None replaces them."""
    rest = tuple(entries)
    for old, new in updates:
        if old in rest:  # else somebody removed it in the meantime, and knew why
            rest = tuple(entry for entry in rest if entry != old)
            rest = rest if new is None else kept(rest, new, limit)
    return rest
