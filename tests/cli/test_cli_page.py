"""A page: one file that needs nothing else, and in which nothing but ours is markup."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cli.test_cli_plot import charts
from meshclient.cli.chart import Bar, Bars, Lane, Segment, Waterfall
from meshclient.cli.complaint import CommandError
from meshclient.cli.exit_status import ExitStatus
from meshclient.cli.page import Text, must_be_writable, page, write_page
from meshclient.cli.render import Cell, Column, Sheet

_VOID = {"meta"}
SHEET = Sheet("Answers", (Column("STATUS"), Column("CALLS", right=True)), [(Cell("200", "green"), "9"), ("503", "1")])


class Read(HTMLParser):
    """A page, read strictly: every element is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_page_needs_nothing_else() -> None:
    text = page("A report", [Text("", ["Once upon a time."]), SHEET, *charts()])
    read = Read(text)
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in read.tags}
    assert not [attrs for _, attrs in read.tags if {"src", "href", "onload", "onclick"} & set(attrs)]
    assert "url(" not in text
    assert "@import" not in text
    assert "prefers-color-scheme: dark" in text
    assert [attrs["content"] for tag, attrs in read.tags if tag == "meta" and "http-equiv" in attrs] == [
        "default-src 'none'; style-src 'unsafe-inline'"
    ]


def test_whoever_does_not_see_it_is_told_the_same() -> None:
    read = Read(page("A report", [SHEET, *charts()]))
    html = next(attrs for tag, attrs in read.tags if tag == "html")
    assert html["lang"] == "en"
    names = {attrs["id"] for _, attrs in read.tags if "id" in attrs}
    labels = {attrs["aria-labelledby"] for _, attrs in read.tags if "aria-labelledby" in attrs}
    assert labels <= names
    for tag, attrs in read.tags:
        assert tag != "th" or attrs.get("scope") in {"col", "row"}
        if attrs.get("role") == "img":
            assert attrs.get("aria-label") or attrs.get("aria-labelledby")
    # Every number that is drawn can be read.
    for words in (
        "Latency",
        "34.0%",
        "1. http://10.0.0.1:8080",
        "tried again, since it failed",
        "trouble",
        "p99",
        "503",
    ):
        assert words in read.text


def test_nothing_that_is_said_is_markup() -> None:
    evil = '"><script>alert(1)</script>&\x00\x1b'
    sections = [
        Text(evil, [evil], mono=True),
        Sheet(evil, (Column(evil),), [(evil,), (Cell(evil, "red"),)]),
        Bars(evil, [Bar(evil, 1, evil)], evil),
        Waterfall(evil, [Lane(evil, [Segment(0, 1)], evil, note=evil)], 1.0, evil),
        *charts(),
    ]
    text = page(evil, sections)
    assert "<script" not in text
    assert "\x00" not in text
    assert "\x1b" not in text
    assert '"><script>alert(1)</script>&' in Read(text).text


def test_it_says_when_it_was_written() -> None:
    text = page("A report", [], written=datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC))
    assert " at 2026-11-22T03:04:05Z." in Read(text).text


def test_a_page_takes_the_place_of_the_last_one(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old", "utf-8")
    (tmp_path / "link.html").symlink_to(path)
    write_page(tmp_path / "link.html", "New", [])
    assert "<h1>New</h1>" in path.read_text("utf-8")
    assert (tmp_path / "link.html").is_symlink()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link.html", "report.html"]


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("no/report.html", "there is no folder"),
        ("folder", "it is a folder"),
        ("file/report.html", "there is no folder"),
    ],
)
def test_where_it_cannot_be_written_it_says_so(tmp_path: Path, place: str, why: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(CommandError) as caught:
        must_be_writable(tmp_path / place)
    complaint = caught.value.complaint
    assert complaint.status is ExitStatus.USAGE
    assert complaint.why.startswith(why)
    assert complaint.fix
    with pytest.raises(CommandError):
        write_page(tmp_path / place, "New", [])
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_no_file_is_written_to(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    try:
        must_be_writable(f"/dev/fd/{writing}")
        write_page(f"/dev/fd/{writing}", "Piped", [])
        assert b"<h1>Piped</h1>" in os.read(reading, 1 << 16)
    finally:
        os.close(reading)
        os.close(writing)
    assert list(tmp_path.iterdir()) == []
