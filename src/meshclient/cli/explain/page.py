"""An explanation as a page: the same tables, and the picks as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.cli.chart import Bar, Bars, Tone
from meshclient.cli.explain.sheets import picks_caption, sheets
from meshclient.cli.page import write_page

if TYPE_CHECKING:
    from meshclient.cli.explain.explanation import Called, Explanation
    from meshclient.cli.page import Section


def write(path: str, found: Explanation) -> None:
    """Write it to `path`. Raises CommandError where that cannot be."""
    sections: list[Section] = []
    for sheet in sheets(found, wide=True):
        sections.append(sheet)
        if found.called is not None and sheet.caption == picks_caption(found.called):
            sections.append(_bars(found.called))
    write_page(path, f"meshclient explain {found.method} {found.url}", sections)


def _bars(called: Called) -> Bars:
    shares = called.trial.shares
    tones = {"in_rotation": Tone.GOOD, "excluded": Tone.BAD}
    bars = [
        Bar(
            share.status.endpoint.url,
            share.actual,
            f"{share.actual:.1%}, {share.expected:.1%} by weight",
            tones.get(share.status.state, Tone.FAINT),
        )
        for share in shares
    ]
    return Bars("The picks as bars", bars)
