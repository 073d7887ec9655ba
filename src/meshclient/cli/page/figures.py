"""Charts on a page.

Lengths are per cent of what room there is, and texts keep their size: a drawing that is scaled as a whole cannot be
read on a telephone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.cli.chart import Bars, Histogram, Waterfall, ticks
from meshclient.cli.page.markup import Markup, element, joined, percent
from meshclient.cli.page.tables import grid
from meshclient.cli.page.timelines import timeline
from meshclient.cli.render import Column
from meshclient.model.duration import format_duration

if TYPE_CHECKING:
    from meshclient.cli.chart import Bucket, Chart, Lane

# Pixels of a drawing of columns, above its axis, and of the texts below.
_TALL, _FOOT, _HEAD = 180, 20, 16
# Edges of buckets that are labelled: as many as have room on a telephone.
_LABELS = 5


def figure(chart: Chart, name: str) -> Markup:
    """The drawing of `chart`; `name` is of the heading that says what it is."""
    if isinstance(chart, Bars):
        return _bars(chart, name)
    if isinstance(chart, Histogram):
        return _histogram(chart, name)
    if isinstance(chart, Waterfall):
        return _waterfall(chart, name)
    return timeline(chart)


def _bars(chart: Bars, name: str) -> Markup:
    most = max((bar.value for bar in chart.bars), default=0.0) or 1.0
    rows = [_row(bar.label, _block(0.0, bar.value / most, str(bar.tone)), bar.words) for bar in chart.bars]
    return _table(rows, name)


def _waterfall(chart: Waterfall, name: str) -> Markup:
    end = chart.end or 1.0
    rows = [_row("", _ruler(end), "")]
    for lane in chart.lanes:
        blocks = [_block(each.begin / end, each.end / end, str(each.tone)) for each in lane.segments]
        rows.append(_row(lane.label, joined(blocks), lane.text, lane.depth, _when(lane)))
        if lane.note:
            rows.append(
                element("tr", element("td", lane.note, colspan=3, class_="note", style=_indent(lane.depth + 1)))
            )
    return _table(rows, name)


def _when(lane: Lane) -> str | None:
    """For readers who see no bar."""
    told = [f"from {format_duration(each.begin)} to {format_duration(each.end)}" for each in lane.segments]
    return ", ".join(told) or None


def _table(rows: list[Markup], name: str) -> Markup:
    return element("table", element("tbody", joined(rows)), class_="drawn", aria_labelledby=name)


def _row(label: str, drawn: Markup, words: str, depth: int = 0, told: str | None = None) -> Markup:
    hidden = None if told else "true"
    picture = element("svg", drawn, role="img" if told else None, aria_label=told, aria_hidden=hidden)
    return element(
        "tr",
        element("th", label, scope="row", style=_indent(depth)) if label else element("td"),
        element("td", picture, class_="bar"),
        element("td", words, class_="right"),
    )


def _indent(depth: int) -> str | None:
    return f"padding-left: {depth * 1.1:.2g}rem" if depth else None


def _block(begin: float, end: float, tone: str) -> Markup:
    # What took no time to speak of is seen all the same: a pixel and a half.
    least = element("rect", x=percent(begin), width=1.5 if end > begin else 0, height="100%", class_=tone)
    return joined([least, element("rect", x=percent(begin), width=percent(end - begin), height="100%", class_=tone)])


def _ruler(end: float) -> Markup:
    marks = [
        joined(
            [
                element("line", x1=percent(at / end), x2=percent(at / end), y1=11, y2=16, class_="axis"),
                element(
                    "text", format_duration(at) if at else "0", x=percent(at / end), y=9, text_anchor=_anchor(at / end)
                ),
            ]
        )
        for at in ticks(end, 3)
    ]
    return joined([*marks, element("line", x1=0, x2="100%", y1=16, y2=16, class_="axis")])


def _anchor(place: float) -> str:
    return "start" if place < 0.06 else "end" if place > 0.94 else "middle"


def _histogram(chart: Histogram, name: str) -> Markup:
    buckets, total = chart.buckets, chart.total or 1
    most = max((bucket.count for bucket in buckets), default=0) or 1
    wide = 1 / (len(buckets) or 1)
    drawn = [_column(chart, bucket, at * wide, wide, bucket.count / most) for at, bucket in enumerate(buckets)]
    drawn.append(element("line", x1=0, x2="100%", y1=_HEAD + _TALL, y2=_HEAD + _TALL, class_="axis"))
    every = max(1, -(-len(buckets) // _LABELS))
    edges = [bucket.lower for bucket in buckets] + [bucket.upper for bucket in buckets[-1:]]
    drawn += [
        element("text", chart.text(edge), x=percent(at * wide), y=_HEAD + _TALL + 15, text_anchor=_anchor(at * wide))
        for at, edge in enumerate(edges)
        if at % every == 0 and (at == len(buckets) or len(buckets) - at >= every / 2)
    ]
    picture = element(
        "svg", joined(drawn), role="img", aria_labelledby=name, style=f"height: {_HEAD + _TALL + _FOOT}px"
    )
    columns = (Column("From"), Column("To"), Column("Count", right=True), Column("Share", right=True), Column("Holds"))
    rows = [
        (chart.text(each.lower), chart.text(each.upper), f"{each.count:,}", f"{each.count / total:.1%}", each.mark)
        for each in buckets
    ]
    return joined([picture, details(grid(columns, rows))])


def details(inside: Markup) -> Markup:
    """Numbers that are shown on demand."""
    return element("details", element("summary", "The numbers"), inside)


def _column(chart: Histogram, bucket: Bucket, place: float, wide: float, share: float) -> Markup:
    tall = max(_TALL * share, 1.5 if bucket.count else 0.0)
    said = f"{chart.text(bucket.lower)} to {chart.text(bucket.upper)}: {bucket.count:,} of {chart.total:,}"
    words = element("title", f"{said}; {bucket.mark}" if bucket.mark else said)
    rect = element(
        "rect",
        words,
        x=percent(place + wide * 0.06),
        width=percent(wide * 0.88),
        y=f"{_HEAD + _TALL - tall:.1f}",
        height=f"{tall:.1f}",
        class_="plain",
    )
    if not bucket.mark:
        return rect
    middle = place + wide / 2
    side = _anchor(middle)
    at = {"start": place, "middle": middle, "end": place + wide}[side]
    mark = element("text", bucket.mark, x=percent(at), y=f"{_HEAD + _TALL - tall - 4:.1f}", text_anchor=side)
    return joined([rect, mark])
