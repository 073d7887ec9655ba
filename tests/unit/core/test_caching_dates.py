"""Dates in all three formats, and what is none (RFC 9110, section 5.6.7; RFC 9111, section 4.2)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from meshclient.core.caching import dates

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()
SAMPLE = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "SUN, 06 nov 1994 08:49:37 gmt",
        " Sun, 06 Nov 1994 08:49:37 GMT\t",
    ],
)
def test_the_three_formats_mean_the_same(text: str) -> None:
    assert dates.parsed(text, NOW) == SAMPLE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1",
        "now",
        "784111777",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 08.49.37 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06  Nov  1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37",
        "Xyz, 06 Nov 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 23:60:00 GMT",
        "Sun, 06 Nov 1994 23:00:61 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, \u0660\u0666 Nov 1994 08:49:37 GMT",
        "Sun Nov 06  08:49:37 1994",
    ],
)
def test_what_is_no_date(text: str) -> None:
    assert dates.parsed(text, NOW) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
        ("Mon, 01 Jan 0001 00:00:00 GMT", -62135596800),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 253402300799),
        ("Tue, 19 Jan 2038 03:14:08 GMT", 2**31),
        ("Sat, 31 Dec 2016 23:59:60 GMT", 1483228800),
    ],
)
def test_the_ends_of_time(text: str, seconds: float) -> None:
    assert dates.parsed(text, NOW) == seconds


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("Saturday, 21-Nov-76 12:00:00 GMT", 2076),  # fifty years from now
        ("Saturday, 21-Nov-76 12:00:01 GMT", 1976),  # a second more
        ("Saturday, 01-Jan-76 00:00:00 GMT", 2076),
        ("Saturday, 01-Jan-77 00:00:00 GMT", 1977),
        ("Saturday, 21-Nov-26 12:00:00 GMT", 2026),
        ("Saturday, 21-Nov-25 12:00:00 GMT", 2025),
        ("Saturday, 21-Nov-00 12:00:00 GMT", 2000),
        ("Saturday, 21-Nov-99 12:00:00 GMT", 1999),
    ],
)
def test_two_digits_of_a_year_are_at_most_fifty_years_ahead(text: str, year: int) -> None:
    seconds = dates.parsed(text, NOW)
    assert seconds is not None
    at = datetime.fromtimestamp(seconds, UTC)
    assert (at.year, f"{at:%d-%b-%y %H:%M:%S}") == (year, text.removeprefix("Saturday, ").removesuffix(" GMT"))


def test_the_rule_of_fifty_years_on_a_leap_day() -> None:
    leap_day = datetime(2028, 2, 29, tzinfo=UTC).timestamp()
    assert dates.parsed("Tuesday, 28-Feb-78 00:00:00 GMT", leap_day) == datetime(2078, 2, 28, tzinfo=UTC).timestamp()
    assert dates.parsed("Tuesday, 02-Mar-78 00:00:00 GMT", leap_day) == datetime(1978, 3, 2, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (SAMPLE + 0.9, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (-5.0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (1e15, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ],
)
def test_a_date_is_written_for_any_time(seconds: float, text: str) -> None:
    assert dates.written(seconds) == text
