"""What a 304 changes, and whose it is (RFC 9111, sections 3.2 and 4.3.2 to 4.3.4)."""

from __future__ import annotations

import pytest

from meshclient.core.caching.answer import Validate
from meshclient.core.caching.entry import Entry
from meshclient.core.caching.message import Arrival
from meshclient.core.caching.policy import Policy
from meshclient.core.caching.reception import Reception, received
from unit.core.caching_scene import (
    LENGTH,
    NOW,
    PRIVATE,
    SHARED,
    answered,
    ask,
    date,
    decide,
    header,
    response,
    revised,
    stored,
)

MINUTE = "Cache-Control: max-age=60"
TAGGED = 'ETag: "a"'
MODIFIED = f"Last-Modified: {date(-3000)}"
LATER = f"Date: {date(100)}"


def replaced(change: Reception) -> Entry:
    """The one entry that came in the place of another."""
    ((_, new),) = change.updates
    assert new is not None
    return new


def test_a_304_brings_an_entry_up_to_date() -> None:
    lines = [MINUTE, TAGGED, "A: 1", "B: 1", "C: 1", "Content-Length: 10", "Content-Encoding: gzip", "Set-Cookie: x=1"]
    entry = stored(*lines)
    news = [
        "Cache-Control: max-age=90", TAGGED, LATER, "B: 2", "B: 3", "D: 4", "Content-Length: 0", "Content-Range: x",
        "Content-Encoding: br", "Transfer-Encoding: x", "Connection: C", "C: 2", "Keep-Alive: x",
    ]  # fmt: skip
    change = answered(entry, *news, after=100)
    new = replaced(change)
    assert [f"{name}: {value}" for name, value in new.stored.headers] == [
        "A: 1", "C: 1", "Content-Length: 10", "Content-Encoding: gzip", "Set-Cookie: x=1",
        "Cache-Control: max-age=90", TAGGED, LATER, "B: 2", "B: 3", "D: 4",
    ]  # fmt: skip
    assert (new.lifetime, new.stored.length, new.stored.variant) == (90, LENGTH, entry.stored.variant)
    assert decide(new, after=189) == "fresh"
    assert decide(new, after=190) == "validate"
    assert change.serve is not None
    assert (change.serve.entry, change.serve.status, change.serve.body) == (new, 200, True)
    assert (change.put, change.share, change.repeat) == (None, None, False)


def test_the_age_begins_anew() -> None:
    entry = stored(MINUTE, TAGGED, "Age: 50")
    fresh = replaced(answered(entry, TAGGED, LATER, after=100))
    assert fresh.age(NOW + 100) == 0
    old = replaced(answered(entry, TAGGED, LATER, "Age: 40", after=100))
    assert old.age(NOW + 100) == 40


def test_a_304_without_a_date_has_that_of_its_arrival() -> None:
    new = replaced(answered(stored(MINUTE, TAGGED), TAGGED, "Date:", after=100))
    assert header(new.stored.headers, "date") == date(100)
    assert decide(new, after=159) == "fresh"


@pytest.mark.parametrize(("line", "age"), [("X: y", None), ("Age: 7", "7")])
def test_what_was_just_validated_has_no_age_unless_another_cache_did_it(line: str, age: str | None) -> None:
    """RFC 9111, section 5.1."""
    serve = answered(stored(MINUTE, TAGGED), TAGGED, LATER, line, after=100).serve
    assert serve is not None
    assert header(serve.headers, "age") == age


@pytest.mark.parametrize(
    ("lines", "told", "about"),
    [
        ([TAGGED], [TAGGED], True),
        ([TAGGED], ['ETag: "b"'], False),  # "MUST NOT use the new response to update any stored responses"
        ([TAGGED], ['ETag: W/"a"'], True),
        ([TAGGED], ['ETag: W/"b"'], False),
        (['ETag: W/"a"'], ['ETag: W/"a"'], True),
        (['ETag: W/"a"'], [TAGGED], False),
        ([MODIFIED], [MODIFIED], True),
        ([MODIFIED], [f"Last-Modified: {date(-1)}"], False),
        ([TAGGED, MODIFIED], [MODIFIED], True),
        ([TAGGED], [], True),  # the only one that was asked about
        ([MODIFIED], [], True),
    ],
)
def test_which_entry_a_304_is_about(lines: list[str], told: list[str], about: bool) -> None:
    """RFC 9111, section 4.3.4."""
    change = answered(stored(MINUTE, *lines), *told, LATER, after=100)
    assert (len(change.updates), change.repeat, change.serve is not None) == (int(about), not about, about)


def test_a_304_is_about_all_with_its_strong_validator() -> None:
    one = stored(MINUTE, TAGGED, "Vary: Foo", request=ask("Foo: 1"))
    two = stored(MINUTE, TAGGED, "Vary: Foo", request=ask("Foo: 2"))
    three = stored(MINUTE, 'ETag: "c"', "Vary: Foo", request=ask("Foo: 3"))
    request = ask("Foo: 1", 'If-None-Match: "a"')
    arrival = Arrival(request, response(TAGGED, LATER, status=304), NOW + 100, NOW + 100)
    change = received(arrival, None, (one, two, three), PRIVATE)
    assert change.serve is None
    assert [(old, new and new.stored.variant) for old, new in change.updates] == [
        (one, one.stored.variant),
        (two, two.stored.variant),
    ]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (['ETag: W/"a"'], ['ETag: W/"a"']),  # "the most recent of those matching"
        ([MODIFIED], [MODIFIED]),
        ([MODIFIED], []),
    ],
)
def test_a_304_with_a_weak_validator_is_about_one(lines: list[str], told: list[str]) -> None:
    one, two, three = (stored(MINUTE, *lines, f"Vary: {name}", request=ask(f"{name}: 1")) for name in "ABC")
    other = stored(MINUTE, "Vary: D", request=ask("D: 1"))
    arrival = Arrival(ask("B: 1"), response(*told, LATER, status=304), NOW + 100, NOW + 100)
    asked = received(arrival, Validate(two, ()), (other, one, two, three), PRIVATE)
    assert [old for old, _ in asked.updates] == [two]
    unasked = received(arrival, None, (other, one, two, three), PRIVATE)
    assert [old for old, _ in unasked.updates] == ([one] if told else [])


def test_a_304_is_about_what_was_found() -> None:
    missing = stored(MINUTE, TAGGED, status=404)
    request = ask('If-None-Match: "a"')
    arrival = Arrival(request, response(TAGGED, LATER, status=304), NOW + 100, NOW + 100)
    assert received(arrival, None, (missing,), PRIVATE) == Reception()
    assert replaced(received(arrival, Validate(missing, ()), (missing,), PRIVATE)).stored.status == 404


def test_a_304_to_the_clients_own_question_is_the_clients() -> None:
    without = stored(MINUTE)
    change = answered(without, LATER, request=ask('If-None-Match: "x"'), after=100)
    assert (change.serve, change.repeat) == (None, False)
    assert replaced(change).age(NOW + 100) == 0  # "only one stored response, and that also lacks a validator"
    change = answered(without, LATER, 'ETag: "x"', request=ask('If-None-Match: "x"'), after=100)
    assert change == Reception()


def test_a_304_for_a_tag_of_the_clients_goes_to_the_client() -> None:
    entry = stored(MINUTE, TAGGED)
    change = answered(entry, 'ETag: "b"', LATER, request=ask('If-None-Match: "b"'), after=100)
    assert change == Reception()
    change = answered(entry, TAGGED, LATER, request=ask('If-None-Match: "b"'), after=100)
    assert change.serve is not None
    assert change.serve.status == 200  # "MUST generate a 200 (OK) response"
    change = answered(entry, TAGGED, LATER, request=ask('If-None-Match: "a"'), after=100)
    assert change.serve is not None
    assert change.serve.status == 304


def test_a_304_that_may_be_about_either_is_asked_again() -> None:
    entry = stored(MINUTE, TAGGED)
    assert answered(entry, LATER, request=ask('If-None-Match: "b"'), after=100).repeat
    assert not answered(entry, LATER, request=ask('If-None-Match: "a"'), after=100).repeat
    assert answered(entry, LATER, 'ETag: "c"', request=ask('If-None-Match: "b"'), after=100).repeat


def test_any_tag_will_do() -> None:
    """RFC 9110, section 13.1.2: "*" says that something is there, and not whether it is what is stored."""
    request = ask("If-None-Match: *")
    change = answered(stored(MINUTE, TAGGED), LATER, request=request, after=100)  # it was not sent along
    assert change.serve is not None
    assert change.serve.status == 304
    assert answered(stored(MINUTE, MODIFIED), LATER, request=request, after=100) == Reception()


def test_a_date_of_the_clients_is_answered_after_the_validation() -> None:
    request = ask(f"If-Modified-Since: {date(-3000)}")
    change = answered(stored(MINUTE, MODIFIED), MODIFIED, LATER, request=request, after=100)
    assert change.serve is not None
    assert change.serve.status == 304


def test_an_entry_removed_in_the_meantime_answers_and_stays_removed() -> None:
    entry = stored(MINUTE, TAGGED)
    for request in (ask(), ask('If-None-Match: "b"')):
        arrival = Arrival(request, response(TAGGED, LATER, status=304), NOW + 100, NOW + 100)
        change = received(arrival, Validate(entry, ()), (), PRIVATE)
        assert change.serve is not None
        assert revised((), change.updates, 9) == ()


@pytest.mark.parametrize(
    ("policy", "line", "asked"),
    [
        (PRIVATE, "Cache-Control: no-store", "X: y"),
        (SHARED, "Cache-Control: private", "X: y"),
        (PRIVATE, "Vary: *", "X: y"),
    ],
)
def test_what_may_be_stored_no_longer_leaves(policy: Policy, line: str, asked: str) -> None:
    entry = stored(MINUTE, TAGGED, policy=policy)
    request = ask(asked)
    change = answered(entry, TAGGED, LATER, line, request=request, policy=policy, after=100)
    if line == "Vary: *":
        assert change.repeat
    else:
        assert change.updates == ((entry, None),)
        assert change.serve is not None


def test_what_one_user_was_told_changes_nothing_for_others() -> None:
    """RFC 9111, section 3.5."""
    entry = stored(MINUTE, TAGGED, policy=SHARED)
    request = ask("Authorization: x")
    change = answered(entry, TAGGED, LATER, request=request, policy=SHARED, after=100)
    assert change.updates == ()
    assert change.serve is not None
    change = answered(entry, TAGGED, LATER, "Cache-Control: public", request=request, policy=SHARED, after=100)
    assert len(change.updates) == 1


def test_a_304_may_have_fields_for_its_client_alone() -> None:
    """RFC 9111, section 5.2.2.4: "unless the subsequent response has been successfully revalidated"."""
    line = 'Cache-Control: max-age=60, no-cache="Set-Cookie"'
    change = answered(stored(line, TAGGED, "Set-Cookie: a=1"), line, TAGGED, LATER, "Set-Cookie: a=2", after=100)
    assert change.serve is not None
    assert header(change.serve.headers, "set-cookie") == "a=2"
    assert header(replaced(change).stored.headers, "set-cookie") is None


def test_a_304_that_varies_by_more() -> None:
    request = ask("Foo: 1")
    change = answered(stored(MINUTE, TAGGED), TAGGED, LATER, "Vary: Foo", request=request, after=100)
    assert dict(replaced(change).stored.variant)["foo"] == "1"
