"""Charts as lines of text."""

from __future__ import annotations

import io
from random import Random

import pytest

from cli.golden import assert_golden
from meshclient.cli.chart import (
    Band,
    Bar,
    Bars,
    Bucket,
    Chart,
    Histogram,
    Lane,
    Segment,
    Series,
    Timeline,
    Tone,
    Waterfall,
    log_buckets,
    number,
    ticks,
)
from meshclient.cli.plot import ASCII, BLOCKS, Ink, bars, drawn, histogram, ink_for, plot, width_for


def charts() -> list[Chart]:
    """One of each kind."""
    chance = Random(1)
    values = [chance.lognormvariate(-4.5, 0.5) for _ in range(2000)] + [0.9]
    steps = [100 + 7 * at % 20 for at in range(20)]
    lanes = [
        Lane("resolve", [Segment(0, 0.002)], "2ms"),
        Lane("1. http://10.0.0.1:8080", [Segment(0.002, 0.014, Tone.BAD)], "12ms", note="tried again, since it failed"),
        Lane("first byte", [Segment(0.003, 0.014)], "11ms", depth=1),
        Lane("back-off", [Segment(0.014, 0.03, Tone.FAINT)], "16ms"),
    ]
    series = [
        Series("calls/s", steps, number),
        Series("bad", [0.0] * 8 + [3.0, 1.0] + [0.0] * 10, number, Tone.BAD),
        Series("p99", [None] * 2 + [at / 1000 for at in range(18)]),
    ]
    return [
        Histogram("Latency", log_buckets(values, [("p50", 0.011), ("max", 0.9)]), note="counted from when it was due"),
        Bars("Picks", [Bar("http://10.0.0.1:8080", 340, "34.0%"), Bar("b", 659), Bar("c", 1), Bar("d", 0)]),
        Waterfall("A call", lanes, 0.03, "1.9s of the deadline left"),
        Timeline("Timeline", series, 20.0, [Band(8, 10, "trouble")]),
    ]


@pytest.mark.parametrize(("name", "ink"), [("blocks", BLOCKS), ("ascii", ASCII)])
def test_what_people_see(name: str, ink: Ink) -> None:
    lines = [line for chart in charts() for line in [*plot(chart, width=76, ink=ink), ""]]
    assert max(map(len, lines)) <= 76
    assert ink is BLOCKS or all(line.isascii() for line in lines)
    assert_golden(f"plot.{name}.txt", "\n".join(lines))


@pytest.mark.parametrize("width", [40, 61, 120])
@pytest.mark.parametrize("ink", [BLOCKS, ASCII], ids=["blocks", "ascii"])
def test_a_chart_is_as_wide_as_it_may_be(width: int, ink: Ink) -> None:
    for chart in charts():
        assert max(map(len, plot(chart, width=width, ink=ink))) <= width


def test_the_longest_bar_fills_its_room_and_the_least_is_seen() -> None:
    _, most, least, none = bars("", [Bar("x", 1000), Bar("a", 1000), Bar("b", 1e-9), Bar("c", 0)], width=40)
    assert most.count("█") == least.index("▏") + most.count("█") - least.index("▏") > 20
    assert "▏" in least
    assert not set(none) & set(BLOCKS.parts)


def test_a_histogram_tells_counts_and_shares() -> None:
    lines = histogram("Latency", [Bucket(0.001, 0.002, 3), Bucket(0.002, 0.01, 1, "p99")], width=60)
    assert lines[0] == "Latency"
    assert lines[1].startswith("  1ms to  2ms  ██")
    assert lines[1].endswith("3  75.0%")
    assert lines[2].endswith("1  25.0%  p99")


def test_nothing_to_draw_is_drawn_as_nothing() -> None:
    for chart in (Bars("", []), Histogram("", []), Waterfall("", [], 0.0), Timeline("", [], 0.0)):
        assert all("nan" not in line for line in plot(chart))
    assert plot(Waterfall("t", [], 0.0, "nothing was sent")) == ["t", "  nothing was sent"]
    empty = plot(Timeline("", [Series("p99", [None, None])], 2.0))
    assert empty[0].endswith("none")


def test_what_a_registry_says_steers_no_terminal() -> None:
    lines = plot(Bars("a\x1b[31mb", [Bar("c\x1bd", 1, "e\x1bf")], "g\x1bh"))
    assert "\x1b" not in "".join(lines)


def test_a_stream_gets_what_it_can_show(monkeypatch: pytest.MonkeyPatch) -> None:
    utf8, ascii_ = (io.TextIOWrapper(io.BytesIO(), encoding=each) for each in ("utf-8", "ascii"))
    monkeypatch.delenv("TERM", raising=False)
    assert (ink_for(utf8), ink_for(ascii_)) == (BLOCKS, ASCII)
    monkeypatch.setenv("TERM", "dumb")
    assert ink_for(utf8) is ASCII
    monkeypatch.delenv("COLUMNS", raising=False)
    assert width_for(utf8) == 80
    long = Bars("word " * 40, [])
    # Where nobody looks at a screen a sentence is one line.
    assert len(drawn(long, utf8)) == 1
    monkeypatch.setenv("COLUMNS", "50")
    assert width_for(utf8) == 50
    assert max(map(len, drawn(long, utf8))) <= 50


@pytest.mark.parametrize("end", [0.0, 1e-6, 0.0345, 1.0, 59.9, 86400.0])
def test_ticks_are_few_and_round(end: float) -> None:
    found = ticks(end, 5)
    assert found[0] == 0.0
    assert len(found) <= 6
    assert found[-1] <= end * (1 + 1e-9)
    assert end == 0 or len(found) >= 2


def test_every_value_is_in_a_bucket() -> None:
    chance = Random(3)
    for _ in range(500):
        low = 10 ** chance.uniform(-6, 3)
        high = low * 10 ** chance.choice([0, 1e-6, 1e-3, 0.1, 0.29, 0.5, 1, 2, 6])
        values = [chance.uniform(low, high) for _ in range(3)] + [low, high]
        found = log_buckets(values, [("max", high)])
        assert sum(bucket.count for bucket in found) == len(values)
        assert 1 <= len(found) <= 17
        assert [bucket.upper for bucket in found[:-1]] == [bucket.lower for bucket in found[1:]]
        assert found[-1].mark == "max"
    assert log_buckets([]) == []
    assert log_buckets([0.0])[0].count == 1


def test_a_label_that_is_too_long_keeps_its_end() -> None:
    rows = [Bar(f"http://ip-10-0-0-{at}.eu-central-1.compute.internal:808{at}", at) for at in (1, 2)]
    _, one, two = bars("Picks", rows, width=60)
    assert one.split()[0].startswith("http://")
    assert one.split()[0].endswith("ute.internal:8081")
    assert two.split()[0].endswith("ute.internal:8082")
