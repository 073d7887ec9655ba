"""The algorithms and where they come from, out of the heads of the modules that hold them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from scripts.reference.docstring import parsed
from scripts.reference.markdown import page

_ROOT = Path(__file__).resolve().parents[2] / "src" / "meshclient"
_SOURCES = re.compile(
    r"\bSource: |\bRFC \d|gRFC|Finagle|Envoy|Linkerd|gRPC|Google|Maglev|Vegas|Kitex|NSDI|CACM|SIGCOMM|failsafe|Netflix"
)
_FOLDERS = {
    "core": "What a call decides",
    "core/balance": "Which endpoint",
    "core/limit": "How many at once",
    "core/traffic": "Which variant",
    "core/caching": "What is kept",
    "discovery": "What a registry says",
    "registration": "How a process is listed",
}
_HEAD = """\
Each module that decides something says at its head what it does, after whom, and what is done differently. This is what
they say; the numbers stand beside their derivation in the source. [What happens to a call](../resilience.md) tells how
they work together, and `meshclient simulate` shows each of them at work."""


def reference() -> str:
    """The page."""
    parts = [_HEAD]
    for folder, title in _FOLDERS.items():
        entries = []
        for file in sorted((_ROOT / folder).glob("*.py")):
            raw = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
            if _SOURCES.search(raw):
                told = parsed(raw)
                name = f"meshclient.{folder.replace('/', '.')}.{file.stem}".removesuffix(".__init__")
                entries.append(f"### {told.summary.rstrip('.')}\n\n`{name}`\n\n{told.text}")
        parts += [f"## {title}", *entries] if entries else []
    return page("Algorithms and their sources", *parts)
