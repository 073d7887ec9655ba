"""Durations as people write them: ``"250ms"``, ``"1.5s"``, ``"2m"`` or plain seconds."""

from __future__ import annotations

import math
import re

_UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_TEXT = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(ms|s|m|h)?")


def parse_duration(value: object) -> float:
    """Seconds in `value`: a number of seconds, or text with the unit ms, s, m or h.

    Raises ValueError for anything negative, infinite, or not a duration.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            seconds = float(value)
        except OverflowError:
            seconds = math.inf
    elif isinstance(value, str) and (found := _TEXT.fullmatch(value.strip())):
        seconds = float(found[1]) * _UNITS[found[2] or "s"]
    else:
        msg = f"{value!r} is not a duration: write seconds (0.25) or text like '250ms', '2s', '5m'"
        raise ValueError(msg)
    if not (math.isfinite(seconds) and seconds >= 0):
        msg = f"{value!r} is not a duration: it must be finite and not negative"
        raise ValueError(msg)
    return seconds


def format_duration(seconds: float) -> str:
    """`seconds` for a person: ``250ms``, ``1.5s``, ``2m``, ``3h``."""
    # 999.5 and more, cut to three digits, would read 1e+03ms.
    if seconds < 0.9995:
        return f"{seconds * 1000:.3g}ms"
    if seconds < 60:
        return f"{seconds:.3g}s"
    if seconds < 3600:
        return f"{seconds / 60:.3g}m"
    hours = seconds / 3600
    return f"{hours:.3g}h" if hours < 100 else f"{hours:.0f}h"
