"""The kinds of value that only policies have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshclient.config.kinds import Kind, Written, listed_or_texts, shown
from meshclient.config.policy_shape import HashKey
from meshclient.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

SHADOWED = ("ejection", "retry", "hedge", "throttle", "circuit", "limit")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
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
        raise ConfigError(f"{shown(value)} is out of place: write a number between 0 and 1, such as 0.95")
    return float(value)  # type: ignore[arg-type]


def _write_share(value: float | None) -> Written:
    return False if value is None else value


HASH_KEY = Kind(_hash_key, lambda value: str(value) if value else False, spelled=str)
SHADOW = Kind(_shadow, spelled=listed_or_texts)
FACTOR = Kind(_factor(1.0))
OPTIONAL_SHARE = Kind(_share, _write_share)
