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
        self._given = 0

    def on_mount(self) -> None:
        """The titles."""
        self._fill(0)

    def on_resize(self) -> None:
        """There is more or less room for names."""
        if self._room() != self._given:
            self._fill(self.cursor_row)

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
        self._fill(where)

    def _fill(self, where: int) -> None:
        # The columns too: they would stay as wide as they ever were.
        self._given = self._room()
        self.clear(columns=True)
        rows = [[self._cell(column, cell) for column, cell in enumerate(row.cells)] for row in self._shown]
        for at, column in enumerate(self._columns):
            title = Text(column.title, justify="right" if column.right else "left")
            key = self.add_column(title)
            # Measured here: what is drawn before the table is idle would be cut, and stay so until it changes.
            self.columns[key].content_width = max([title.cell_len, *(row[at].cell_len for row in rows)])
        for row in rows:
            self.add_row(*row)
        if self._shown:
            self.move_cursor(row=max(0, where), animate=False)

    def _room(self) -> int:
        """For names, which give way where the screen is narrow."""
        return max(16, self.app.size.width - 58)

    def _cell(self, column: int, cell: Cell) -> Text:
        justify = "right" if self._columns[column].right else "left"
        text = printable(cell.text) or "-"
        if not column and len(text) > self._given:
            text = text[: self._given - 1] + "\N{HORIZONTAL ELLIPSIS}"
        return Text(text, cell.style, justify=justify, no_wrap=True)  # type: ignore[arg-type]
