"""Every block of every page is what it says: Python runs, commands print what is shown, configurations load."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from docs.markdown import ROOT, Block, blocks, pages
from docs.page import Page, PageError

# Blocks that cannot be run here, each of which says why. Raise it only for what needs an account, a cluster or root.
MOST_NOT_RUN = 45
_FENCED = re.compile(r"^( *)(`{3,}|~{3,}).*?^\1\2 *$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", pages(), ids=str)
def test_a_page_is_true(path: Path, page: Callable[[Path], Page]) -> None:
    page(path).run()


def test_what_is_not_run_says_why_and_is_little(measured: Callable[[str], None]) -> None:
    found = [(path, block) for path in pages() for block in blocks((ROOT / path).read_text("utf-8"))]
    left_out = [f"{path}:{block.line}: {block.words}" for path, block in found if block.directive == "not run"]
    measured(f"documentation: {len(found)} blocks, of which {len(left_out)} are not run")
    assert len(left_out) <= MOST_NOT_RUN, "\n".join(left_out)


def test_nothing_is_shown_that_is_no_block() -> None:
    wrong = []
    for path in pages():
        lines = _FENCED.sub("", (ROOT / path).read_text("utf-8"))
        # Four blanks after an empty line are code, unless they stand below the item of a list.
        wrong += [f"{path}: {found[0].strip()}" for found in re.finditer(r"(?<=[^-*\d]\n\n) {4}[^ ].*", lines)]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("```python\nx = 1 / 0\n```", "ZeroDivisionError"),
        ("```python\nprint(1)\n```\n<!-- prints -->\n```text\n2\n```", "printed instead"),
        ("<!-- raises: KeyError -->\n```python\nx = 1\n```", "raises nothing, not KeyError"),
        ("```console\n$ echo one\ntwo\n```", "echo one printed:\none"),
        ("```console\n$ false\n```", "false ended with 1"),
        ("```console\n$ meshclient resolve --no\n```", "ended with 2"),
        ("```console\n$ pip install meshclient[nothing]\n```", "has no extras"),
        ("```console\n$ pip install meshclient-nothing\n```", "there is no distribution meshclient-nothing"),
        ("```console\necho one\n```", "no line begins with"),
        ("```toml\n[defaults]\ndeadlin = 1\n```", "unknown key"),
        ("```toml\n[defaults]\ndeadline\n```", "Expected"),
        ("```json\n{1}\n```", "Expecting property name"),
        ("```yaml\n{]\n```", "while parsing"),
        ("```cobol\n```", "no test knows blocks of cobol"),
        ("```\n```", "no test knows blocks of no language"),
        ("<!-- not run: -->\n```console\n$ true\n```", "'not run' gives no reason"),
    ],
)
def test_what_is_wrong_is_found(
    text: str, complaint: str, page: Callable[[Path], Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = page(Path("README.md"))
    monkeypatch.setattr("docs.page.blocks", lambda _: blocks(text))
    with pytest.raises(PageError, match=re.escape(complaint)):
        made.run()


def test_a_session_goes_on_from_block_to_block(page: Callable[[Path], Page], monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "```python\nimport asyncio\n\nx = await asyncio.sleep(0, 2)\n```\n"
        "```console\n$ export Y=3\n$ cd /\n```\n"
        "```console\n$ echo $Y $PWD\n3 /\n$ sleep 600\n^C\n$ (exit 3)\n$ echo $?\n3\n```\n"
        "```python\nprint(x)\n```\n<!-- prints -->\n```text\n2\n```\n"
    )
    shown: tuple[Block, ...] = blocks(text)
    monkeypatch.setattr("docs.page.blocks", lambda _: shown)
    page(Path("README.md")).run()
