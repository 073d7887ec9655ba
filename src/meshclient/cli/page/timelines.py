"""Quantities over time on a page: a strip for each, on the same axis."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from meshclient.cli.chart import ticks
from meshclient.cli.page.markup import Markup, element, joined, percent
from meshclient.cli.page.tables import grid
from meshclient.cli.render import Column
from meshclient.model.duration import format_duration

if TYPE_CHECKING:
    from meshclient.cli.chart import Series, Timeline

# Pixels of a strip, and of the axis below the last one.
_TALL, _FOOT = 64, 20


def timeline(chart: Timeline) -> Markup:
    """A strip for each series, the axis, and the numbers on demand."""
    strips = [_strip(chart, series) for series in chart.series]
    end, count = chart.end or 1.0, max((len(each.values) for each in chart.series), default=0)
    axis = [
        element("text", format_duration(at) if at else "0", x=percent(at / end), y=14, text_anchor=_anchor(at / end))
        for at in ticks(end, 5)
    ]
    columns = (Column("From"), *(Column(each.name, right=True) for each in chart.series))
    rows = [(format_duration(at * end / count), *(_words(each, at) for each in chart.series)) for at in range(count)]
    shaded = [
        element(
            "p", f"shaded: {band.name}, {format_duration(band.begin)} to {format_duration(band.end)}", class_="note"
        )
        for band in chart.bands
    ]
    return joined(
        [
            *shaded,
            *strips,
            element("svg", joined(axis), aria_hidden="true", style=f"height: {_FOOT}px"),
            element("details", element("summary", "The numbers"), grid(columns, rows)),
        ]
    )


def _anchor(place: float) -> str:
    return "start" if place < 0.04 else "end" if place > 0.96 else "middle"


def _words(series: Series, at: int) -> str:
    value = series.values[at] if at < len(series.values) else None
    return "" if value is None else series.text(value)


def _strip(chart: Timeline, series: Series) -> Markup:
    told = [value for value in series.values if value is not None]
    least, most = (series.text(min(told)), series.text(max(told))) if told else ("", "")
    span = "none" if not told else most if least == most else f"{least} to {most}"
    label = f"{series.name}: {span}"
    end, wide = chart.end or 1.0, 1 / (len(series.values) or 1)
    bands = [
        element(
            "rect",
            element("title", band.name),
            x=percent(band.begin / end),
            width=percent((band.end - band.begin) / end),
            height="100%",
            class_="band",
        )
        for band in chart.bands
    ]
    hits = [
        element(
            "rect",
            element("title", f"from {format_duration(at * wide * end)}: {series.text(value)}"),
            x=percent(at * wide),
            width=percent(wide),
            height="100%",
            class_="hit",
        )
        for at, value in enumerate(series.values)
        if value is not None
    ]
    base = element("line", x1=0, x2="100%", y1="100%", y2="100%", class_="axis")
    picture = element(
        "svg", *bands, _curve(series), base, *hits, role="img", aria_label=label, style=f"height: {_TALL}px"
    )
    key = element("div", element("strong", series.name), element("span", span, class_="soft"), class_="key")
    return joined([key, picture])


def _curve(series: Series) -> Markup:
    """Steps, since each value stands for a stretch of time; with a gap where there is none."""
    count, drawn = len(series.values), []
    for known, group in groupby(enumerate(series.values), key=lambda each: each[1] is not None):
        if not known:
            continue
        points = []
        for at, value in group:
            high = 100 - min((value or 0.0) / series.scale, 1.0) * 100
            points += [f"{at / count * 100:.3f},{high:.2f}", f"{(at + 1) / count * 100:.3f},{high:.2f}"]
        first, last = points[0].split(",")[0], points[-1].split(",")[0]
        area = " ".join([f"{first},100", *points, f"{last},100"])
        drawn.append(element("polygon", points=area, class_=f"fill {series.tone}"))
        drawn.append(element("polyline", points=" ".join(points), class_=f"line {series.tone}"))
    # Stretched to the room there is; the strokes are not.
    return element("svg", joined(drawn), viewBox="0 0 100 100", preserveAspectRatio="none", style=f"height: {_TALL}px")
