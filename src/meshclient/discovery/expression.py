"""The text of a resolver taken apart: URIs, ``a | b``, ``a + b`` and ``migrate(a, b)``. Pure.

``+`` binds tighter than ``|``. White space is required round the operators and after the comma, since ``+``, ``|`` and
``,`` may stand inside a URI. Only within ``migrate(...)`` do parentheses count; there, those of a URI go in pairs or
are written %28 and %29.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from meshclient.discovery.resolver import ResolverUri
from meshclient.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

_FALLBACK = re.compile(r"\s+\|\s+")
_UNION = re.compile(r"\s+\+\s+")
_COMMA = re.compile(r"\s+,\s*|,\s+")
_MIGRATE = re.compile(r"migrate\s*\(", re.IGNORECASE)
# A second URI after an operator without white space would vanish in the value of the first one's last option.
_GLUED = re.compile(r"://.*[|+]\s*[a-z][a-z0-9.-]*://", re.IGNORECASE | re.DOTALL)
_EXAMPLE = "migrate(consul://127.0.0.1:8500, cloudmap://prod)"


@dataclass(frozen=True, slots=True)
class Choice:
    """``a | b``: the first part that answers."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Sum:
    """``a + b``: all parts together."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Migration:
    """``migrate(a, b)``: `serving` answers, `next` is compared with it."""

    serving: Expression
    next: Expression


Expression: TypeAlias = "ResolverUri | Choice | Sum | Migration"


def parse(text: str) -> Expression:
    """What `text` describes. Raises ConfigError, with the part concerned, where it describes nothing."""
    choices = [
        _joined(Sum, [_term(part) for part in _split(_UNION, choice)]) for choice in _split(_FALLBACK, text.strip())
    ]
    return _joined(Choice, choices)


def uris(expression: Expression) -> Iterator[ResolverUri]:
    """Every URI in it, from left to right."""
    if isinstance(expression, ResolverUri):
        yield expression
    elif isinstance(expression, Migration):
        yield from uris(expression.serving)
        yield from uris(expression.next)
    else:
        for part in expression.parts:
            yield from uris(part)


def _joined(kind: type[Choice | Sum], parts: list[Expression]) -> Expression:
    return parts[0] if len(parts) == 1 else kind(tuple(parts))


def _term(text: str) -> Expression:
    text = text.strip()
    if not (opening := _MIGRATE.match(text)):
        if _GLUED.search(text):
            raise ConfigError(
                f"{ResolverUri.parse(text)} holds a second resolver: write white space on both sides of '|' and '+'"
            )
        return ResolverUri.parse(text)
    if _end(text, opening.end()) != len(text):
        fault = "never ends: a ')' is missing" if _end(text, opening.end()) < 0 else "has more behind its ')'"
        raise ConfigError(f"migrate(...) {fault}; write {_EXAMPLE}")
    parts = [part.strip() for part in _split(_COMMA, text[opening.end() : -1])]
    if len(parts) != 2 or not all(parts):
        found = sum(map(bool, parts))
        raise ConfigError(
            f"migrate(a, b) takes two resolvers and not {found}: write {_EXAMPLE}, with white space after the comma"
        )
    return Migration(parse(parts[0]), parse(parts[1]))


def _split(operator: re.Pattern[str], text: str) -> list[str]:
    """The parts of `text` between the operators that stand outside of every ``migrate(...)``."""
    parts, start, at = [], 0, 0
    while at < len(text):
        begins = at == 0 or text[at - 1].isspace()
        if begins and (opening := _MIGRATE.match(text, at)) and (end := _end(text, opening.end())) > 0:
            at = end
        elif found := operator.match(text, at):
            parts.append(text[start:at])
            start = at = found.end()
        else:
            at += 1
    return [*parts, text[start:]]


def _end(text: str, at: int) -> int:
    """Where the parenthesis that was opened before `at` has been closed, or -1."""
    depth = 1
    for place in range(at, len(text)):
        depth += (text[place] == "(") - (text[place] == ")")
        if depth == 0:
            return place + 1
    return -1
