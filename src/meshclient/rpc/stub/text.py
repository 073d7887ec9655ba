"""Values as text in paths, queries, headers and forms."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable

_SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]*")
_FIELD = re.compile(r"[\t\x20-\x7e]*")
_SEPARATOR = re.compile(r"[/\\]")
_DOTS = frozenset({".", ".."})


def _plain(value: object) -> str:
    return str.__str__(value) if isinstance(value, str) else str(value)


def _switch(value: object) -> str:
    return "true" if value else "false"


def _iso(value: date | time) -> str:
    return value.isoformat()


# In this order for those who derive from one: a bool is an int, a datetime a date.
TEXTS: dict[type, Callable[..., str]] = {
    str: _plain,
    bool: _switch,
    int: int.__repr__,
    float: float.__repr__,
    datetime: _iso,
    date: _iso,
    time: _iso,
    Decimal: str,
    UUID: str,
}


def text(value: object) -> str:
    """`value` as it is written into a request: true and false, ISO 8601, an enum's value; raises TypeError."""
    make = TEXTS.get(type(value))
    if make is not None:
        return make(value)
    if isinstance(value, Enum):
        return text(value.value)
    for kind, write in TEXTS.items():
        if isinstance(value, kind):
            return write(value)
    msg = f"{value!r} is a {type(value).__qualname__}, which has no text form in a request"
    raise TypeError(msg)


def segment(value: object) -> str:
    """`value` as a part of one path segment (RFC 3986 section 3.3), percent-encoded; raises ValueError.

    Refused is what would change the path's own structure for whoever decodes first and looks afterwards: nothing at
    all, and ``.`` or ``..`` between slashes, which no encoding protects from removal (RFC 3986 section 6.2.2.3).
    """
    if type(value) is int:
        return int.__repr__(value)
    written = text(value)
    if _SEGMENT.fullmatch(written):
        return written
    if not written:
        msg = "it is empty, and the path would be another one"
        raise ValueError(msg)
    if not _DOTS.isdisjoint(_SEPARATOR.split(written)):
        msg = f"{written!r} has a segment '.' or '..', which servers take as a step within the path"
        raise ValueError(msg)
    return quote(written, safe="")


def component(value: object) -> str:
    """`value` as a name or a value within a query, percent-encoded."""
    written = text(value)
    return written if _UNRESERVED.fullmatch(written) else quote(written, safe="")


def field(value: object) -> str:
    """`value` as that of a header field; raises ValueError for what a header cannot carry (RFC 9110 section 5.5)."""
    written = text(value)
    if _FIELD.fullmatch(written):
        return written
    msg = f"{written!r} has characters that a header cannot carry: printable ASCII can, others must be encoded first"
    raise ValueError(msg)
