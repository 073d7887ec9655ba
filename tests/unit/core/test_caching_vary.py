"""Which variant fits a request, and which variants are kept (RFC 9111, section 4.1)."""

from __future__ import annotations

import pytest

from meshclient.core.caching import entry as entries
from meshclient.core.caching import reuse, vary
from unit.core.caching_scene import ask, date, decide, stored

FRESH = "Cache-Control: max-age=60"


@pytest.mark.parametrize(
    ("varies", "then", "now", "fits"),
    [
        ("Foo", ["Foo: 1"], ["Foo: 1"], True),
        ("foo, FOO", ["FOO: 1"], ["foo: 1"], True),
        ("Foo", ["Foo: 1"], ["Foo: 1", "Bar: 2"], True),
        ("Foo", ["Foo: 1"], ["Foo: 2"], False),
        ("Foo", ["Foo: 1"], [], False),
        ("Foo", [], ["Foo: 1"], False),
        ("Foo", [], ["Foo:"], False),
        ("Foo", [], [], True),
        ("Foo, Bar", ["Foo: 1", "Bar: 2"], ["Bar: 2", "Foo: 1"], True),
        ("Foo, Bar", ["Foo: 1", "Bar: 2"], ["Foo: 1", "Bar: 3"], False),
        ("Foo, Bar", ["Foo: 1"], ["Foo: 1"], True),
        # White space and empty members mean nothing, what is in strings does.
        ("Foo", ["Foo: 1,2"], ["Foo:  1 ,, 2 "], True),
        ("Foo", ['Foo: "1,2"'], ['Foo: "1, 2"'], False),
        ("Foo", ["Foo: 1, 2"], ["Foo: 2, 1"], False),
        ("Foo", ["Foo: a"], ["Foo: A"], False),
        # RFC 9110, section 12.5: neither the order nor the capitals of these mean anything.
        ("Accept-Language", ["Accept-Language: en, de"], ["Accept-Language: DE , eN"], True),
        ("Accept-Language", ["Accept-Language: en;q=0.5, de"], ["Accept-Language: de, en; q=0.5"], True),
        ("Accept-Language", ["Accept-Language: en, de"], ["Accept-Language: en"], False),
        ("Accept-Language", ["Accept-Language: en;q=0.5"], ["Accept-Language: en;q=0.4"], False),
        ("Accept-Encoding", ["Accept-Encoding: gzip, deflate"], ["Accept-Encoding: deflate,gzip"], True),
        ("Accept", ["Accept: text/html, */*;q=0.1"], ["Accept: */*;q=0.1,text/html"], True),
        ("Accept-Charset", ["Accept-Charset: a, B"], ["Accept-Charset: b,a"], True),
        ("Accept", ["Accept: text/html;x=Y"], ["Accept: text/html;x=y"], False),
    ],
)
def test_which_requests_a_response_fits(varies: str, then: list[str], now: list[str], fits: bool) -> None:
    entry = stored(FRESH, f"Vary: {varies}", request=ask(*then))
    assert decide(entry, *now) == ("fresh" if fits else "forward")
    assert decide(entry, *now, "Cache-Control: max-age=60") == ("fresh" if fits else "forward")


def test_of_several_that_fit_the_latest_is_taken() -> None:
    """RFC 9111, section 4: "the most recent one (as determined by the Date header field)"."""
    old = stored(FRESH, f"Date: {date(-9)}", "Vary: Foo", request=ask("Foo: 1"))
    new = stored(FRESH, f"Date: {date(-5)}", "Vary: Bar")
    for kept in (entries.kept(entries.kept((), old, 9), new, 9), entries.kept(entries.kept((), new, 9), old, 9)):
        assert reuse.selected(ask("Foo: 1"), kept) == new
        assert reuse.selected(ask("Foo: 1", "Bar: 1"), kept) == old


def test_a_date_in_the_future_is_not_later_than_what_came_later() -> None:
    ahead = stored(FRESH, "Date: Fri, 31 Dec 9999 23:59:59 GMT", "Vary: Foo", request=ask("Foo: 1"))
    later = stored(FRESH, "Vary: Bar", f"Date: {date(5)}", after=5)
    assert entries.kept((ahead,), later, 9) == (later, ahead)
    assert entries.kept((later,), ahead, 9) == (later, ahead)


def test_what_is_kept_beside_a_new_variant() -> None:
    default = stored(FRESH)
    one = stored(FRESH, "Vary: Foo", request=ask("Foo: 1"))
    two = stored(FRESH, "Vary: Foo", request=ask("Foo: 2"))
    again = stored(FRESH, "Vary: Foo", "X: new", request=ask("Foo: 1"))
    narrower = stored(FRESH, "Vary: Foo, Bar", request=ask("Foo: 1", "Bar: 2"))

    assert set(entries.kept((one,), two, 9)) == {one, two}
    assert set(entries.kept((one, two), again, 9)) == {again, two}
    # "Some resources mistakenly omit the Vary header field from their default response": the later Vary counts.
    assert set(entries.kept((default,), one, 9)) == {one}
    assert set(entries.kept((one, two), narrower, 9)) == {narrower, two}
    assert set(entries.kept((one, two), default, 9)) == {one, two, default}
    assert len(entries.kept((one, two), default, 2)) == 2
    assert default in entries.kept((one, two), default, 2)


def test_each_variant_has_a_label() -> None:
    variants = [(("a", None),), (("a", ""),), (("a", "-"),), (("a", "b"), ("c", None)), (("a", "b\nc:-"),), ()]
    assert len({vary.label(variant) for variant in variants}) == len(variants)
    assert vary.label((("a", "b"),)) == vary.label((("a", "b"),))
