"""The kinds of value that only policies have."""

from __future__ import annotations

import re
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING

from meshclient.config.kinds import Kind, Written, listed_or_texts, shown, switch_or_value
from meshclient.config.policy_shape import HashKey
from meshclient.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

SHADOWED = ("ejection", "retry", "hedge", "throttle", "circuit", "limit", "guard")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# With a query, but with nothing that a client would have to quote, and no fragment.
_PATH = re.compile(r'/[!"$-;=?-~]*')
_MOST_FACTOR = 1000.0


def _hash_key(value: object) -> HashKey | None:
    if value is False or value is None:
        return None
    if isinstance(value, HashKey):
        return value
    source, colon, name = value.partition(":") if isinstance(value, str) else ("", "", "")
    if source in ("path", "call") and not colon:
        return HashKey(source)
    if source in ("header", "cookie") and _TOKEN.fullmatch(name):
        return HashKey(source, name.lower() if source == "header" else name)
    raise ConfigError(
        f"{shown(value)} is nothing to be sticky by: write 'header:x-user', 'cookie:session', 'path' or 'call'"
    )


def _shadow(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or any(item not in SHADOWED for item in value):
        raise ConfigError(f"{shown(value)} is not a list of policies: write some of {', '.join(SHADOWED)}")
    return tuple(dict.fromkeys(value))


def _cookie(value: object) -> str:
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise ConfigError(f"{shown(value)} is not a cookie's name: write one such as 'mesh-endpoint'")
    return value


def _path(value: object) -> str:
    if not isinstance(value, str) or not _PATH.fullmatch(value):
        raise ConfigError(f"{shown(value)} is not a path on the endpoint: write one such as '/healthz'")
    return value


def _optional_count(value: object) -> int | None:
    if value is False or value is None:
        return None
    if type(value) is not int or value < 1:
        raise ConfigError(f"{shown(value)} is out of place: write a whole number from 1, or false for any")
    return value


def _strategy(value: object) -> Callable[[object], object] | None:
    if value is False or value is None:
        return None
    if isinstance(value, type) or not callable(value):
        raise ConfigError(
            f"{shown(value)} is no strategy: give an object of tenacity's, such as tenacity.wait_fixed(1), as a "
            "keyword argument or with a call; files, variables and --set cannot hold one"
        )
    if iscoroutinefunction(value) or iscoroutinefunction(type(value).__call__):
        raise ConfigError(f"{shown(value)} is asynchronous: give a strategy that decides without waiting")
    return value


def _factor(least: float) -> Callable[[object], float]:
    def read(value: object) -> float:
        if type(value) not in (int, float) or not least <= value <= _MOST_FACTOR:  # type: ignore[operator]
            raise ConfigError(f"{shown(value)} is out of place: write a number from {least:g} to {_MOST_FACTOR:g}")
        return float(value)  # type: ignore[arg-type]

    return read


def _share(value: object) -> float | None:
    if value is False or value is None:
        return None
    if type(value) not in (int, float) or not 0 < value < 1:  # type: ignore[operator]
        raise ConfigError(
            f"{shown(value)} is out of place: write a number between 0 and 1, such as 0.95, or false for 1 - extra"
        )
    return float(value)  # type: ignore[arg-type]


def _write_share(value: float | None) -> Written:
    return False if value is None else value


HASH_KEY = Kind(_hash_key, lambda value: str(value) if value else False, spelled=switch_or_value)
SHADOW = Kind(_shadow, spelled=listed_or_texts)
# Not even a written one can be read again.
STRATEGY = Kind(_strategy, lambda value: False if value is None else value)
FACTOR = Kind(_factor(1.0))
OPTIONAL_SHARE = Kind(_share, _write_share, spelled=switch_or_value)
COOKIE = Kind(_cookie, spelled=str)
PATH = Kind(_path, spelled=str)
OPTIONAL_COUNT = Kind(_optional_count, lambda value: False if value is None else value, spelled=switch_or_value)
