"""Cache-Control of responses and requests, sound and malformed (RFC 9111, section 5.2; RFC 9213)."""

from __future__ import annotations

import pytest

from meshclient.core.caching import directives, structured
from meshclient.core.caching.directives import MOST_SECONDS, Directives, Wishes


def told(text: str) -> Directives:
    return directives.of_response(directives.pairs(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Directives()),
        (" , ,, ", Directives()),
        ("No-StOrE", Directives(no_store=True)),
        ("no-store=1", Directives(no_store=True)),
        ("foo, bar=baz, max-age=60", Directives(max_age=60)),
        ("max-age=60,must-revalidate", Directives(max_age=60, must_revalidate=True)),
        ("public, immutable, must-understand", Directives(public=True, immutable=True, must_understand=True)),
        ("public=1, immutable=1, must-understand=1", Directives()),  # they would free the cache
        ("proxy-revalidate, s-maxage=5", Directives(proxy_revalidate=True, s_maxage=5)),
        ("stale-while-revalidate=5, stale-if-error=7", Directives(stale_while_revalidate=5, stale_if_error=7)),
        ("stale-while-revalidate, stale-if-error=x", Directives(stale_while_revalidate=0, stale_if_error=0)),
        # Section 4.2.1: invalid freshness information makes a response stale, and the first of two counts.
        ("max-age", Directives(max_age=0)),
        ("max-age=", Directives(max_age=0)),
        ("max-age=-5", Directives(max_age=0)),
        ("max-age=5.0", Directives(max_age=0)),
        ("max-age=5s", Directives(max_age=0)),
        ("max-age='5'", Directives(max_age=0)),
        ("max-age =5", Directives(max_age=0)),
        ("max-age= 5", Directives(max_age=0)),
        ("max-age=\u0665", Directives(max_age=0)),
        ('max-age="5"', Directives(max_age=5)),
        ("max-age=005", Directives(max_age=5)),
        ("max-age=5, max-age=7", Directives(max_age=5)),
        ("max-age=x, max-age=7", Directives(max_age=0)),
        # Section 1.2.2.
        ("max-age=2147483647", Directives(max_age=MOST_SECONDS - 1)),
        ("max-age=2147483649", Directives(max_age=MOST_SECONDS)),
        ("max-age=99999999999", Directives(max_age=MOST_SECONDS)),
        ("max-age=" + "0" * 10_000, Directives(max_age=0)),
        ("max-age=9999999999", Directives(max_age=MOST_SECONDS)),
        ("max-age=1000000000", Directives(max_age=10**9)),
        ("max-age=" + "9" * 10_000, Directives(max_age=MOST_SECONDS)),
        ("max-age=" + "0" * 10_000 + "7", Directives(max_age=7)),
        # What is in a string is no directive.
        ('ext="max-age=60", max-age=1', Directives(max_age=1)),
        ('max-age=1, ext="a, no-store, \\", max-age=60"', Directives(max_age=1)),
        ('ext="\\', Directives()),
        # Unless nobody closed it.
        ('ext="a, no-store', Directives(no_store=True)),
        ('ext="a\\", no-store', Directives(no_store=True)),
        ('ext="a", max-age="5', Directives(max_age=0)),
        # Section 5.2.2.4 and 5.2.2.7.
        ("no-cache", Directives(no_cache=True)),
        ('no-cache="Set-Cookie, A"', Directives(withheld=frozenset({"set-cookie", "a"}))),
        ("no-cache=a", Directives(withheld=frozenset({"a"}))),
        ('no-cache=""', Directives(no_cache=True)),
        ('no-cache="@@"', Directives(no_cache=True)),
        ('no-cache="a", no-cache', Directives(no_cache=True)),
        ('no-cache="a", no-cache="b"', Directives(withheld=frozenset({"a", "b"}))),
        ('private="A"', Directives(personal=frozenset({"a"}))),
        ('private, private="a"', Directives(private=True)),
    ],
)
def test_what_a_response_tells_caches(text: str, expected: Directives) -> None:
    assert told(text) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Wishes()),
        ({"cache-control": "max-age=0, MIN-FRESH=5"}, Wishes(max_age=0, min_fresh=5)),
        ({"cache-control": "max-age=x, min-fresh=x, max-stale=x"}, Wishes(max_age=0)),
        ({"cache-control": "max-stale"}, Wishes(max_stale=MOST_SECONDS)),
        ({"cache-control": "max-stale=60"}, Wishes(max_stale=60)),
        ({"cache-control": "no-cache, no-store, only-if-cached"}, Wishes(True, True, True)),
        ({"cache-control": "stale-if-error=9"}, Wishes(stale_if_error=9)),
        # Section 5.4: Pragma, in the absence of Cache-Control only.
        ({"pragma": "no-cache"}, Wishes(no_cache=True)),
        ({"pragma": "foo, No-Cache"}, Wishes(no_cache=True)),
        ({"pragma": "foo"}, Wishes()),
        ({"pragma": "no-cache", "cache-control": "foo"}, Wishes()),
    ],
)
def test_what_a_request_asks_for(fields: dict[str, str], expected: Wishes) -> None:
    assert directives.of_request(fields) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max-age=60", Directives(max_age=60)),
        ("max-age=60;foo=bar;baz, immutable", Directives(max_age=60, immutable=True)),
        ("max-age=60 ,\t no-store", Directives(max_age=60, no_store=True)),
        ("max-age=60, max-age=5", Directives(max_age=5)),  # RFC 8941: the later one
        ("max-age=99999999999", Directives(max_age=MOST_SECONDS)),
        ("no-store=?1", Directives(no_store=True)),
        ("no-store=?0, public", Directives(public=True)),
        ("foobar, max-age=60", Directives(max_age=60)),
        ('no-cache="a, b"', Directives(withheld=frozenset({"a", "b"}))),
        ("ext=(a 1 2.5;q=1);x, ext2=:aGk=:, public", Directives(public=True)),
        # A value of another type is no number.
        ('max-age="60"', Directives(max_age=0)),
        ("max-age=60.0", Directives(max_age=0)),
        ("max-age=abc", Directives(max_age=0)),
        ("max-age=(60), public=(a)", Directives(max_age=0)),
        ("max-age=-60", Directives(max_age=0)),
    ],
)
def test_what_a_targeted_field_tells(text: str, expected: Directives) -> None:
    given = structured.directives(text)
    assert given is not None
    assert directives.of_response(given) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "no-store=?0",
        "max-age=60,",
        ",max-age=60",
        "max-age=60, &&&&&",
        "Max-Age=60",
        "max-age =60",
        "max-age= 60",
        "max-age=",
        "max-age=60 no-store",
        'ext="a',
        'ext="é"',
        "max-age=1234567890123456",
        "max-age=1.",
        "max-age=60;",
        "ext=(a",
        "ext=(a)b",
        "ext=(ab",
        'ext=("a""b")',
    ],
)
def test_a_targeted_field_that_is_unsound_is_as_good_as_none(text: str) -> None:
    assert structured.directives(text) is None
