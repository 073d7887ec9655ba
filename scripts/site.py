"""What MkDocs is told beside mkdocs.yml: pages from beside docs/, links to what is no page, and the rest of a folder.

The pages are read in three places: in an editor, on the site of the repository, and here. So their links are those of
the files: `../ARCHITECTURE.md`, `../deploy`. Here the first is a page and the second is not; it stays as text.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
# Pages by the files that they are made of, both relative to the root; the page's path as from docs/.
BESIDE = {
    "ARCHITECTURE.md": "project/ARCHITECTURE.md",
    "CHANGELOG.md": "project/CHANGELOG.md",
    "CONTRIBUTING.md": "project/CONTRIBUTING.md",
    "SECURITY.md": "project/SECURITY.md",
    "benchmarks/README.md": "project/benchmarks.md",
    "README.md": "index.md",
} | {
    f"plugins/{folder.name}/README.md": f"plugins/{folder.name}.md"
    for folder in sorted((ROOT / "plugins").iterdir())
    if (folder / "README.md").exists()
}
_MADE = {path: source for source, path in BESIDE.items() if source != "README.md"}
_LINK = re.compile(r"(?<!!)\[((?:[^]\[]|\[[^]]*\])*)\]\(([^)\s#]+)(#[^)\s]*)?\)")
_FENCE = re.compile(r"^( *)(`{3,}).*?^\1\2 *$", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of a folder in the place of ``folder/*``."""
    named = set(_named(config.nav))
    config.nav = [_expanded(node, named) for node in config.nav or []]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from beside docs/."""
    for path, source in _MADE.items():
        files.append(File.generated(config, path, content=(ROOT / source).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turn links to files into links to pages, or into text."""
    path = page.file.src_uri
    source = _MADE.get(path, f"docs/{path}")
    pieces, at = [], 0
    for fence in _FENCE.finditer(markdown):
        pieces += [_linked(markdown[at : fence.start()], source, path), fence[0]]
        at = fence.end()
    return "".join([*pieces, _linked(markdown[at:], source, path)])


def on_post_build(config: MkDocsConfig) -> None:
    """Lay the sources beside the pages: llms.txt names those."""
    folder = Path(config.site_dir)
    for source in (ROOT / "docs").rglob("*.md"):
        shutil.copyfile(source, folder / source.relative_to(ROOT / "docs"))
    for path, beside in _MADE.items():
        shutil.copyfile(ROOT / beside, folder / path)


def _linked(text: str, source: str, path: str) -> str:
    def link(found: re.Match[str]) -> str:
        words, target, anchor = found[1], found[2], found[3] or ""
        if re.match(r"[a-z]+:|/", target):
            return found[0]
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if file in BESIDE:
            page = BESIDE[file]
        elif file.startswith("docs/") and (ROOT / file).is_file():
            page = file.removeprefix("docs/")
        elif (ROOT / file).exists():
            return words
        else:
            return found[0]  # MkDocs says what is wrong with it
        return f"[{words}]({posixpath.relpath(page, posixpath.dirname(path) or '.')}{anchor})"

    return _LINK.sub(link, text)


def _named(node: object) -> list[str]:
    if isinstance(node, str):
        return [node]
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [path for child in children for path in _named(child)]


def _expanded(node: object, named: set[str]) -> object:
    if isinstance(node, dict):
        return {title: _expanded(inner, named) for title, inner in node.items()}
    if not isinstance(node, list):
        return node
    found: list[object] = []
    for each in node:
        found += rest(each, named) if isinstance(each, str) and each.endswith("/*") else [_expanded(each, named)]
    return found


def rest(pattern: str, named: set[str]) -> list[str]:
    """The pages of a folder below docs/ that are not `named`."""
    folder = ROOT / "docs" / pattern.removesuffix("/*")
    pages = (path.relative_to(ROOT / "docs").as_posix() for path in sorted(folder.rglob("*.md")))
    return [path for path in pages if path not in named]
