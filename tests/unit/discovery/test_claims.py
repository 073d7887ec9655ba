"""A name that is built in and that nobody else claims is found without importlib.metadata, and never wrongly."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import ClassVar

import pytest

from meshclient.discovery.claims import may_be_claimed

GROUP = "some.group"


def install(folder: Path, text: str, name: str = "some-1.0.dist-info") -> None:
    (folder / name).mkdir()
    (folder / name / "entry_points.txt").write_text(text, "utf-8")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which distributions are looked for."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "missing")])
    monkeypatch.setattr(sys, "meta_path", [PathFinder])
    return tmp_path


@pytest.mark.parametrize(
    ("text", "claimed"),
    [
        (f"[{GROUP}]\nfile = a:b\n", True),
        (f"[console_scripts]\nx = y:z\n\n[{GROUP}]\nother = c:d\n  file=a:b\n", True),
        (f"[{GROUP}]\r\nfile = a:b\r\n", True),
        (f"[{GROUP}]\nfiles = a:b\n[other]\nfile = a:b\n", False),
        (f"[{GROUP}.more]\nfile = a:b\n", False),
        ("[console_scripts]\nfile = a:b\n", False),
        ("", False),
    ],
)
def test_what_the_texts_say(path: Path, text: str, claimed: bool) -> None:
    install(path, text)
    assert may_be_claimed(GROUP, "file") is claimed


def test_nothing_is_installed(path: Path) -> None:
    assert not may_be_claimed(GROUP, "file")
    (path / "bare-1.0.dist-info").mkdir()
    assert not may_be_claimed(GROUP, "file")


def test_what_is_out_of_the_ordinary_is_looked_at_closely(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        find_distributions: ClassVar[None] = None

    with monkeypatch.context() as patch:
        patch.setattr(sys, "meta_path", [PathFinder, Finder])
        assert may_be_claimed(GROUP, "file")
    archive = path / "some.zip"
    archive.touch()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "path", [str(archive)])
        assert may_be_claimed(GROUP, "file")
    (path / "old.egg" / "EGG-INFO").mkdir(parents=True)
    assert may_be_claimed(GROUP, "file")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "path", [str(path / "old.egg")])
        assert may_be_claimed(GROUP, "file")
