"""``llms.txt``: the documentation's index for programs that read (llmstxt.org), a line of Markdown for each page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from scripts.site import BESIDE, rest

_ABOUT = "Service discovery and resilient HTTP calls for Python, inside your process: what a mesh does, as a library."
_MARKUP = re.compile(r"<!--.*?-->", re.DOTALL)


def index(root: Path, generated: Mapping[str, str]) -> str:
    """The file, from the navigation of mkdocs.yml and the pages' first sentences."""
    site = yaml.safe_load((root / "mkdocs.yml").read_text("utf-8"))
    named = set(_named(site["nav"]))
    lines = ["# meshclient", "", f"> {_ABOUT}", ""]
    for section in site["nav"]:
        for title, inner in section.items():
            lines += [f"## {title}", ""]
            for name, path in _pages(inner, named):
                text = generated.get(f"docs/{path}") or _text(root, path)
                lines.append(f"- [{name or _title(text)}]({path}): {_first(text)}")
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _pages(node: object, named: set[str], title: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, str):
        yield from ((title, path) for path in ([node] if not node.endswith("/*") else rest(node, named)))
    elif isinstance(node, dict):
        for name, inner in node.items():
            yield from _pages(inner, named, name if isinstance(inner, str) else "")
    else:
        assert isinstance(node, list)
        for each in node:
            yield from _pages(each, named)


def _named(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    else:
        assert isinstance(node, dict | list)
        for child in node.values() if isinstance(node, dict) else node:
            yield from _named(child)


def _text(root: Path, path: str) -> str:
    beside = {page: source for source, page in BESIDE.items() if page != "index.md"}
    file = root / beside.get(path, f"docs/{path}")
    if not file.exists():
        raise LookupError(f"mkdocs.yml names {path}, which is not there")
    return file.read_text("utf-8")


def _title(text: str) -> str:
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found[1].strip() if found else ""


def _first(text: str) -> str:
    plain = _MARKUP.sub("", text)
    paragraphs = [
        part for part in re.split(r"\n\s*\n", plain) if part.strip() and not part.lstrip().startswith(("#", "```", "|"))
    ]
    flat = " ".join((paragraphs[0] if paragraphs else "").split())
    flat = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", flat)
    return re.split(r"(?<=[.:]) (?=[A-Z`])", flat)[0].rstrip(":")
