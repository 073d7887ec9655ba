"""Conditional requests: those a cache answers, and those it sends (RFC 9111, section 4.3)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshclient.core.caching import dates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.core.caching.entry import Entry
    from meshclient.core.caching.message import Fields

# Only the service itself may evaluate them (section 4.3.2).
FOR_THE_SERVICE = frozenset({"if-match", "if-unmodified-since"})
# What a validation puts its own in the place of.
REPLACED = frozenset({"if-none-match", "if-modified-since"})
# Services that forget the quotes around an entity tag get it back as they sent it.
_TAG = re.compile(r'(?:W/)?"[^"]*+"|[^\s,"]++')
# RFC 9110, section 8.8.2.2: a date is a strong validator if the response is at least this much younger.
_STRONG_AFTER = 1.0


def tags(text: str) -> list[str]:
    """The entity tags in a list."""
    return _TAG.findall(text)


def strong(tag: str | None) -> bool:
    """Whether an entity tag stands for the very bytes."""
    return tag is not None and not tag.startswith("W/")


def not_modified(fields: Mapping[str, str], entry: Entry) -> bool:
    """Whether the client of a request has what `entry` is already, so that 304 answers it.

    If-None-Match comes before If-Modified-Since (RFC 9110, section 13.2.2). Where the entry does not say when it was
    modified, its Date does.
    """
    wanted = fields.get("if-none-match")
    if wanted is not None:
        return matches_any(entry.etag, wanted)
    since = fields.get("if-modified-since")
    limit = dates.parsed(since, entry.stored.received_at) if since is not None else None
    if limit is None:
        return False
    return (entry.date if entry.modified is None else entry.modified) <= limit


def matches_any(etag: str | None, wanted: str) -> bool:
    """Whether If-None-Match: `wanted` holds for what has the tag `etag`: a weak comparison."""
    if wanted.strip() == "*":
        return True
    return etag is not None and etag.removeprefix("W/") in {tag.removeprefix("W/") for tag in tags(wanted)}


def range_applies(fields: Mapping[str, str], entry: Entry) -> bool:
    """Whether If-Range lets the client have a part: only of the very representation it knows (RFC 9110, 13.1.5)."""
    wanted = fields.get("if-range")
    if wanted is None:
        return True
    wanted = wanted.strip()
    if entry.modified is not None and wanted == entry.modified_text:
        return entry.date - entry.modified >= _STRONG_AFTER
    return strong(entry.etag) and wanted == entry.etag


def others(fields: Mapping[str, str], entry: Entry) -> list[str]:
    """The tags of the client's that go along when `entry` is asked about; "*", which any matches, only by itself."""
    own = (entry.etag,) if entry.etag is None else (entry.etag, "*")
    return [tag for tag in tags(fields.get("if-none-match", "")) if tag not in own]


def validation(fields: Mapping[str, str], entry: Entry) -> Fields:
    """The fields that ask whether `entry` still holds, in the place of those of `REPLACED`.

    The tags that the client asked for go along, so that a service that has what the client has can say so.
    """
    made: list[tuple[str, str]] = []
    named = others(fields, entry) if entry.etag is None else [entry.etag, *others(fields, entry)]
    if named:
        made.append(("If-None-Match", ", ".join(named)))
    if entry.modified_text is not None:
        made.append(("If-Modified-Since", entry.modified_text))
    return tuple(made)
