"""What responses other than 304 change: HEAD, errors, storing (RFC 9111, sections 4.3.3 and 4.3.5; RFC 5861)."""

from __future__ import annotations

import pytest

from meshclient.core.caching import entry as entries
from meshclient.core.caching.message import Arrival
from meshclient.core.caching.reception import Reception, received
from unit.core.caching_scene import (
    LENGTH,
    NOW,
    PRIVATE,
    URL,
    answered,
    ask,
    date,
    decide,
    header,
    response,
    stored,
)

MINUTE = "Cache-Control: max-age=60"
TAGGED = 'ETag: "a"'
MODIFIED = f"Last-Modified: {date(-3000)}"
LATER = f"Date: {date(100)}"


@pytest.mark.parametrize(
    ("lines", "told", "same"),
    [
        ([], [], True),
        ([TAGGED, MODIFIED], [TAGGED, MODIFIED], True),
        ([TAGGED], ['ETag: "b"'], False),
        ([], [TAGGED], False),
        ([MODIFIED], [f"Last-Modified: {date(-1)}"], False),
        ([], ["Content-Length: 10"], True),
        ([], ["Content-Length: 11"], False),
        ([], ["Content-Length: x"], False),
    ],
)
def test_a_head_updates_or_removes_what_is_stored(lines: list[str], told: list[str], same: bool) -> None:
    """RFC 9111, section 4.3.5."""
    entry = stored(MINUTE, *lines)
    request = ask(method="HEAD")
    arrival = Arrival(request, response("Cache-Control: max-age=90", "A: 2", LATER, *told), NOW + 100, NOW + 100)
    change = received(arrival, None, (entry,), PRIVATE)
    assert (change.serve, change.put) == (None, None)
    if not same:
        assert change.updates == ((entry, None),)
        return
    ((_, new),) = change.updates
    assert new is not None
    assert header(new.stored.headers, "a") == "2"
    assert new.stored.length == LENGTH
    assert decide(new, after=189) == "fresh"


def test_a_head_speaks_for_what_fits_it_and_was_found() -> None:
    fitting = stored(MINUTE, "Vary: Foo", request=ask("Foo: 1"))
    other = stored(MINUTE, "Vary: Foo", request=ask("Foo: 2"))
    missing = stored(MINUTE, status=404)
    request = ask("Foo: 1", method="HEAD")
    arrival = Arrival(request, response(LATER, "Content-Length: 11"), NOW + 100, NOW + 100)
    assert received(arrival, None, (fitting, other, missing), PRIVATE).updates == ((fitting, None),)
    arrival = Arrival(request, response(LATER, "Content-Length: 11", status=404), NOW + 100, NOW + 100)
    assert received(arrival, None, (fitting, other, missing), PRIVATE) == Reception()


def test_a_full_response_takes_the_place_of_what_was_asked_about() -> None:
    entry = stored(MINUTE, TAGGED)
    change = answered(entry, MINUTE, 'ETag: "b"', LATER, status=200, after=100)
    assert change.serve is None
    assert change.put is not None
    assert change.put == change.share
    assert [new.etag for new in entries.kept((entry,), change.put, 9)] == ['"b"']


def test_a_post_removes_before_it_leaves_something() -> None:
    request = ask(method="POST")
    arrival = Arrival(request, response(MINUTE, f"Content-Location: {URL}"), NOW, NOW)
    change = received(arrival, None, (), PRIVATE)
    assert change.invalidate == (URL,)
    assert change.put is not None


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_error_is_answered_from_what_may_be_stale_then(status: int) -> None:
    """RFC 5861, section 4."""
    entry = stored("Cache-Control: max-age=60, stale-if-error=60", TAGGED)
    change = answered(entry, MINUTE, LATER, status=status, after=100)
    assert change.serve is not None
    assert (change.serve.entry, change.serve.stale) == (entry, True)
    assert change.put is None
    assert answered(entry, LATER, status=status, after=121).serve is None


def test_other_statuses_are_answers() -> None:
    entry = stored("Cache-Control: max-age=60, stale-if-error=60", TAGGED)
    assert [answered(entry, LATER, status=status, after=100).serve for status in (404, 429, 501, 505)] == [None] * 4
