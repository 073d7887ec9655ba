"""Tables on a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.cli.page.markup import Markup, element, joined
from meshclient.cli.render import Cell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.cli.render import Column, Sheet

# The words for colours of the terminal.
_TONES = {"green": "good", "red": "bad", "yellow": "warn", "dim": "faint"}


def table(sheet: Sheet, name: str) -> Markup:
    """`sheet` with all of its columns; it is scrolled within itself where it is too wide. `name` is of its heading."""
    return grid(sheet.columns, sheet.rows, name if sheet.caption else "")


def grid(columns: Sequence[Column], rows: Sequence[Sequence[str | Cell]], name: str = "") -> Markup:
    """Rows beneath the titles of their columns; the first cell of a row is its heading."""
    sides = ["right" if column.right else None for column in columns]
    heads = [element("th", column.title, scope="col", class_=side) for column, side in zip(columns, sides, strict=True)]
    body = [
        element("tr", *(_cell(cell, at, side) for at, (cell, side) in enumerate(zip(row, sides, strict=True))))
        for row in rows
    ]
    whole = element("table", element("thead", element("tr", *heads)), element("tbody", joined(body)))
    # Whoever has no pointer scrolls what has the focus.
    return element("div", whole, class_="scroll", tabindex=0, role="region", aria_labelledby=name or None)


def _cell(cell: str | Cell, at: int, side: str | None) -> Markup:
    shown = cell if isinstance(cell, Cell) else Cell(cell)
    tone = next((_TONES[word] for word in shown.style.split() if word in _TONES), None)
    classes = " ".join(each for each in (side, tone) if each) or None
    if at == 0:
        return element("th", shown.text or "-", scope="row", class_=classes)
    return element("td", shown.text or "-", class_=classes)
