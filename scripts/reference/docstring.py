"""What a docstring of this project says, in parts: what it is about, and what each argument or attribute means."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

_SECTION = re.compile(r"(Args|Attributes|Raises|Returns):")
_ITEM = re.compile(r"    (\*{0,2}\w+): (.*)")
_LITERAL = re.compile(r"``([^`]+)``")
_NAME = re.compile(r"(?<!`)`(~?[\w.]+)`(?!`)")


@dataclass(frozen=True, slots=True)
class Docstring:
    """A docstring in parts, each of them Markdown.

    Args:
        summary: its first paragraph.
        text: what follows it before any section, and after.
        items: of ``Args:`` and ``Attributes:``, by name.
    """

    summary: str
    text: str
    items: Mapping[str, str]


def docstring(thing: object) -> Docstring:
    """The docstring of `thing`; an inherited one counts for nothing."""
    raw = thing.__doc__ or ""
    # That which a dataclass makes where nobody wrote one is its signature.
    if isinstance(thing, type) and raw.startswith(f"{thing.__name__}("):
        raw = ""
    return parsed(raw)


def parsed(raw: str) -> Docstring:
    """The parts of a docstring."""
    lines, items, name = [], {}, ""
    section = False
    for line in inspect.cleandoc(raw).splitlines():
        if _SECTION.fullmatch(line):
            section = True
        elif section and line and not line.startswith("    "):
            section, name = False, ""
        if not section:
            lines.append(line)
        elif found := _ITEM.fullmatch(line):
            name = found[1].lstrip("*")
            items[name] = found[2]
        elif name and line.startswith("        "):
            items[name] += f" {line.strip()}"
    paragraphs = re.split(r"\n[^\S\n]*\n", "\n".join(lines).strip())
    return Docstring(
        prose(paragraphs[0]),
        "\n\n".join(_paragraph(each) for each in paragraphs[1:]),
        {key: prose(value) for key, value in items.items()},
    )


def prose(text: str) -> str:
    """A paragraph of a docstring as Markdown, in one line."""
    flat = _NAME.sub(lambda found: f"`{found[1].lstrip('~').rpartition('.')[2]}`", " ".join(text.split()))
    return _LITERAL.sub(r"`\1`", flat)


def _paragraph(text: str) -> str:
    lines = text.splitlines()
    if all(not line or line.startswith("    ") for line in lines):
        return "```text\n" + textwrap.dedent(text) + "\n```"
    if any(line.startswith("    ") for line in lines):
        return "```text\n" + text + "\n```"
    if any(line.startswith("- ") for line in lines):
        head, *items = re.split(r"^- ", text, flags=re.MULTILINE)
        listed = "\n".join(f"- {prose(item)}" for item in items)
        return f"{prose(head)}\n\n{listed}" if head.strip() else listed
    return prose(text)
