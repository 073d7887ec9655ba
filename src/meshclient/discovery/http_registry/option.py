"""Options of a registry's URI that have more rules than `ResolverUri` knows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshclient.discovery.resolver import ResolverUri


def choice(uri: ResolverUri, option: str, allowed: Iterable[str], default: str = "") -> str:
    """One of `allowed`, or `default`. Raises ConfigError for anything else."""
    value = uri.text(option, default)
    if value != default and value not in (words := tuple(allowed)):
        raise ConfigError(f"{option}={value!r} in {uri}: write {' or '.join(words)}")
    return value


def seconds(uri: ResolverUri, option: str, default: float, *, least: float = 0.0, most: float = math.inf) -> float:
    """A time above 0, from `least` to `most`. Raises ConfigError for anything else."""
    value = uri.duration(option, default)
    if value <= 0 or not least <= value <= most:
        bound = f"at least {least:g}" if least else "above 0"
        bound += f" and at most {most:g}" if math.isfinite(most) else ""
        raise ConfigError(f"{option}={value:g} in {uri}: seconds must be {bound}")
    return value
