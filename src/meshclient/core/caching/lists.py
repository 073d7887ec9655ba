"""Comma-separated lists, as most header fields are (RFC 9110, section 5.6.1)."""

from __future__ import annotations

import re

# Possessive throughout, so that no value takes more than one pass over it.
_STRING = r'"(?:[^"\\]|\\.)*+"'
_CLOSED = re.compile(rf'(?:[^"]++|{_STRING})*+', re.DOTALL)
# Whatever is between commas; a comma in a quoted string is none.
_MEMBER = re.compile(rf'(?:[^,"]++|{_STRING})++', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def members(text: str) -> list[str]:
    """The members of a list, without the white space around them and without empty ones.

    A quotation mark that nobody closes hides nothing: it counts as white space.
    """
    closed = _CLOSED.match(text)
    end = closed.end() if closed else 0
    if end < len(text):
        text = text[:end] + text[end:].replace('"', " ")
    return [member for found in _MEMBER.findall(text) if (member := found.strip(" \t"))]


def unquoted(text: str) -> str:
    """What a quoted string stands for (RFC 9110, section 5.6.4); other text as it is."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        return _ESCAPED.sub(r"\1", text[1:-1])
    return text


def names(text: str) -> frozenset[str]:
    """The field names in a list, in lower case; what is no name is left out."""
    return frozenset(name.lower() for name in members(text) if _TOKEN.fullmatch(name))
