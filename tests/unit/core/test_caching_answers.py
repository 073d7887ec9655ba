"""Answers to conditions and ranges out of an entry, and the conditions of our own (RFC 9111, section 4.3; RFC 9110)."""

from __future__ import annotations

import pytest

from unit.core.caching_scene import LENGTH, SHARED, date, decide, header, served, stored, validated

MINUTE = "Cache-Control: max-age=60"
TAGGED = 'ETag: "a"'
WEAK = 'ETag: W/"a"'
MODIFIED = f"Last-Modified: {date(-3000)}"


@pytest.mark.parametrize(
    ("lines", "asked", "expected"),
    [
        ([TAGGED], 'If-None-Match: "a"', "304"),
        ([TAGGED], 'If-None-Match: "b", W/"a" , "c"', "304"),
        ([WEAK], 'If-None-Match: W/"a"', "304"),
        ([WEAK], 'If-None-Match: "a"', "304"),
        ([TAGGED], "If-None-Match: *", "304"),
        ([], "If-None-Match: *", "304"),
        ([TAGGED], 'If-None-Match: "b"', "fresh"),
        ([TAGGED], "If-None-Match: a", "fresh"),
        ([TAGGED], 'If-None-Match: "a', "fresh"),
        ([TAGGED], "If-None-Match:", "fresh"),
        ([], 'If-None-Match: "a"', "fresh"),
        (["ETag: a"], "If-None-Match: a", "304"),  # as the service sent it, without quotes
        ([TAGGED, 'ETag: "b"'], 'If-None-Match: "a"', "fresh"),
        (['ETag: "a", "b"'], 'If-None-Match: "a"', "fresh"),
        ([MODIFIED], f"If-Modified-Since: {date(-3000)}", "304"),
        ([MODIFIED], f"If-Modified-Since: {date(-2000)}", "304"),
        ([MODIFIED], f"If-Modified-Since: {date(-4000)}", "fresh"),
        ([MODIFIED], "If-Modified-Since: whenever", "fresh"),
        ([], f"If-Modified-Since: {date(0)}", "304"),  # Date stands in for Last-Modified
        ([], f"If-Modified-Since: {date(-1)}", "fresh"),
    ],
)
def test_a_clients_conditions_are_answered_from_a_fresh_entry(lines: list[str], asked: str, expected: str) -> None:
    """RFC 9111, section 4.3.2."""
    entry = stored(MINUTE, *lines)
    assert decide(entry, asked) == expected
    assert decide(entry, asked, method="HEAD") == expected


def test_entity_tags_come_before_dates() -> None:
    """RFC 9110, section 13.2.2."""
    entry = stored(MINUTE, TAGGED, MODIFIED)
    assert decide(entry, 'If-None-Match: "a"', f"If-Modified-Since: {date(-9000)}") == "304"
    assert decide(entry, 'If-None-Match: "b"', f"If-Modified-Since: {date(0)}") == "fresh"


def test_only_what_was_found_is_compared() -> None:
    entry = stored(MINUTE, TAGGED, status=404)
    answer = served(entry, 'If-None-Match: "a"')
    assert (answer.status, answer.body) == (404, True)
    assert not served(entry, method="HEAD").body


def test_what_304_says() -> None:
    """RFC 9110, section 15.4.5."""
    lines = [MINUTE, TAGGED, MODIFIED, "Content-Location: /x", "Vary: A", f"Expires: {date(5)}"]
    entry = stored(*lines, "Content-Type: a/b", "Content-Length: 10", "X: y", "Set-Cookie: a=b")
    answer = served(entry, 'If-None-Match: "a"', after=3)
    assert [f"{name}: {value}" for name, value in answer.headers] == [*lines, f"Date: {date(0)}", "Age: 3"]
    assert not answer.body


@pytest.mark.parametrize(
    ("asked", "status", "span"),
    [
        ("bytes=0-0", 206, (0, 1)),
        ("bytes=2-5", 206, (2, 6)),
        ("bytes=2-", 206, (2, 10)),
        ("bytes=2-99", 206, (2, 10)),
        ("bytes=9-9", 206, (9, 10)),
        ("bytes=0-" + "9" * 5000, 206, (0, 10)),
        ("bytes=" + "0" * 5000 + "2-05", 206, (2, 6)),
        ("bytes=-3", 206, (7, 10)),
        ("bytes=-99", 206, (0, 10)),
        ("bytes=-" + "9" * 5000, 206, (0, 10)),
        ("BYTES= 0-1 ", 206, (0, 2)),
        # RFC 9110, section 14.1.2: nothing of it exists.
        ("bytes=10-", 416, None),
        ("bytes=10-12", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=" + "9" * 5000 + "-", 416, None),
        # What is not understood is ignored (section 14.2).
        ("bytes=5-2", 200, None),
        ("bytes=-", 200, None),
        ("bytes=a-b", 200, None),
        ("bytes=--1", 200, None),
        ("bytes=0-1,3-4", 200, None),
        ("lines=0-1", 200, None),
        ("", 200, None),
        ("bytes=\u0660-", 200, None),
    ],
)
def test_a_part_of_a_complete_entry(asked: str, status: int, span: tuple[int, int] | None) -> None:
    entry = stored(MINUTE, "Content-Length: 10", "Content-Range: nonsense", "Vary: A")
    answer = served(entry, f"Range: {asked}", after=3)
    assert (answer.status, answer.span, answer.body) == (status, span, status != 416)
    assert header(answer.headers, "age") == "3"
    assert (header(answer.headers, "date"), header(answer.headers, "vary")) == (date(0), "A")
    if span is not None:
        assert header(answer.headers, "content-range") == f"bytes {span[0]}-{span[1] - 1}/{LENGTH}"
        assert header(answer.headers, "content-length") == str(span[1] - span[0])
    if status == 416:
        assert header(answer.headers, "content-range") == f"bytes */{LENGTH}"


def test_a_range_is_for_get_and_for_what_was_found() -> None:
    """RFC 9110, section 14.2."""
    assert served(stored(MINUTE), "Range: bytes=0-1", method="HEAD").status == 200
    assert served(stored(MINUTE, status=404), "Range: bytes=0-1").status == 404
    assert decide(stored(MINUTE), "Range: bytes=0-1", after=60) == "forward"


@pytest.mark.parametrize(
    ("lines", "condition", "status"),
    [
        ([TAGGED], '"a"', 206),
        ([TAGGED], '"b"', 200),
        ([WEAK], 'W/"a"', 200),  # a strong comparison
        ([], '"a"', 200),
        ([MODIFIED], date(-3000), 206),
        ([MODIFIED], date(-2999), 200),
        ([f"Last-Modified: {date(-1)}"], date(-1), 206),
        ([f"Last-Modified: {date(0)}"], date(0), 200),  # may have changed within that second
        ([], date(0), 200),
        ([], "", 200),
    ],
)
def test_if_range(lines: list[str], condition: str, status: int) -> None:
    """RFC 9110, section 13.1.5."""
    assert served(stored(MINUTE, *lines), "Range: bytes=0-1", f"If-Range: {condition}").status == status


def test_conditions_come_before_ranges() -> None:
    assert decide(stored(MINUTE, TAGGED), 'If-None-Match: "a"', "Range: bytes=0-1") == "304"
    assert decide(stored(MINUTE, TAGGED), 'If-None-Match: "b"', "Range: bytes=0-1") == "206"


@pytest.mark.parametrize(
    ("lines", "asked", "sent"),
    [
        ([TAGGED], [], ['If-None-Match: "a"']),
        ([WEAK], [], ['If-None-Match: W/"a"']),
        (["ETag: a"], [], ["If-None-Match: a"]),
        ([MODIFIED], [], [f"If-Modified-Since: {date(-3000)}"]),
        ([TAGGED, MODIFIED], [], ['If-None-Match: "a"', f"If-Modified-Since: {date(-3000)}"]),
        # Section 4.3.2: the union of the client's tags and ours.
        ([TAGGED], ['If-None-Match: "b", "a", W/"c"'], ['If-None-Match: "a", "b", W/"c"']),
        ([TAGGED], ["If-None-Match: *"], ['If-None-Match: "a"']),
        ([MODIFIED], ['If-None-Match: "b"'], ['If-None-Match: "b"', f"If-Modified-Since: {date(-3000)}"]),
        ([MODIFIED], ["If-None-Match: *"], ["If-None-Match: *", f"If-Modified-Since: {date(-3000)}"]),
        ([MODIFIED], ["If-None-Match:"], [f"If-Modified-Since: {date(-3000)}"]),
        ([MODIFIED], [f"If-Modified-Since: {date(-9)}"], [f"If-Modified-Since: {date(-3000)}"]),
        ([TAGGED], [f"If-Modified-Since: {date(-9)}"], ['If-None-Match: "a"']),
    ],
)
def test_how_the_service_is_asked(lines: list[str], asked: list[str], sent: list[str]) -> None:
    """RFC 9111, section 4.3.1."""
    for policy in (SHARED,):
        question = validated(stored(MINUTE, *lines, policy=policy), *asked, after=60, policy=policy)
        assert [f"{name}: {value}" for name, value in question.headers] == sent
        assert question.drop == {"if-none-match", "if-modified-since"}
