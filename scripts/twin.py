"""Generate ``meshclient.httpx2``: the HTTP face once more, for programs that have moved to httpx2.

    python scripts/twin.py    write it

Nothing chooses between the two at run time: whoever imports ``meshclient.httpx2`` gets clients of httpx2's, whoever
imports ``meshclient`` gets httpx's, whatever is installed. Both stand on the same mesh, so that only the modules that
touch httpx, directly or through another, are there twice. The twin is not kept in the repository: an editable install
and a wheel are given it by ``hatch_build.py``, and `make sync` writes it anew.
"""

from __future__ import annotations

import ast
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

SOURCE, TARGET = "meshclient.http", "meshclient.httpx2"
_FOREIGN = ("httpx", "httpcore")
# Not what stands in quotes by itself: that is a word of our configuration (`engine = "httpx"`).
_HTTPX = re.compile(r"(?<![\w.])(?!(?<=\")httpx\")httpx\b")
_HTTPCORE = re.compile(r"(?<![\w.])httpcore\b(?!\w)")
_LOGGER = re.compile(r"getLogger\(\"httpx\"\)")
_OURS = re.compile(r"\b(?P<module>meshclient\.http(?:\.\w+)*)\b(?: import (?P<names>\w+))?")

_FIND = (
    "from importlib import import_module\n",
    "from importlib import import_module\nfrom importlib.util import find_spec\n",
)
# Whoever asks for it by name wants it; nothing falls back to httpx.
_MISSING = """

if find_spec("httpx2") is None:
    msg = "meshclient.httpx2 needs httpx2: pip install 'meshclient[httpx2]'"
    raise ModuleNotFoundError(msg, name="httpx2")
"""


def twin(root: Path) -> dict[Path, str]:
    """The files of the twin by their paths below `root`, the folder of the distribution."""
    modules = _modules(root / "src")
    doubled = _doubled({name: _imports(path) for name, path in modules.items()})
    files: dict[Path, str] = {}
    for name in sorted(doubled):
        path = modules[name]
        relative = path.relative_to(root)
        text = f"# Generated from {relative.as_posix()} by scripts/twin.py; edit that file, then run `make sync`.\n"
        target = Path("src", *TARGET.split("."), path.relative_to(root / "src" / Path(*SOURCE.split("."))))
        files[target] = text + _renamed(path.read_text("utf-8"), doubled)
        if name == SOURCE:
            files[target] = files[target].replace(*_FIND) + _MISSING
    # Folders of modules are packages.
    for folder in {path.parent for path in files}:
        files.setdefault(folder / "__init__.py", "")
    return files


def write(root: Path) -> list[Path]:
    """Write the twin, and nothing where it is as it should be; the paths of its files."""
    files = twin(root)
    folder = root / "src" / Path(*TARGET.split("."))
    wanted = {root / path: text for path, text in files.items()}
    for path in folder.rglob("*.py"):
        if path not in wanted:
            path.unlink()
    for path, text in wanted.items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    for empty in [path for path in folder.rglob("*") if path.is_dir() and not any(path.rglob("*.py"))]:
        shutil.rmtree(empty, ignore_errors=True)
    return sorted(files)


def _modules(source: Path) -> dict[str, Path]:
    """The modules of the face by name."""
    found = {}
    for path in sorted((source / Path(*SOURCE.split("."))).rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _imports(path: Path) -> set[str]:
    """Every name that a module imports, in functions and for type checkers too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def _doubled(imports: Mapping[str, set[str]]) -> set[str]:
    """Those that touch httpx, and those that touch these."""
    found = {SOURCE} | {
        name for name, names in imports.items() if any(each.partition(".")[0] in _FOREIGN for each in names)
    }
    while more := {name for name, names in imports.items() if name not in found and names & found - {SOURCE}}:
        found |= more
    return found


def _renamed(text: str, doubled: set[str]) -> str:
    def ours(match: re.Match[str]) -> str:
        name = match["module"]
        # What follows the module is a name in it, or the module that is meant.
        if match["names"] and name == SOURCE and f"{name}.{match['names']}" not in doubled:
            return match[0]
        while name not in doubled and name != SOURCE:
            name = name.rpartition(".")[0]
        shared = name == SOURCE and match["module"] != SOURCE
        return match[0] if shared else match[0].replace(SOURCE, TARGET, 1)

    text = _OURS.sub(ours, text)
    text = _LOGGER.sub('getLogger("httpx2")', text)
    return _HTTPCORE.sub("httpcore2", _HTTPX.sub("httpx2", text))


if __name__ == "__main__":
    written = write(Path(__file__).resolve().parents[1])
    sys.stdout.write(f"{len(written)} files of {TARGET}\n")
