"""What can be drawn, in the terminal (`meshclient.cli.plot`) and on a page (`meshclient.cli.page`): the data alone.

A command describes a chart once and both places show it, so that they cannot say different things. Lengths of time are
in seconds.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from math import floor, log10
from typing import TYPE_CHECKING

from meshclient.model.duration import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Tone(StrEnum):
    """What a colour stands for; nothing is told by colour alone."""

    PLAIN = "plain"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    FAINT = "faint"


@dataclass(frozen=True, slots=True)
class Bar:
    """A length beside a label.

    Args:
        label: in front of it.
        value: its length, not negative.
        text: behind it; the value where empty.
        tone: its colour.
    """

    label: str
    value: float
    text: str = ""
    tone: Tone = Tone.PLAIN

    @property
    def words(self) -> str:
        """What stands behind it."""
        return self.text or number(self.value)


@dataclass(frozen=True, slots=True)
class Bars:
    """Lengths beneath each other, such as the shares of endpoints."""

    title: str
    bars: Sequence[Bar]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bucket:
    """How many values are from `lower` on and below `upper`; `mark` is something to know of it, such as ``p99``."""

    lower: float
    upper: float
    count: int
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Histogram:
    """How values are distributed.

    Args:
        title: above it.
        buckets: in order, each beginning where the last one ended.
        text: an edge of a bucket as words.
        note: below it.
    """

    title: str
    buckets: Sequence[Bucket]
    text: Callable[[float], str] = format_duration
    note: str = ""

    @property
    def total(self) -> int:
        """How many values there are."""
        return sum(bucket.count for bucket in self.buckets)


@dataclass(frozen=True, slots=True)
class Segment:
    """Something that lasted from `begin` to `end`."""

    begin: float
    end: float
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Lane:
    """A row of a waterfall.

    Args:
        label: in front of it.
        segments: what happened when.
        text: how long it took, or how it ended.
        depth: how far it is indented: a part of the row above that is indented less.
        note: a line below it that tells more.
    """

    label: str
    segments: Sequence[Segment]
    text: str = ""
    depth: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Waterfall:
    """What happened when, one thing below the other, on one axis of time from 0 to `end`."""

    title: str
    lanes: Sequence[Lane]
    end: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """A quantity over time.

    Args:
        name: of the quantity.
        values: one for each step of the timeline; None where there is none to tell.
        text: a value as words.
        tone: its colour.
        top: the value at the top of the scale; that of the largest where None.
    """

    name: str
    values: Sequence[float | None]
    text: Callable[[float], str] = format_duration
    tone: Tone = Tone.PLAIN
    top: float | None = None

    @property
    def scale(self) -> float:
        """The value at the top; above 0."""
        most = max((value for value in self.values if value is not None), default=0.0)
        return (most if self.top is None else self.top) or 1.0


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of a timeline that has a name, such as the time of a fault."""

    begin: float
    end: float
    name: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Quantities over the same time.

    Args:
        title: above it.
        series: with as many values each.
        end: seconds from the first value's begin to the last one's end.
        bands: stretches to point out.
        note: below it.
    """

    title: str
    series: Sequence[Series]
    end: float
    bands: Sequence[Band] = ()
    note: str = ""


Chart = Bars | Histogram | Waterfall | Timeline


def number(value: float) -> str:
    """A count with its thousands apart, or three digits of what is no whole number."""
    return f"{value:,.0f}" if value == round(value) else f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def ticks(end: float, most: int) -> list[float]:
    """From 0 on and not above `end`, at most `most` + 1 round numbers."""
    if end <= 0 or most < 1:
        return [0.0]
    step = _step(end / most, (1, 2, 2.5, 5))
    return [at * step for at in range(int(end / step * (1 + 1e-9)) + 1)]


def log_buckets(values: Sequence[float], marks: Sequence[tuple[str, float]] = (), most: int = 16) -> list[Bucket]:
    """`values`, such as latencies, in at most `most` buckets whose edges are round and grow by a constant ratio or so.

    Latencies spread over powers of ten: buckets of one width would put all but the slowest into the first.

    Args:
        values: above 0; what is not is put into the first bucket.
        marks: names of values, such as ``("p99", 0.2)``; each is told of the bucket that it falls into.
        most: how many buckets at most.
    """
    if not values:
        return []
    low, high = max(min(values), 1e-6), max(*values, 1e-6)
    edges = _even_edges(low, high, most) if high < 2 * low else []
    for steps in () if edges else _STEPS:
        edges = _edges(low, high, steps)
        if len(edges) - 1 <= most:
            break
    counts = [0] * (len(edges) - 1)
    names: list[list[str]] = [[] for _ in counts]
    for value in values:
        counts[_place(edges, value)] += 1
    for name, value in marks:
        names[_place(edges, value)].append(name)
    return [Bucket(edges[at], edges[at + 1], count, ", ".join(names[at])) for at, count in enumerate(counts)]


# Edges in a power of ten as people write them, fine to coarse.
_STEPS: tuple[tuple[float, ...], ...] = (
    (1, 1.1, 1.2, 1.3, 1.4, 1.6, 1.8, 2, 2.2, 2.5, 2.8, 3.2, 3.6, 4, 4.5, 5, 5.6, 6.3, 7, 8, 9),
    (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8),
    (1, 1.5, 2, 3, 5, 7),
    (1, 2, 5),
    (1, 3),
    (1,),
)


def _even_edges(low: float, high: float, most: int) -> list[float]:
    """For values so close together that a ratio would not tell them apart; none where they are all but equal."""
    step = _step((high - low) / (most - 1))
    if step < low / 200:
        return []
    first = floor(low / step)
    edges = [float(f"{(first + at) * step:.4g}") for at in range(most + 2)]
    last = next(at for at, edge in enumerate(edges) if edge > high)
    return edges[: last + 1]


def _step(least: float, digits: Sequence[float] = (1, 2, 5)) -> float:
    """One of `digits` times a power of ten, and not below `least`."""
    if least <= 0:
        return 0.0
    power = 10.0 ** floor(log10(least))
    return next((each * power for each in digits if each * power >= least * (1 - 1e-9)), 10 * power)


def _edges(low: float, high: float, steps: Sequence[float]) -> list[float]:
    """From the last edge not above `low` to the first one above `high`."""
    powers = range(floor(log10(low)), floor(log10(high)) + 2)
    every = [float(f"{step * 10.0**power:.3g}") for power in powers for step in steps]
    first = max(at for at, edge in enumerate(every) if edge <= low)
    last = min(at for at, edge in enumerate(every) if edge > high)
    return every[first : last + 1]


def _place(edges: Sequence[float], value: float) -> int:
    return min(max(bisect_right(edges, value) - 1, 0), len(edges) - 2)
