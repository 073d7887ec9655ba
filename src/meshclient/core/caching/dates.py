"""Dates in header fields (RFC 9110, section 5.6.7)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

_DAYS = "mon|tue|wed|thu|fri|sat|sun"
_LONG_DAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})"
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
# "A cache recipient SHOULD match the field value case-insensitively" and take a zone other than GMT for invalid (RFC
# 9111, section 4.2). In everything else the grammar is kept to: an invalid date has expired, so strictness is safe.
_COMPLETE = tuple(
    re.compile(pattern, re.IGNORECASE | re.ASCII)
    for pattern in (
        rf"(?:{_DAYS}), (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT",
        rf"(?:{_DAYS}) {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})",
    )
)
_SHORT = re.compile(
    rf"(?:{_LONG_DAYS}), (?P<day>[0-9]{{2}})-{_MONTH}-(?P<short>[0-9]{{2}}) {_TIME} GMT", re.IGNORECASE | re.ASCII
)
_LONGEST = len("Wednesday, 31-Dec-99 23:59:59 GMT")
_EPOCH = date(1970, 1, 1).toordinal()
_START = datetime(1970, 1, 1, tzinfo=UTC)
# Sun, 31 Dec 9999 23:59:59 GMT: the last date with a year of four digits.
_END = 253_402_300_799
# Two digits mean the past where they would mean more than fifty years from now.
_HORIZON = 50


def parsed(text: str, now: float) -> float | None:
    """Seconds since 1970 of a date in any of the three formats; None where it is no date.

    Args:
        text: the field's value.
        now: seconds since 1970, to tell the century of the format of RFC 850.
    """
    bare = text.strip(" \t")
    if len(bare) > _LONGEST:
        return None
    if match := _SHORT.fullmatch(bare):
        return _seconds(match, now)
    return _complete(bare)


# All responses of a second have the same Date, and each is read several times.
@lru_cache(maxsize=128)
def _complete(text: str) -> float | None:
    """The same, where the date has all of its year."""
    for form in _COMPLETE:
        if match := form.fullmatch(text):
            return _seconds(match, 0.0)
    return None


def _seconds(match: re.Match[str], now: float) -> float | None:
    part = match.groupdict()
    month = _MONTHS.index(part["month"].lower()) + 1
    hour, minute, second = int(part["hour"]), int(part["minute"]), int(part["second"])
    if hour > 23 or minute > 59 or second > 60:  # 60: a leap second
        return None
    in_day = hour * 3600 + minute * 60 + second
    try:
        if part.get("year") is not None:
            return _day(int(part["year"]), month, int(part["day"])) + in_day
        return _recent(int(part["short"]), month, int(part["day"]), in_day, now)
    except ValueError:  # 30 February, or the year 0000
        return None


def _day(year: int, month: int, day: int) -> float:
    return (date(year, month, day).toordinal() - _EPOCH) * 86400.0


def _recent(short: int, month: int, day: int, in_day: int, now: float) -> float:
    """The date with these last two digits of a year that is at most fifty years ahead, and the latest such."""
    today = _at(now)
    last = today.year + _HORIZON
    year = last - (last - short) % 100
    seconds = _day(year, month, day) + in_day
    leap = (today.month, today.day) == (2, 29)
    limit = _day(last, 3, 1) if leap else _day(last, today.month, today.day)
    return seconds if seconds <= limit + now % 86400 else _day(year - 100, month, day) + in_day


def _at(seconds: float) -> datetime:
    return _START + timedelta(seconds=int(min(max(seconds, 0.0), _END)))


def written(seconds: float) -> str:
    """`seconds` since 1970 as a date that may be sent, between the years 1970 and 9999."""
    at = _at(seconds)
    day = _DAYS.split("|")[at.weekday()].capitalize()
    month = _MONTHS[at.month - 1].capitalize()
    return f"{day}, {at.day:02} {month} {at.year:04} {at.hour:02}:{at.minute:02}:{at.second:02} GMT"
