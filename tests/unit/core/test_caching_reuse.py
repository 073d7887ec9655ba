"""What answers a request: an entry, a validation, or the service (RFC 9111, sections 4, 5.2.1; RFC 5861, RFC 8246)."""

from __future__ import annotations

import pytest

from meshclient.core.caching import reuse
from meshclient.core.caching.policy import Policy
from unit.core.caching_scene import (
    NOW,
    PRIVATE,
    SHARED,
    ask,
    date,
    decide,
    header,
    served,
    stored,
    stored_or_not,
    validated,
)

ETAG = 'ETag: "a"'
MINUTE = "Cache-Control: max-age=60"
TOLERANT = Policy(stale_while_revalidate=30)


@pytest.mark.parametrize(
    ("control", "asked", "after", "expected"),
    [
        ("max-age=60", None, 59, "fresh"),
        ("max-age=60", None, 60, "validate"),
        ("max-age=60, no-cache", None, 0, "validate"),
        ('max-age=60, no-cache="a"', None, 0, "fresh"),
        ("max-age=60, must-revalidate", None, 59, "fresh"),
        ("max-age=60, must-revalidate", None, 60, "validate"),
        # Section 5.2.1, one by one.
        ("max-age=60", "max-age=30", 30, "fresh"),
        ("max-age=60", "max-age=30", 31, "validate"),
        ("max-age=60", "max-age=0", 1, "validate"),
        ("max-age=60", "max-age=90", 61, "validate"),
        ("max-age=60", "min-fresh=30", 30, "fresh"),
        ("max-age=60", "min-fresh=30", 31, "validate"),
        ("max-age=60", "max-stale", 99999, "stale"),
        ("max-age=60", "max-stale=5", 65, "stale"),
        ("max-age=60", "max-stale=5", 66, "validate"),
        ("max-age=60", "max-stale=5", 0, "fresh"),
        ("max-age=60", "max-stale=5, max-age=62", 62, "stale"),
        ("max-age=60", "max-stale=5, max-age=62", 63, "validate"),
        ("max-age=60", "max-stale=5, min-fresh=3", 62, "stale"),
        ("max-age=60", "max-stale=5, min-fresh=3", 63, "validate"),
        ("max-age=60, must-revalidate", "max-stale", 61, "validate"),
        ("no-cache", "max-stale", 0, "validate"),
        ("max-age=60", "no-cache", 0, "validate"),
        ("max-age=60", "no-store", 0, "forward"),
        ("max-age=60", "only-if-cached", 59, "fresh"),
        ("max-age=60", "only-if-cached", 60, "504"),
        ("max-age=60", "only-if-cached, no-cache", 0, "504"),
        ("max-age=60", "only-if-cached, max-stale", 60, "stale"),
        ("max-age=60", "something-else", 59, "fresh"),
        # RFC 8246: a reload need not ask, one that insists does.
        ("max-age=60, immutable", "max-age=0", 59, "fresh"),
        ("max-age=60, immutable", "max-age=0", 60, "validate"),
        ("max-age=60, immutable", "no-cache", 0, "validate"),
        # RFC 5861, section 3.
        ("max-age=60, stale-while-revalidate=30", None, 60, "stale, refreshed"),
        ("max-age=60, stale-while-revalidate=30", None, 89, "stale, refreshed"),
        ("max-age=60, stale-while-revalidate=30", None, 90, "validate"),
        ("max-age=0, stale-while-revalidate=30", None, 0, "stale, refreshed"),
        ("max-age=60, stale-while-revalidate=30, must-revalidate", None, 60, "validate"),
        ("max-age=60, stale-while-revalidate=30, no-cache", None, 60, "validate"),
        ("max-age=60, stale-while-revalidate=30", "max-age=90", 60, "validate"),
        ("max-age=60, stale-while-revalidate=30", "min-fresh=1", 60, "validate"),
        ("max-age=60, stale-while-revalidate=30", "no-cache", 60, "validate"),
        ("max-age=60, stale-while-revalidate=30", "only-if-cached", 60, "stale, refreshed"),
    ],
)
def test_what_is_done_with_a_request(control: str, asked: str | None, after: float, expected: str) -> None:
    entry = stored(f"Cache-Control: {control}", ETAG)
    lines = [] if asked is None else [f"Cache-Control: {asked}"]
    assert decide(entry, *lines, after=after) == expected
    assert decide(entry, *lines, after=after, method="HEAD") == expected


def test_pragma_counts_without_cache_control_only() -> None:
    """Section 5.4."""
    entry = stored(MINUTE, ETAG)
    assert decide(entry, "Pragma: no-cache") == "validate"
    assert decide(entry, "Pragma: no-cache", "Cache-Control: x") == "fresh"
    assert decide(entry, "Pragma: x") == "fresh"


@pytest.mark.parametrize("asked", [None, "max-stale"])
@pytest.mark.parametrize("control", ["s-maxage=60, max-age=60", "max-age=60, proxy-revalidate"])
def test_some_directives_are_for_shared_caches(control: str, asked: str | None) -> None:
    """Sections 5.2.2.8 and 5.2.2.10: they must not serve it stale, whoever permits it."""
    lines = [] if asked is None else [f"Cache-Control: {asked}"]
    stale = stored(f"Cache-Control: {control}, stale-while-revalidate=30", ETAG)
    assert decide(stale, *lines, after=60).startswith("stale")
    stale = stored(f"Cache-Control: {control}, stale-while-revalidate=30", ETAG, policy=SHARED)
    assert decide(stale, *lines, after=60, policy=SHARED) == "validate"


@pytest.mark.parametrize(
    ("control", "after", "expected"),
    [
        ("max-age=60", 89, "stale, refreshed"),
        ("max-age=60", 90, "validate"),
        ("max-age=60, stale-while-revalidate=0", 60, "validate"),
        ("max-age=60, stale-while-revalidate=x", 60, "validate"),
        ("max-age=60, must-revalidate", 60, "validate"),
    ],
)
def test_a_policy_speaks_where_the_response_does_not(control: str, after: float, expected: str) -> None:
    entry = stored(f"Cache-Control: {control}", ETAG, policy=TOLERANT)
    assert decide(entry, after=after, policy=TOLERANT) == expected


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "M-SEARCH", "get"])
def test_other_methods_go_to_the_service(method: str) -> None:
    entry = stored(MINUTE)
    assert decide(entry, method=method) == "forward"
    assert decide(entry, "Cache-Control: only-if-cached", method=method) == "forward"


@pytest.mark.parametrize("line", ['If-Match: "a"', "If-Unmodified-Since: Fri, 15 Jan 2027 08:00:00 GMT"])
def test_conditions_for_the_service_go_to_the_service(line: str) -> None:
    """Section 4.3.2."""
    entry = stored(MINUTE, ETAG)
    assert decide(entry, line) == "forward"
    assert decide(entry, line, "Cache-Control: only-if-cached") == "504"


def test_nothing_stored() -> None:
    assert isinstance(reuse.decide(ask(), (), NOW, PRIVATE), reuse.Forward)
    assert isinstance(reuse.decide(ask("Cache-Control: only-if-cached"), (), NOW, PRIVATE), reuse.Unavailable)


def test_what_has_no_validator_is_asked_for_anew() -> None:
    assert decide(stored(MINUTE), after=60) == "forward"
    assert decide(stored(MINUTE), "Cache-Control: no-cache") == "forward"


def test_a_head_is_answered_without_the_body() -> None:
    entry = stored(MINUTE, "Content-Length: 10")
    answer = served(entry, method="HEAD", after=5)
    assert (answer.status, answer.body, header(answer.headers, "age")) == (200, False, "5")
    assert header(answer.headers, "content-length") == "10"
    assert served(entry).body


def test_a_refresh_is_nobodys_request() -> None:
    entry = stored("Cache-Control: max-age=0, stale-while-revalidate=30", ETAG)
    lines = ["If-None-Match: b", "Range: bytes=0-1", "If-Range: x", "Accept: y", "Cache-Control: z", "Pragma: z"]
    answer = served(entry, *lines, method="HEAD", after=1)
    assert answer.refresh is not None
    assert answer.refresh.headers == (("If-None-Match", '"a"'),)
    assert {name for name in ask(*lines).fields if name not in answer.refresh.drop} == {"accept"}


def test_a_refresh_without_a_validator() -> None:
    answer = served(stored("Cache-Control: max-age=1, stale-while-revalidate=30"), after=1)
    assert answer.refresh is not None
    assert answer.refresh.headers == ()


def test_age_is_that_of_the_moment_and_not_below_nought() -> None:
    entry = stored(MINUTE)
    assert [header(served(entry, after=after).headers, "age") for after in (-7, 0, 0.9, 1)] == ["0", "0", "0", "1"]
    assert header(validated(stored(MINUTE, ETAG), after=60).headers, "age") is None


@pytest.mark.parametrize(
    ("lines", "asked", "shared"),
    [
        ([MINUTE], [], True),
        ([], [], True),  # says nothing: it counts as fresh while others wait for it
        (["Cache-Control: public"], [], True),
        (["Cache-Control: max-age=0"], [], False),
        (["Expires: 0"], [], False),
        (["Cache-Control: no-cache"], [], False),
        (["Cache-Control: must-revalidate"], [], False),
        ([f"Last-Modified: {date(-5)}", "Age: 1"], [], False),  # half a second by the heuristic
        ([MINUTE], ["Cache-Control: no-cache"], False),
        ([MINUTE], ["Cache-Control: no-store"], False),
        ([MINUTE], ["Cache-Control: min-fresh=61"], False),
        ([MINUTE, "Vary: Foo"], ["Foo: 2"], False),
        ([MINUTE], ['If-Match: "a"'], False),
    ],
)
def test_who_may_have_what_another_fetched(lines: list[str], asked: list[str], shared: bool) -> None:
    entry = stored(*lines)
    assert (reuse.joined(ask(*asked), entry, NOW) is not None) is shared
    assert reuse.joined(ask(*asked, method="HEAD"), entry, NOW) is None


def test_nobody_has_what_may_not_be_stored() -> None:
    assert stored_or_not("Cache-Control: no-store") is None
