"""The site is built without a warning, out of itself: it asks nothing of other hosts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scripts import docs
from scripts.site import on_page_markdown

from docs.markdown import ROOT

_FETCHED = re.compile(
    r"<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>|@import\s+url|url\(['\"]?http"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    assert docs.build("--site-dir", str(folder)) == 0
    return folder


def test_nothing_comes_from_elsewhere(site: Path) -> None:
    for page in [*site.rglob("*.html"), *site.rglob("*.css")]:
        assert _FETCHED.findall(page.read_text("utf-8")) == [], page


def test_every_page_is_there(site: Path) -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        relative = page.relative_to(ROOT / "docs")
        assert (site / relative).exists()
        assert (site / relative).with_suffix(".html").exists()


def test_the_index_for_programs_names_files_that_are_there(site: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", (site / "llms.txt").read_text("utf-8"))
    assert len(links) > 40
    assert [link for link in links if not (site / link).exists()] == []


class _At:
    def __init__(self, path: str) -> None:
        self.file = self
        self.src_uri = path


@pytest.mark.parametrize(
    ("path", "written", "made"),
    [
        ("resilience.md", "[a](../ARCHITECTURE.md#x)", "[a](project/ARCHITECTURE.md#x)"),
        ("tutorial/first-hour.md", "[a](../resilience.md)", "[a](../resilience.md)"),
        ("project/CONTRIBUTING.md", "[a](docs/rpc.md)", "[a](../rpc.md)"),
        ("deployment.md", "[`deploy/`](../deploy)", "`deploy/`"),
        ("deployment.md", "```text\n[a](../deploy)\n```", "```text\n[a](../deploy)\n```"),
        ("deployment.md", "[a](https://example.com/x.md)", "[a](https://example.com/x.md)"),
    ],
)
def test_links_of_files_become_links_of_pages(path: str, written: str, made: str) -> None:
    assert on_page_markdown(written, _At(path)) == made  # type: ignore[arg-type]
