"""The kinds of value that say what is kept of responses."""

from __future__ import annotations

import re

from meshclient.config.kinds import Kind, Written, listed_or_texts, shown, switch_or_value, write_duration
from meshclient.config.wire_kinds import SIZE
from meshclient.errors import ConfigError
from meshclient.model.duration import format_duration, parse_duration

CACHES = ("private", "shared")
_DAY = 86_400.0
# As far as RFC 2616 (14.21) let a server promise; no timer runs for it.
_LONGEST_AGE = 365 * _DAY
_FIELD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_URI = re.compile(r"[a-z][a-z0-9+.-]*://\S+")


def _kind(value: object) -> str:
    if value not in CACHES:
        raise ConfigError(f"{shown(value)} is unknown: write {' or '.join(CACHES)}, or false for no cache")
    return str(value)


def _room(value: object) -> int:
    size = SIZE.read(value) if value is not False and value is not None else 0
    if not isinstance(size, int) or size == 0:
        raise ConfigError(f"{shown(value)} leaves no room: write a size such as '64MiB', or cache = false")
    return size


def _store(value: object) -> str:
    if value is False or value is None:
        return ""
    text = value.strip() if isinstance(value, str) else "?"
    if text and not _URI.fullmatch(text):
        raise ConfigError(
            f"{shown(value)} is not the address of a store: write one such as 'redis://127.0.0.1:6379/0', or '' for "
            "this process's memory"
        )
    return text


def _age(value: object) -> float:
    if not isinstance(value, int | float | str) or isinstance(value, bool):
        raise ConfigError(f"{shown(value)} is not a duration: write seconds (30) or text like '30s', '5m'")
    seconds = value if not isinstance(value, str) and value > _LONGEST_AGE else parse_duration(value)
    if seconds > _LONGEST_AGE:
        raise ConfigError(f"{shown(value)} is longer than a year: write {format_duration(_LONGEST_AGE)} or less")
    return float(seconds)


def _optional_age(value: object) -> float | None:
    if value is False or value is None:
        return None
    try:
        seconds = _age(value)
    except ValueError as exc:
        raise ConfigError(f"{exc}, or false for what the response says") from None
    if seconds == 0:
        raise ConfigError(f"{shown(value)} is no time at all: write a duration above zero, or false")
    return seconds


def _staleness(value: object) -> float:
    if value is False or value is None:
        return 0.0
    if value is True:
        return _DAY
    try:
        return _age(value)
    except ValueError as exc:
        raise ConfigError(f"{exc}, true for a day, or false for not at all") from None


def _fields(value: object) -> tuple[str, ...]:
    if value is False or value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{shown(value)} is not a list: write names of header fields such as ['cdn-cache-control']")
    for name in value:
        if not isinstance(name, str) or not _FIELD.fullmatch(name):
            raise ConfigError(f"{shown(name)} is no name of a header field: write one such as 'cdn-cache-control'")
    return tuple(dict.fromkeys(name.lower() for name in value))


def _write_optional(seconds: float | None) -> Written:
    return False if seconds is None else write_duration(seconds)


CACHE = Kind(_kind, spelled=str)
ROOM = Kind(_room, SIZE.write)
STORE = Kind(_store, spelled=str)
OPTIONAL_AGE = Kind(_optional_age, _write_optional, spelled=switch_or_value)
FIELDS = Kind(_fields, spelled=listed_or_texts)
STALENESS = Kind(_staleness, lambda seconds: write_duration(seconds) if seconds else False, spelled=switch_or_value)
