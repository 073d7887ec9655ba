"""Whether what was printed is what a page shows, where no reader would call it a difference.

Any white space is a blank, lines of a table's frame have any length, a duration is a duration, an id an id. ``...``
stands for anything, also for lines.
"""

from __future__ import annotations

import re

_SAME = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"[─━-]{3,}"), "---"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"), "TIME"),
    (re.compile(r'"(\w+_seconds)": ?-?\d+(?:\.\d+)?(?:e-?\d+)?'), r'"\1": N'),
    (re.compile(r"<?\b\d+(?:\.\d+)?(?:e-?\d+)? ?(?:us|µs|ms|s|m|h)\b"), "DURATION"),
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{32}\b|\b[0-9a-f]{16}\b"), "ID"),
    (re.compile(r"\s+"), " "),
)


def normal(text: str) -> str:
    """`text` without what may differ."""
    for pattern, instead in _SAME:
        text = pattern.sub(instead, text)
    return text.strip()


def matches(shown: str, printed: str) -> bool:
    """Whether a page that shows `shown` is true where `printed` came."""
    parts = [re.escape(part.strip()) for part in normal(shown).split("...")]
    return re.fullmatch(r"\s*.*?\s*".join(parts), normal(printed), re.DOTALL) is not None
