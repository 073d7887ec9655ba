"""Generate the synchronous twins from the asynchronous sources.

    python scripts/unasync.py            write them
    python scripts/unasync.py --check    exit 1 where one is stale, or where a rule below is dead

A twin differs from its source in words, not in structure, so a table of substitutions is enough. Where the
structure differs (how to wait, how to run two attempts at once), both import it from a module not generated.
A rule that matches nothing in any source is reported: a dead rule is one that nobody knows to be right.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]


class Tree(NamedTuple):
    """A folder of asynchronous sources and the folder of their twins, both relative to the root."""

    source: str
    target: str


class Rule(NamedTuple):
    """A regular expression and what takes its place."""

    pattern: str
    replacement: str


TREES = (
    Tree("src/meshclient/http/_async", "src/meshclient/http/_sync"),
    Tree("src/meshclient/rpc/_async", "src/meshclient/rpc/_sync"),
    Tree("tests/unit/http/_async", "tests/unit/http/_sync"),
)

# Applied in this order, each to the whole text: the particular comes before the general.
RULES = (
    Rule(r"\basync (?=def |with |for )", ""),
    Rule(r"\bawait ", ""),
    Rule(r"\bAsyncByteStream\b", "SyncByteStream"),
    Rule(r"\bAsync(?=[A-Z])", ""),
    Rule(r"\b__a(?=(?:enter|exit|iter|next)__)", "__"),
    Rule(r"\ba(?=(?:close|next|read)\b)", ""),
    Rule(r"\basync_(?=[a-z])", ""),
    Rule(r"\bhandle_async_request\b", "handle_request"),
    Rule(r"(?<=[\w.])_async(?=_|\b)", "_sync"),
    Rule(r"\basynchronous\b", "synchronous"),
    Rule(r"\bengine\.aio\b", "engine.blocking"),
)


class StaleError(Exception):
    """What `--check` found; the text has one line per finding."""


def translate(text: str, rules: Sequence[Rule] = RULES, used: Counter[Rule] | None = None) -> str:
    """Apply the rules in order; count in `used` how often each of them matched."""
    for rule in rules:
        text, count = re.subn(rule.pattern, rule.replacement, text)
        if used is not None:
            used[rule] += count
    return text


def tidy(text: str, target: Path) -> str:
    """Sort imports and format as `ruff` does, since words that change length move line breaks."""
    for arguments in (
        ["check", "--quiet", "--select", "I001,RUF022", "--fix", "--exit-zero"],
        ["format", "--quiet"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", str(target), "-"],
            input=text,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        if done.returncode:
            message = f"ruff {arguments[0]} failed on the twin {target}: {done.stderr.strip()}"
            raise RuntimeError(message)
        text = done.stdout
    return text


def generate(root: Path, trees: Sequence[Tree], rules: Sequence[Rule], used: Counter[Rule]) -> dict[Path, str]:
    """The text of every twin, by its path."""
    twins = {}
    for tree in trees:
        for source in python_files(root / tree.source):
            origin = source.relative_to(root).as_posix()
            name = translate(source.relative_to(root / tree.source).as_posix(), rules)
            target = root / tree.target / name
            header = f"# Generated from {origin} by scripts/unasync.py; edit that file, then run `make sync`.\n"
            twins[target] = tidy(header + translate(source.read_text("utf-8"), rules, used), target)
    return twins


def python_files(folder: Path) -> list[Path]:
    """Every Python file below `folder`, in a fixed order; none where it does not exist."""
    return sorted(folder.rglob("*.py"))


def orphans(root: Path, trees: Sequence[Tree], twins: dict[Path, str]) -> list[Path]:
    """Files among the twins that have no source."""
    return [path for tree in trees for path in python_files(root / tree.target) if path not in twins]


def write(root: Path, trees: Sequence[Tree] = TREES, rules: Sequence[Rule] = RULES) -> list[Path]:
    """Bring every twin up to date and remove those without a source; the paths that changed."""
    twins = generate(root, trees, rules, Counter())
    changed = []
    for target, text in twins.items():
        if not target.exists() or target.read_text("utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
            changed.append(target)
    for path in orphans(root, trees, twins):
        path.unlink()
        changed.append(path)
    return changed


def check(root: Path, trees: Sequence[Tree] = TREES, rules: Sequence[Rule] = RULES) -> int:
    """The number of twins that are fresh; raises `StaleError` naming stale twins and dead rules."""
    used: Counter[Rule] = Counter()
    twins = generate(root, trees, rules, used)
    findings = [
        f"{target.relative_to(root)} is stale: run `make sync`"
        for target, text in twins.items()
        if not target.exists() or target.read_text("utf-8") != text
    ]
    findings += [f"{path.relative_to(root)} has no source: run `make sync`" for path in orphans(root, trees, twins)]
    if twins:
        findings += [
            f"scripts/unasync.py: the rule {rule.pattern!r} matches nothing: remove it"
            for rule in rules
            if not used[rule]
        ]
    if findings:
        raise StaleError("\n".join(findings))
    return len(twins)


def main() -> int:
    """Run as a program; the exit code."""
    parser = argparse.ArgumentParser(description="Generate the synchronous twins from the asynchronous sources.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where something is stale")
    if not parser.parse_args().check:
        for path in write(ROOT):
            print(path.relative_to(ROOT))
        return 0
    try:
        fresh = check(ROOT)
    except StaleError as stale:
        print(stale, file=sys.stderr)
        return 1
    print(f"{fresh} generated files are fresh")
    return 0


if __name__ == "__main__":
    sys.exit(main())
