"""Tables where nobody looks at a screen: padded, never folded, without colours, and without rich.

rich takes longer to import than most answers take to come. What it lays out for a pipe is laid out here in the same
way, as long as every letter is one place wide, which is certain for ASCII alone.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_GAP = "  "
# By these, rich takes whatever it writes to for a terminal, or for one of another width.
_TERMINAL = ("FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS")


def is_plain(texts: Sequence[str]) -> bool:
    """Whether standard output is no terminal, is not to be treated as one, and `texts` are ASCII."""
    if sys.stdout.isatty() or any(os.environ.get(variable) for variable in _TERMINAL):
        return False
    return all(map(str.isascii, texts))


def aligned(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    """A line for each of `rows`; the columns that are `right` are aligned there."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        _GAP.join(
            text.rjust(width) if rightly else text.ljust(width)
            for text, width, rightly in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    ]
