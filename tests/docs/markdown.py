"""What a page of the documentation shows, in the order in which a reader comes to it.

A fenced block is run by its language; what cannot be seen from the block itself stands in a comment before it, which
readers do not see:

    <!-- not run: needs an AWS account -->       nothing of the block is run; each reason is counted
    <!-- raises: NoEndpoints -->                 the Python block ends in this error
    <!-- prints -->                              this text block is what the Python block before it printed
    <!-- setup: python ... -->                   a block that is run and not shown (the same for console)
    <!-- environment: NAME=value NAME=value -->  variables of the page, for all that comes after
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"( *)(`{3,}|~{3,}) *([\w+-]*)(.*)")
_COMMENT = re.compile(r"<!--\s*([a-z ]+?)(?::\s*(.*?))?\s*-->", re.DOTALL)
_NAMED = re.compile(r"# ([\w./-]+\.[a-z]+)(?=\s|[,:]|$)")
_DIRECTIVES = ("not run", "raises", "prints", "setup", "environment")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, or a comment that is run like one.

    Args:
        line: of the file, from 1, on which its text begins.
        language: of the fence.
        text: without the page's indentation.
        directive: the word of the comment before it, or empty.
        words: what the comment says beside.
    """

    line: int
    language: str
    text: str
    directive: str = ""
    words: str = ""

    @property
    def file(self) -> str:
        """The file it is meant to stand in, which its first line names (``# shop.py``), or empty."""
        found = _NAMED.match(self.text)
        return found[1] if found else ""

    @property
    def commands(self) -> tuple[Command, ...]:
        """What a console block has typed."""
        return tuple(_commands(self))


@dataclass(frozen=True, slots=True)
class Command:
    """A line behind a prompt, with those that it is continued in.

    Args:
        line: of the file.
        text: without the prompt.
        shown: the output beneath it; empty where the page shows none.
    """

    line: int
    text: str
    shown: str


def pages() -> tuple[Path, ...]:
    """Every page, relative to the root; records of decisions and change logs show nothing to run."""
    found = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("plugins/*/README.md")]
    return tuple(sorted(path.relative_to(ROOT) for path in found if "adr" not in path.parts))


def blocks(text: str) -> tuple[Block, ...]:
    """The blocks of a page."""
    return tuple(_blocks(text.splitlines()))


def _blocks(lines: list[str]) -> Iterator[Block]:
    comment, at = ("", ""), 0
    while at < len(lines):
        if found := _FENCE.fullmatch(lines[at]):
            begin, indent, fence = at + 1, len(found[1]), found[2]
            end = next((n for n in range(begin, len(lines)) if lines[n].strip() == fence), len(lines))
            body = "\n".join(line[indent:] for line in lines[begin:end])
            yield Block(begin + 1, found[3], body, *comment)
            comment, at = ("", ""), end
        elif lines[at].lstrip().startswith("<!--"):
            end = next((n for n in range(at, len(lines)) if "-->" in lines[n]), len(lines) - 1)
            whole = _COMMENT.fullmatch("\n".join(lines[at : end + 1]).strip())
            comment = (whole[1], whole[2] or "") if whole and whole[1] in _DIRECTIVES else ("", "")
            if comment[0] == "setup":
                language, _, body = comment[1].partition("\n")
                yield Block(at + 2, language.strip(), body, "setup")
            elif comment[0] == "environment":
                yield Block(at + 1, "", "", *comment)
            comment, at = (("", "") if comment[0] in {"setup", "environment"} else comment), end
        elif lines[at].strip():
            comment = ("", "")
        at += 1


def _commands(block: Block) -> Iterator[Command]:
    found: Command | None = None
    shown: list[str] = []
    for number, line in enumerate(block.text.splitlines(), block.line):
        if line.startswith("$ "):
            if found is not None:
                yield replace(found, shown="\n".join(shown))
            found, shown = Command(number, line[2:], ""), []
        elif found is not None and not shown and found.text.endswith("\\"):
            found = replace(found, text=f"{found.text}\n{line.removeprefix('> ')}")
        else:
            shown.append(line)
    if found is not None:
        yield replace(found, shown="\n".join(shown).strip("\n"))
