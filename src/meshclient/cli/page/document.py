"""The page as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient import __version__
from meshclient.cli.chart import Chart
from meshclient.cli.page.figures import figure
from meshclient.cli.page.markup import Markup, element, joined, text
from meshclient.cli.page.style import STYLE
from meshclient.cli.page.tables import table
from meshclient.cli.render import Sheet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


# Nothing on a page comes from elsewhere, and nothing that slipped in could run.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True)
class Text:
    """Words on a page.

    Args:
        title: above them; none where empty.
        lines: a paragraph each.
        mono: whether they are lines of one block of fixed width.
    """

    title: str
    lines: Sequence[str]
    mono: bool = False


Section = Text | Sheet | Chart


def page(title: str, sections: Sequence[Section], *, written: datetime | None = None) -> str:
    """The HTML of a page.

    Args:
        title: of the page, as a heading too.
        sections: from the top down; a Sheet is the table that the terminal shows, all of its columns included.
        written: when, to be told at the bottom.
    """
    inside = [_section(section, f"s{at}") for at, section in enumerate(sections, 1)]
    at = f" at {written.strftime('%Y-%m-%dT%H:%M:%SZ')}" if written else ""
    head = joined(
        [
            Markup('<meta charset="utf-8">'),
            Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Markup(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
            element("title", title),
            element("style", Markup(STYLE)),
        ]
    )
    footer = element("footer", f"Written by meshclient {__version__}{at}.")
    body = element("body", element("main", element("h1", title), *inside), footer)
    return f"<!doctype html>\n{element('html', element('head', head), body, lang='en')}\n"


def _section(section: Section, name: str) -> Markup:
    if isinstance(section, Text):
        shown = element("pre", "\n".join(section.lines)) if section.mono else joined(_paragraphs(section.lines))
        return _framed(section.title, name, shown)
    if isinstance(section, Sheet):
        return _framed(section.caption, name, table(section, name))
    note = [element("p", section.note, class_="note")] if section.note else []
    return _framed(section.title, name, figure(section, name), *note)


def _paragraphs(lines: Sequence[str]) -> list[Markup]:
    return [element("p", line) for line in lines]


def _framed(title: str, name: str, *inside: Markup) -> Markup:
    heading = [element("h2", text(title), id=name)] if title else []
    return element("section", *heading, *inside, aria_labelledby=name if title else None)
