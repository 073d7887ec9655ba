"""Dictionaries of structured fields (RFC 8941, section 4.2.2), as targeted Cache-Control is written (RFC 9213)."""

from __future__ import annotations

import re

_KEY = r"[a-z*][a-z0-9_\-.*]*+"
_STRING = r'"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*+"'
_ITEM = (
    # Decimals and integers; strings, tokens, bytes, booleans.
    r"(?:-?[0-9]{1,12}\.[0-9]{1,3}|-?[0-9]{1,15}(?![0-9.])"
    rf"|{_STRING}|[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*+|:[A-Za-z0-9+/=]*+:|\?[01])"
)
_PARAMETERS = rf"(?:; *+{_KEY}(?:={_ITEM})?)*+"
_LIST = rf"\( *+(?:{_ITEM}{_PARAMETERS}(?: ++|(?=\))))*+\){_PARAMETERS}"
_MEMBER = re.compile(rf"({_KEY})(?:=(?:({_ITEM}){_PARAMETERS}|({_LIST}))|({_PARAMETERS}))")
_COMMA = re.compile(r"[ \t]*+,[ \t]*+")
# The directives whose argument is a list of names, in a string; a number in a string has the wrong type.
_NAMING = ("no-cache", "private")
_WRONG = "?"


def directives(text: str) -> list[tuple[str, str | None]] | None:
    """The members of a dictionary as directives and their arguments; None where it is none or empty.

    Parameters are left out, and so are members that are false. The value of a key that comes again is the later one.
    """
    rest = text.strip(" ")
    found: dict[str, str | None] = {}
    at = 0
    while at < len(rest):
        member = _MEMBER.match(rest, at)
        if member is None:
            return None
        key, value, several, _ = member.groups()
        if several is not None or (value is not None and value[0] == '"' and key not in _NAMING):
            value = _WRONG
        found[key] = None if value == "?1" else value
        at = member.end()
        if at < len(rest):
            comma = _COMMA.match(rest, at)
            if comma is None or comma.end() == len(rest):
                return None
            at = comma.end()
    return [(key, value) for key, value in found.items() if value != "?0"] or None
