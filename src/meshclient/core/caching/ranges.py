"""One range of bytes out of a complete representation (RFC 9110, section 14)."""

from __future__ import annotations

import re

# One range of bytes; for several, and for other units, a server may answer with everything.
_RANGE = re.compile(r"bytes=[ \t]*+(?:([0-9]++)-([0-9]*+)|-([0-9]++))[ \t]*+", re.IGNORECASE | re.ASCII)
# Digits that make a position behind every end; int() refuses thousands of them.
_ENOUGH = 19

Span = tuple[int, int]
# Nothing of what was asked for exists: 416.
UNSATISFIABLE: Span = (-1, -1)


def span(text: str, length: int) -> Span | None:
    """First byte and the one behind the last of the part of `length` bytes that a Range field asks for.

    UNSATISFIABLE where there is no such part; None where the field is to be ignored: everything is the answer.
    """
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        return None
    first, last, suffix = (_position(part) if part else None for part in match.groups())
    if suffix is not None:
        if suffix == 0:
            return UNSATISFIABLE
        return (max(0, length - suffix), length) if length else None
    if first is None or (last is not None and last < first):
        return None
    if first >= length:
        return UNSATISFIABLE
    return first, length if last is None else min(last + 1, length)


def _position(digits: str) -> int:
    return int((digits.lstrip("0") or "0")[:_ENOUGH])
