"""A table whose rows change each second while somebody moves in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.coordinate import Coordinate
from textual.widgets import DataTable

from meshclient.cli.render import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.cli.render import Cell, Column
    from meshclient.cli.tui.rows import Row


class Table(DataTable[Text]):
    """Shows rows, and keeps the chosen one chosen wherever it goes.

    Args:
        columns: the titles.
        id: of the widget.

    Attributes:
        chosen: the key of the row that the cursor is on; empty where there is none.
    """

    def __init__(self, columns: Sequence[Column], *, id: str) -> None:  # noqa: A002 - textual's name
        super().__init__(id=id, cursor_type="row", zebra_stripes=False, cell_padding=1)
        self._columns = tuple(columns)
        self._shown: list[Row] = []

    def on_mount(self) -> None:
        """The titles."""
        for column in self._columns:
            self.add_column(Text(column.title, justify="right" if column.right else "left"))

    @property
    def chosen(self) -> str:
        """As told above."""
        return self._shown[self.cursor_row].key if 0 <= self.cursor_row < len(self._shown) else ""

    def label(self, key: str) -> str:
        """What stands in the first column of a row."""
        return next((row.cells[0].text for row in self._shown if row.key == key), key)

    def show(self, rows: Sequence[Row]) -> None:
        """Show these in the place of what is there."""
        before, chosen = self._shown, self.chosen
        self._shown = list(rows)
        if [row.key for row in before] == [row.key for row in rows]:
            # In place: nothing jumps under the cursor.
            for at, (old, new) in enumerate(zip(before, rows, strict=True)):
                for column, (was, cell) in enumerate(zip(old.cells, new.cells, strict=True)):
                    if was != cell:
                        self.update_cell_at(Coordinate(at, column), self._cell(column, cell), update_width=True)
            return
        where = next((at for at, row in enumerate(rows) if row.key == chosen), min(self.cursor_row, len(rows) - 1))
        self.clear()
        for row in rows:
            self.add_row(*(self._cell(column, cell) for column, cell in enumerate(row.cells)))
        if rows:
            self.move_cursor(row=max(0, where), animate=False)

    def _cell(self, column: int, cell: Cell) -> Text:
        justify = "right" if self._columns[column].right else "left"
        text = printable(cell.text) or "-"
        # The name gives way where the screen is narrow.
        room = max(16, self.app.size.width - 58)
        if not column and len(text) > room:
            text = text[: room - 1] + "\N{HORIZONTAL ELLIPSIS}"
        return Text(text, cell.style, justify=justify, no_wrap=True)  # type: ignore[arg-type]
