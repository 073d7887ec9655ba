"""Charts as lines of text for the terminal.

Pure: the width and the characters come in, lines go out. `ink_for` says which characters a stream can show: blocks of
Unicode in eighths of a cell, or ASCII where the encoding or ``TERM=dumb`` leaves nothing else. Nothing is coloured, so
that what is copied out of a terminal into an issue says the same.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, TextIO

from meshclient.cli.chart import Bar, Bars, Bucket, Histogram, Lane, Timeline, Tone, Waterfall, ticks
from meshclient.cli.render import printable
from meshclient.model.duration import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from meshclient.cli.chart import Chart, Segment, Series

# As wide as a terminal is where nobody tells, and as wide as lines can be read at all.
WIDTH, _MOST = 80, 120
_LABEL = 0.45


@dataclass(frozen=True, slots=True)
class Ink:
    """The characters to draw with.

    Args:
        parts: a cell filled from the left by one, two, ... equal parts, the last one wholly.
        levels: a cell filled from below, likewise.
        faint: a cell of what is waiting and not work.
        dots: stands for the part of a text that is left out.
        rule: of an axis.
        tick: where an axis is labelled.
    """

    parts: str
    levels: str
    faint: str
    dots: str
    rule: str
    tick: str


BLOCKS = Ink("▏▎▍▌▋▊▉█", "▁▂▃▄▅▆▇█", "·", "…", "─", "┬")
ASCII = Ink("#", "_.-=#", ".", "~", "-", "+")


def ink_for(stream: TextIO) -> Ink:
    """What `stream` can show."""
    if os.environ.get("TERM") == "dumb":
        return ASCII
    try:
        (BLOCKS.parts + BLOCKS.levels + BLOCKS.dots + BLOCKS.rule).encode(stream.encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return ASCII
    return BLOCKS


def width_for(stream: TextIO) -> int:
    """How many cells a line of `stream` may have: those of the terminal or of COLUMNS, else 80."""
    told = os.environ.get("COLUMNS", "")
    if not told.isdecimal() and not stream.isatty():
        return WIDTH
    return max(40, min(shutil.get_terminal_size((WIDTH, 24)).columns, _MOST))


def drawn(chart: Chart, stream: TextIO | None = None) -> list[str]:
    """`chart` as `stream`, standard output by default, can show it."""
    to = sys.stdout if stream is None else stream
    # As with tables: where nobody looks at a screen, a sentence is never folded.
    looked_at = to.isatty() or "COLUMNS" in os.environ
    return plot(chart, width=width_for(to), ink=ink_for(to), fold=looked_at)


def plot(chart: Chart, *, width: int = WIDTH, ink: Ink = BLOCKS, fold: bool = True) -> list[str]:
    """`chart` in lines of at most `width` cells; without `fold` titles and notes may be longer."""
    if isinstance(chart, Bars):
        lines = _bars(chart.bars, width, ink)
    elif isinstance(chart, Histogram):
        lines = _bars(_rows(chart), width, ink, right=True)
    elif isinstance(chart, Waterfall):
        lines = _waterfall(chart, width, ink, fold=fold)
    else:
        lines = _timeline(chart, width, ink)
    folded = width if fold else sys.maxsize
    return [*_words(chart.title, folded), *lines, *_words(chart.note, folded, "  ")]


def bars(title: str, rows: Sequence[Bar], *, width: int = WIDTH, ink: Ink = BLOCKS) -> list[str]:
    """Lengths beneath each other."""
    return plot(Bars(title, rows), width=width, ink=ink)


def histogram(
    title: str,
    buckets: Sequence[Bucket],
    *,
    text: Callable[[float], str] = format_duration,
    width: int = WIDTH,
    ink: Ink = BLOCKS,
) -> list[str]:
    """A distribution, a bucket to a line."""
    return plot(Histogram(title, buckets, text), width=width, ink=ink)


def _rows(chart: Histogram) -> list[Bar]:
    total = chart.total or 1
    edges = [(chart.text(bucket.lower), chart.text(bucket.upper)) for bucket in chart.buckets]
    wide = max((len(upper) for _, upper in edges), default=0)
    count = max((len(f"{bucket.count:,}") for bucket in chart.buckets), default=0)
    return [
        Bar(
            f"{lower} to {upper:>{wide}}",
            bucket.count,
            f"{bucket.count:>{count},} {bucket.count / total:6.1%}{f'  {bucket.mark}' if bucket.mark else ''}",
        )
        for (lower, upper), bucket in zip(edges, chart.buckets, strict=True)
    ]


def _bars(rows: Sequence[Bar], width: int, ink: Ink, *, right: bool = False) -> list[str]:
    labels = _column([bar.label for bar in rows], int(width * _LABEL), ink, right=right)
    counted = max((len(bar.words) for bar in rows if not bar.text), default=0)
    texts = [printable(bar.text or bar.words.rjust(counted)) for bar in rows]
    room = max(4, width - 6 - max(map(len, labels), default=0) - max(map(len, texts), default=0))
    most = max((bar.value for bar in rows), default=0.0) or 1.0
    return [
        f"  {label}  {_length(bar.value / most * room, ink):<{room}}  {text}".rstrip()
        for label, bar, text in zip(labels, rows, texts, strict=True)
    ]


def _length(cells: float, ink: Ink) -> str:
    """A bar that begins at the left; what is more than nothing is seen."""
    parts = len(ink.parts)
    filled = round(cells * parts)
    if cells > 0:
        filled = max(1, filled)
    whole, rest = divmod(filled, parts)
    return ink.parts[-1] * whole + (ink.parts[rest - 1] if rest else "")


def _words(text: str, width: int, indent: str = "") -> list[str]:
    """`text` in lines of `width` cells, words that are longer aside."""
    if not text:
        return []
    return wrap(
        printable(text),
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _waterfall(chart: Waterfall, width: int, ink: Ink, *, fold: bool) -> list[str]:
    if not chart.lanes:
        return []
    labels = _column(["  " * lane.depth + lane.label for lane in chart.lanes], int(width * _LABEL), ink)
    texts = [printable(lane.text) for lane in chart.lanes]
    left, behind = max(map(len, labels), default=0), max(map(len, texts), default=0)
    room = max(10, width - 6 - left - behind)
    lines = [" " * (left + behind + 6) + line for line in _axis(chart.end, room, ink)]
    for label, text, lane in zip(labels, texts, chart.lanes, strict=True):
        lines.append(f"  {label}  {text:>{behind}}  {_lane(lane, chart.end, room, ink)}".rstrip())
        lines += _words(lane.note, width if fold else sys.maxsize, "  " + "  " * (lane.depth + 1))
    return lines


def _lane(lane: Lane, end: float, room: int, ink: Ink) -> str:
    cells = [" "] * room
    for segment in lane.segments:
        _fill(cells, segment, end, ink)
    return "".join(cells)


def _fill(cells: list[str], segment: Segment, end: float, ink: Ink) -> None:
    """Begins at a whole cell: Unicode has no blocks that are filled from the right."""
    room, scale = len(cells), len(cells) / (end or 1.0)
    first = min(int(segment.begin * scale), room - 1)
    drawn_cells = _length(max(segment.end * scale - first, 1e-9), ink)[: room - first]
    if segment.tone is Tone.FAINT:
        drawn_cells = ink.faint * len(drawn_cells)
    cells[first : first + len(drawn_cells)] = drawn_cells


def _axis(end: float, room: int, ink: Ink) -> list[str]:
    """Times above a rule, from 0 to `end`."""
    words, rule, last = [" "] * room, [ink.rule] * room, -2
    for tick in ticks(end, max(1, room // 10)):
        at = min(int(tick / (end or 1.0) * room), room - 1)
        text = format_duration(tick) if tick else "0"
        if at <= last + 1 or at + len(text) > room:
            continue
        words[at : at + len(text)] = text
        rule[at] = ink.tick
        last = at + len(text)
    return ["".join(words).rstrip(), "".join(rule)]


def _timeline(chart: Timeline, width: int, ink: Ink) -> list[str]:
    labels = _column([each.name for each in chart.series], int(width * _LABEL), ink)
    tops = [printable(_range(each)) for each in chart.series]
    left = max([*map(len, labels), 4])
    count = max((len(each.values) for each in chart.series), default=1)
    room = max(10, width - 6 - left - max(map(len, tops), default=0))
    # A whole number of cells to each value, where there are fewer values than cells.
    room = room // count * count if count <= room else room
    lines = [
        f"  {label:<{left}}  {_spark(series, room, ink)}  {top}".rstrip()
        for label, series, top in zip(labels, chart.series, tops, strict=True)
    ]
    for band in chart.bands:
        cells = [" "] * room
        first, last = (min(int(at / (chart.end or 1.0) * room), room - 1) for at in (band.begin, band.end))
        cells[first : last + 1] = [ink.rule] * (last + 1 - first)
        lines.append(f"  {'':<{left}}  {''.join(cells).rstrip()} {printable(band.name)}")
    words, rule = _axis(chart.end, room, ink)
    return [*lines, f"  {'':<{left}}  {rule}", f"  {'':<{left}}  {words}"]


def _range(series: Series) -> str:
    told = [value for value in series.values if value is not None]
    if not told:
        return "none"
    least, most = series.text(min(told)), series.text(max(told))
    return most if least == most else f"{least} to {most}"


def _spark(series: Series, room: int, ink: Ink) -> str:
    """One cell of a height for each value, or several; the largest where several values share a cell."""
    values, levels = series.values, ink.levels
    cells = []
    for at in range(room):
        first = at * len(values) // room
        held = [value for value in values[first : max(first + 1, (at + 1) * len(values) // room)] if value is not None]
        level = 0 if not held else round(min(max(held) / series.scale, 1.0) * len(levels))
        # A value that is more than nothing is seen, and none is shown as none.
        cells.append(" " if not held or max(held) <= 0 else levels[max(level, 1) - 1])
    return "".join(cells)


def _column(texts: Sequence[str], most: int, ink: Ink, *, right: bool = False) -> list[str]:
    """`texts` of one width, none longer than `most`."""
    cut = [_cut(printable(text), most, ink) for text in texts]
    wide = max(map(len, cut), default=0)
    return [text.rjust(wide) if right else text.ljust(wide) for text in cut]


def _cut(text: str, most: int, ink: Ink) -> str:
    """Without its middle where it is too long: addresses begin alike, and end in what tells them apart."""
    if len(text) <= most:
        return text
    tail = (most - 1) * 2 // 3
    return f"{text[: most - 1 - tail]}{ink.dots}{text[-tail:]}"
