"""The one renderer: an answer becomes a table, a document, lines or names.

Commands say what the answer is and never how it looks. rich is imported for tables alone, so that scripts which ask
for JSON do not pay for it.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console, RenderableType

    from meshclient.cli.chart import Chart

# Wide enough for any row: where nobody looks at a screen, a table is never folded.
_UNFOLDED = 4096


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    JSONL = "jsonl"
    NAME = "name"


class Cell(NamedTuple):
    """A text in a table with a rich style, such as ``green``."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; `wide` ones are shown with ``-o wide`` only, `right` ones hold numbers."""

    title: str
    wide: bool = False
    right: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows under columns, beneath a caption."""

    caption: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[str | Cell]]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a command in all its forms.

    Args:
        document: for ``json``.
        sheets: for ``table`` and ``wide``.
        names: for ``name``, a line each.
        lines: for ``jsonl``; the document alone where not given.
        charts: drawn below the sheets for ``table`` and ``wide``.
    """

    document: Mapping[str, object]
    sheets: Sequence[Sheet]
    names: Sequence[str]
    lines: Sequence[Mapping[str, object]] = ()
    charts: Sequence[Chart] = ()


class Renderer:
    """Writes answers to standard output.

    Args:
        form: how.
        header: whether captions and column titles are shown.
        color: ``auto``, ``always`` or ``never``; ``auto`` honours NO_COLOR and FORCE_COLOR.
    """

    def __init__(self, form: Format, *, header: bool, color: str) -> None:
        self.form = form
        self._header = header
        self._color = color

    @property
    def live(self) -> bool:
        """Whether a table may be drawn again and again in place."""
        return self.form in (Format.TABLE, Format.WIDE) and sys.stdout.isatty()

    def show(self, answer: Answer) -> None:
        """Write the whole answer."""
        if self.form is Format.JSON:
            click.echo(json.dumps(answer.document, indent=2, allow_nan=False))
        elif self.form is Format.JSONL:
            for line in answer.lines or [answer.document]:
                self.line(line)
        elif self.form is Format.NAME:
            for name in answer.names:
                click.echo(printable(name))
        elif (lines := self._plain(answer.sheets)) is not None:
            click.echo("".join(f"{line}\n" for line in lines), nl=False)
            self._draw(answer)
        else:
            console = self.console()
            # Captured, because rich ends the process by itself where a pipe is broken.
            with console.capture() as captured:
                for at, sheet in enumerate(answer.sheets):
                    if at and self._header:
                        console.print()
                    console.print(self.table(sheet))
            click.echo("\n".join(line.rstrip() for line in captured.get().split("\n")), nl=False, color=True)
            self._draw(answer)

    def _plain(self, sheets: Sequence[Sheet]) -> list[str] | None:
        """The lines of all sheets where rich would add nothing to them, or None."""
        if self._color == "always":
            return None
        from meshclient.cli.plain import aligned, is_plain

        lines: list[str] = []
        for at, sheet in enumerate(sheets):
            shown = self._shown(sheet)
            rows = [[printable(_cell(row[place]).text) or "-" for place in shown] for row in sheet.rows]
            if self._header and rows:
                rows.insert(0, [sheet.columns[place].title for place in shown])
            lines += [""] if at and self._header else []
            lines += [printable(sheet.caption)] if self._header and sheet.caption else []
            lines += aligned(rows, [sheet.columns[place].right for place in shown]) if rows else []
        return lines if is_plain(lines) else None

    def _shown(self, sheet: Sheet) -> list[int]:
        return [at for at, column in enumerate(sheet.columns) if self.form is Format.WIDE or not column.wide]

    def _draw(self, answer: Answer) -> None:
        if not answer.charts:
            return
        from meshclient.cli.plot import drawn

        for at, chart in enumerate(answer.charts):
            if at or answer.sheets:
                click.echo()
            click.echo("\n".join(drawn(chart)))

    def line(self, document: Mapping[str, object]) -> None:
        """Write one JSON line; click flushes it."""
        click.echo(json.dumps(document, allow_nan=False))

    def console(self) -> Console:
        """Rich's console on standard output, as the options say."""
        from rich.console import Console

        width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _UNFOLDED
        if self._color == "always":
            return Console(force_terminal=True, color_system="standard", width=width, highlight=False)
        # rich leaves bold and dim in where colours are off; a pipe and NO_COLOR shall get plain text.
        if self._color == "never" or os.environ.get("NO_COLOR"):
            return Console(color_system=None, width=width, highlight=False)
        return Console(width=width, highlight=False)

    def table(self, sheet: Sheet) -> RenderableType:
        """The sheet as rich shows it."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        shown = self._shown(sheet)
        table = Table(box=None, pad_edge=False, show_header=self._header, header_style="bold")
        for at in shown:
            column = sheet.columns[at]
            table.add_column(column.title, justify="right" if column.right else "left", overflow="fold")
        for row in sheet.rows:
            cells = [_cell(cell) for cell in row]
            table.add_row(*(Text(printable(cells[at].text) or "-", cells[at].style) for at in shown))
        parts: list[RenderableType] = [Text(printable(sheet.caption))] if self._header and sheet.caption else []
        return Group(*parts, *([table] if sheet.rows else []))


def _cell(cell: str | Cell) -> Cell:
    return cell if isinstance(cell, Cell) else Cell(cell)


def printable(text: str) -> str:
    """`text` without control characters: what a registry says must not steer the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
