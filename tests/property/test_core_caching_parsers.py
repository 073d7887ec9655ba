"""Whatever comes over the wire: no parser of the cache raises, and what it finds is within bounds."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

from hypothesis import example, given
from hypothesis import strategies as st

from meshclient.core.caching import (
    conditions,
    dates,
    directives,
    invalidation,
    lists,
    ranges,
    reception,
    reuse,
    staleness,
    storing,
    structured,
    vary,
)
from meshclient.core.caching.answer import Serve, Validate
from meshclient.core.caching.directives import MOST_SECONDS
from meshclient.core.caching.message import Arrival, Request, Response, combined
from meshclient.core.caching.policy import Policy

NOW = 1_800_000_000.0
END = 253_402_300_799

wire = st.text(st.characters(max_codepoint=255), max_size=40)
pieces = st.sampled_from(
    [
        "max-age", "s-maxage", "no-store", "no-cache", "private", "public", "max-stale", "min-fresh", "immutable",
        "stale-if-error", "=", "=", ",", ",", " ", '"', '"', "\\", "0", "60", "-1", "99999999999999999999", "1.5", "?1",
        "?0", "(", ")", ":", ";", "*", "W/", "a", "bytes=", "-", "GMT", "\t", "\xa0", "\xe9", "9" * 5000,
    ]
)  # fmt: skip
texts = st.one_of(wire, st.lists(pieces, max_size=12).map("".join))
names = st.sampled_from(
    [
        "Cache-Control", "Date", "Age", "Expires", "Last-Modified", "ETag", "Vary", "Content-Length", "Connection",
        "CDN-Cache-Control", "Location", "Content-Location", "Pragma", "Content-Range", "Set-Cookie",
    ]
)  # fmt: skip
times = st.sampled_from(
    [
        "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "Friday, 15-Jan-27 08:00:00 GMT",
        "Fri Jan 15 08:00:00 2027", "Mon, 01 Jan 0001 00:00:00 GMT",
    ]
)  # fmt: skip
headers = st.lists(st.tuples(names, st.one_of(texts, times)), max_size=8).map(tuple)
asked = st.dictionaries(
    st.sampled_from(["cache-control", "pragma", "range", "if-range", "if-none-match", "if-modified-since", "accept"]),
    st.one_of(texts, times),
    max_size=4,
)
policies = st.builds(
    Policy,
    shared=st.booleans(),
    targeted=st.sampled_from([(), ("cdn-cache-control",)]),
    ttl=st.sampled_from([None, 0, 60]),
    stale_if_error=st.sampled_from([0, 60]),
)


@given(texts)
@example('"\\')
def test_directives_are_read_within_bounds(text: str) -> None:
    told = directives.of_response(directives.pairs(text))
    wishes = directives.of_request({"cache-control": text, "pragma": text})
    numbers = [told.max_age, told.s_maxage, told.stale_while_revalidate, told.stale_if_error]
    numbers += [wishes.max_age, wishes.min_fresh, wishes.max_stale, wishes.stale_if_error]
    assert all(number is None or 0 <= number <= MOST_SECONDS for number in numbers)
    directives.of_request({"pragma": text})


@given(
    st.dictionaries(st.sampled_from(["max-age", "s-maxage", "stale-if-error"]), st.integers(0, MOST_SECONDS)),
    st.sets(st.sampled_from(["no-store", "no-cache", "private", "public", "immutable", "must-revalidate"])),
    st.lists(st.sampled_from(["foo", 'bar="max-age=1, no-store"', "baz=qux", ""])),
    st.randoms(use_true_random=False),
)
def test_directives_are_found_in_any_order_and_company(
    numbers: dict[str, int], flags: set[str], others: list[str], random: Random
) -> None:
    parts = [f"{name}={number}" for name, number in numbers.items()] + sorted(flags) + others
    random.shuffle(parts)
    told = directives.of_response(directives.pairs(" ,\t".join(part.swapcase() for part in parts)))
    assert {
        name: number
        for name, number in [
            ("max-age", told.max_age), ("s-maxage", told.s_maxage), ("stale-if-error", told.stale_if_error),
        ]
        if number is not None
    } == numbers  # fmt: skip
    assert {flag for flag in flags if not getattr(told, flag.replace("-", "_"))} == set()
    assert (told.no_store, told.public) == ("no-store" in flags, "public" in flags)


@given(texts)
def test_members_of_lists_are_what_lies_between_commas(text: str) -> None:
    found = lists.members(text)
    assert all(member and member.strip(" \t") == member for member in found)
    assert lists.members(", ".join(found)) == found
    lists.unquoted(text)
    lists.names(text)


@given(texts)
@example("a=1;" + "a" * 50)
def test_structured_fields_are_read_or_refused(text: str) -> None:
    given_ = structured.directives(text)
    assert given_ is None or given_
    if given_ is not None:
        directives.of_response(given_)


@given(st.dictionaries(st.from_regex(r"\A[a-z*][a-z0-9_.*-]{0,8}\Z"), st.integers(0, 10**14), min_size=1))
def test_structured_fields_give_back_what_was_written(members: dict[str, int]) -> None:
    text = " ,\t".join(f"{key}={value};p" for key, value in members.items())
    assert structured.directives(text) == [(key, str(value)) for key, value in members.items()]


@given(st.one_of(texts, times), st.floats(-1e18, 1e18))
def test_dates_are_read_or_refused(text: str, now: float) -> None:
    assert dates.parsed(text, now) is None or -(10**11) < (dates.parsed(text, now) or 0) <= END


@given(st.integers(0, END), st.floats(0, 0.99))
def test_dates_give_back_what_was_written(seconds: int, part: float) -> None:
    assert dates.parsed(dates.written(seconds + (part if seconds < END else 0)), NOW) == seconds
    asctime = datetime.fromtimestamp(seconds, UTC).ctime()
    assert dates.parsed(asctime, NOW) == seconds


@given(st.integers(50 * 366 * 86400, END // 2), st.integers(-49 * 365, 50 * 365))
def test_two_digits_of_a_year_mean_the_one_that_is_near(now: int, days: int) -> None:
    at = datetime.fromtimestamp(now + days * 86400, UTC)
    assert dates.parsed(f"{at:%A}, {at:%d}-{at:%b}-{at:%y} {at:%H:%M:%S} GMT", now) == at.timestamp()


@given(texts, st.integers(0, 10**6))
def test_a_part_lies_within_the_whole(text: str, length: int) -> None:
    for asked_for in (text, f"bytes={text}"):
        span = ranges.span(asked_for, length)
        assert span in (None, ranges.UNSATISFIABLE) or 0 <= span[0] < span[1] <= length


@given(st.integers(0, 99), st.integers(0, 99), st.integers(1, 99))
def test_a_part_is_what_python_would_cut(first: int, last: int, length: int) -> None:
    whole = range(length)
    for asked_for, cut in ((f"{first}-{last}", whole[first : last + 1]), (f"{first}-", whole[first:])):
        span = ranges.span(f"bytes={asked_for}", length)
        if span is not None:
            assert list(cut) == ([] if span == ranges.UNSATISFIABLE else list(whole[slice(*span)]))
        else:
            assert last < first
    span = ranges.span(f"bytes=-{first}", length)
    assert span is not None
    assert list(whole[length - min(first, length) :]) == ([] if span[0] < 0 else list(whole[slice(*span)]))


@given(st.sampled_from(["foo", "accept", "accept-language", "cookie"]), texts, texts)
def test_what_varies_is_compared_alike(name: str, one: str, other: str) -> None:
    stored = vary.variant([name], {name: one})
    assert vary.matches(stored, {name: one})
    assert vary.matches(stored, {name: other}) == (vary.normal(name, one) == vary.normal(name, other))
    assert not vary.matches(stored, {})
    if name != "cookie":
        assert vary.normal(name, vary.normal(name, one)) == vary.normal(name, one)
    vary.nominated((("Vary", one), ("Vary", other)))
    vary.label(stored)


@given(texts, texts)
def test_places_are_resolved_or_refused(base: str, reference: str) -> None:
    request = Request("POST", f"http://orders/{base}", {})
    found = invalidation.invalidated(request, Response(201, (("Location", reference),)))
    assert found[0] == request.url
    assert all(url.startswith("http:") for url in found)


@given(texts, texts)
def test_entity_tags_are_read_or_refused(one: str, other: str) -> None:
    conditions.matches_any(one, other)
    assert all(conditions.tags(tag) == [tag] for tag in conditions.tags(one))


@given(headers, headers, asked, policies, st.sampled_from([200, 204, 206, 301, 304, 404, 500, 503, 999]), st.booleans())
def test_nothing_raises_from_beginning_to_end(  # noqa: PLR0917  (Hypothesis draws them)
    first: tuple[tuple[str, str], ...],
    second: tuple[tuple[str, str], ...],
    fields: dict[str, str],
    policy: Policy,
    status: int,
    head: bool,
) -> None:
    plain = Request("GET", "http://orders/x", {})
    request = Request("HEAD" if head else "GET", "http://orders/x", fields)
    change = reception.received(Arrival(plain, Response(200, first), NOW, NOW), None, (), policy)
    new = change.share and storing.completed(change.share, 7)
    entries = (new,) if new else ()
    for after in (0, 1, 61, 10**10):
        decision = reuse.decide(request, entries, NOW + after, policy)
        question = decision if isinstance(decision, Validate) else None
        if isinstance(decision, Serve):
            fields_of_it = combined(decision.headers)
            assert 0 <= int(fields_of_it["age"].split(",")[0]) <= 10**12
        arrival = Arrival(request, Response(status, second), NOW + after, NOW + after)
        reception.received(arrival, question, entries, policy)
        staleness.fallback(request, entries, NOW + after, policy)
