"""What the tests about the house look at: the checkout, its files, the sources of its distributions."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Not in the repository; by `scripts/twin.py` it is what `meshclient.http` is.
GENERATED = ("meshclient", "httpx2")


@dataclass(frozen=True)
class Source:
    """One Python file, by the module it is and the text it has."""

    module: str
    text: str
    is_package: bool = False

    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.text, self.module)

    def imports(self) -> Iterator[tuple[str, int]]:
        """Every name imported anywhere in it, with its line; `from a import b` gives `a.b`."""
        package = self.module if self.is_package else self.module.rpartition(".")[0]
        for node in ast.walk(self.tree()):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield alias.name, node.lineno
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    parents = package.split(".")
                    base = ".".join([*parents[: len(parents) - node.level + 1], *([base] if base else [])])
                for alias in node.names:
                    yield f"{base}.{alias.name}", node.lineno


def within(name: str, *modules: str) -> bool:
    """Whether a dotted name is one of the modules, or inside one."""
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def read(folder: Path) -> list[Source]:
    """The Python files below a `src` folder."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        if path.relative_to(folder).parts[:2] == GENERATED:
            continue
        name = ".".join(path.relative_to(folder).with_suffix("").parts)
        is_package = path.name == "__init__.py"
        found.append(Source(name.removesuffix(".__init__"), path.read_text("utf-8"), is_package))
    return found


@cache
def core() -> list[Source]:
    """The sources of the core distribution."""
    return read(ROOT / "src")


@cache
def plugins() -> list[Source]:
    """The sources of every plugin distribution."""
    return [source for folder in sorted(ROOT.glob("plugins/*/src")) for source in read(folder)]


@cache
def tracked() -> list[Path]:
    """The files that are, or would be, under version control."""
    listing = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
    )
    paths = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]
