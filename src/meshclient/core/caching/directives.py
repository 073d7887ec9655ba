"""Cache-Control, read once into a record (RFC 9111, section 5.2; RFC 5861; RFC 8246).

Nothing here fails. What is unknown is ignored; of what is malformed, that which restricts a cache holds and that which
frees it does not: a lifetime that is no number has passed. Of a number given twice the first holds (section 4.2.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.core.caching import lists

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# RFC 9111, section 1.2.2: what a number too large stands for.
MOST_SECONDS = 2**31
# Digits that make a number larger than that; int() refuses thousands of them.
_ENOUGH = 11
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Directives:
    """What a response tells caches; seconds are None where it tells nothing.

    Args:
        withheld: fields that must not be reused without validation (`no-cache="..."`).
        personal: fields that a shared cache must not store (`private="..."`).
    """

    no_store: bool = False
    no_cache: bool = False
    private: bool = False
    public: bool = False
    must_revalidate: bool = False
    proxy_revalidate: bool = False
    must_understand: bool = False
    immutable: bool = False
    max_age: int | None = None
    s_maxage: int | None = None
    stale_while_revalidate: int | None = None
    stale_if_error: int | None = None
    withheld: frozenset[str] = _NONE
    personal: frozenset[str] = _NONE


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a request asks of caches.

    Args:
        max_age: most seconds of age.
        min_fresh: seconds that the response is to stay fresh.
        max_stale: seconds that it may be stale, None: none.
        stale_if_error: the same, should there be no response.
    """

    no_store: bool = False
    no_cache: bool = False
    only_if_cached: bool = False
    max_age: int | None = None
    min_fresh: int = 0
    max_stale: int | None = None
    stale_if_error: int | None = None


NO_WISHES = Wishes()


def seconds(text: str | None) -> int | None:
    """delta-seconds, at most 2^31; None where it is no number."""
    bare = lists.unquoted(text or "")  # "recipients ought to accept both forms"
    if not (bare.isascii() and bare.isdigit()):
        return None
    return min(int((bare.lstrip("0") or "0")[:_ENOUGH]), MOST_SECONDS)


def pairs(text: str) -> list[tuple[str, str | None]]:
    """Names in lower case and arguments of the directives in `text`.

    White space around the equals sign is no part of the grammar. It stays in the argument, where it makes no number.
    """
    found = []
    for member in lists.members(text):
        name, equals, argument = member.partition("=")
        bare = name.rstrip()
        found.append((bare.lower(), name[len(bare) :] + argument if equals else None))
    return found


def of_response(given: Iterable[tuple[str, str | None]]) -> Directives:
    """The directives of a response."""
    first, listed = _gathered(given)
    return Directives(
        no_store="no-store" in first,
        no_cache="no-cache" in first and not listed["no-cache"],
        private="private" in first and not listed["private"],
        public=_bare(first, "public"),
        must_revalidate="must-revalidate" in first,
        proxy_revalidate="proxy-revalidate" in first,
        must_understand=_bare(first, "must-understand"),
        immutable=_bare(first, "immutable"),
        max_age=_number(first, "max-age"),
        s_maxage=_number(first, "s-maxage"),
        stale_while_revalidate=_number(first, "stale-while-revalidate"),
        stale_if_error=_number(first, "stale-if-error"),
        withheld=listed["no-cache"],
        personal=listed["private"],
    )


def of_request(fields: Mapping[str, str]) -> Wishes:
    """What a request's Cache-Control asks for; where there is none, what its Pragma does (section 5.4)."""
    control = fields.get("cache-control")
    if control is None:
        pragma = fields.get("pragma")
        asks = pragma is not None and any(name == "no-cache" for name, _ in pairs(pragma))
        return Wishes(no_cache=True) if asks else NO_WISHES
    first, _ = _gathered(pairs(control))
    max_stale = seconds(first.get("max-stale"))
    return Wishes(
        no_store="no-store" in first,
        no_cache="no-cache" in first,
        only_if_cached="only-if-cached" in first,
        max_age=_number(first, "max-age"),
        min_fresh=seconds(first.get("min-fresh")) or 0,
        max_stale=MOST_SECONDS if _bare(first, "max-stale") else max_stale,
        stale_if_error=seconds(first.get("stale-if-error")),
    )


def _gathered(given: Iterable[tuple[str, str | None]]) -> tuple[dict[str, str | None], dict[str, frozenset[str]]]:
    """The first argument of each directive, and the fields that no-cache and private name, none where one has none."""
    first: dict[str, str | None] = {}
    named: dict[str, list[frozenset[str]]] = {"no-cache": [], "private": []}
    for name, argument in given:
        first.setdefault(name, argument)
        if name in named:
            named[name].append(lists.names(lists.unquoted(argument or "")))
    return first, {name: _NONE.union(*sets) if all(sets) else _NONE for name, sets in named.items()}


def _bare(first: Mapping[str, str | None], name: str) -> bool:
    return name in first and first[name] is None


def _number(first: Mapping[str, str | None], name: str) -> int | None:
    # "Caches are encouraged to consider responses that have invalid freshness information to be stale."
    return (seconds(first[name]) or 0) if name in first else None
