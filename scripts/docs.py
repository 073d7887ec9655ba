"""The documentation: its generated pages, and the site.

    python -m scripts.docs reference            write docs/reference and docs/llms.txt
    python -m scripts.docs reference --check    exit 1 where one of them is stale
    python -m scripts.docs build                the site, into build/site; exit 1 with any warning

Run it from the root of the checkout. Nothing is fetched from anywhere.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from scripts.reference import algorithms, api, commands, documents, errors, events, llms, options, variables

ROOT = Path(__file__).resolve().parents[1]


class StaleError(Exception):
    """What `--check` found; the text has one line per finding."""


def generated() -> dict[str, str]:
    """Every generated file, by its path below the root."""
    found = {
        "docs/reference/algorithms.md": algorithms.reference(),
        "docs/reference/api.md": api.reference(),
        "docs/reference/cli.md": commands.reference(),
        "docs/reference/configuration.md": options.reference(),
        "docs/reference/documents.md": documents.reference(),
        "docs/reference/errors.md": errors.reference(),
        "docs/reference/events.md": events.reference(),
        "docs/reference/meshclient.schema.json": options.schema(),
        "docs/reference/variables.md": variables.reference(),
    }
    return found | {"docs/llms.txt": llms.index(ROOT, found)}


def write(root: Path, files: Mapping[str, str]) -> list[str]:
    """Write what is not there as it should be; the paths of what was written."""
    written = []
    for name, text in files.items():
        path = root / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            written.append(name)
    return written


def check(root: Path, files: Mapping[str, str]) -> int:
    """The number of files, where all are fresh. Raises StaleError."""
    stale = [
        name for name, text in files.items() if not (root / name).exists() or (root / name).read_text("utf-8") != text
    ]
    if stale:
        raise StaleError("\n".join(f"{name} is stale: run `python -m scripts.docs reference`" for name in stale))
    return len(files)


def build(*arguments: str) -> int:
    """Build the site; print what MkDocs warns of, which is an error."""
    # mkdocs-material's own notice about the future of MkDocs, which this variable of theirs turns off.
    variables = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--clean", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=variables, check=False, capture_output=True, text=True)
    told = [line for line in (done.stderr + done.stdout).splitlines() if not line.startswith("INFO ")]
    print("\n".join(told), end="\n" if told else "", file=sys.stderr)
    return done.returncode or int(bool(told))


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Generated pages of the documentation, and its site.")
    commands_ = parser.add_subparsers(dest="command", required=True)
    reference = commands_.add_parser("reference", help="write the generated pages")
    reference.add_argument("--check", action="store_true", help="change nothing, fail where one is stale")
    commands_.add_parser("build", help="build the site into build/site")
    asked = parser.parse_args()
    if asked.command == "build":
        code = build()
        if not code:
            print("the documentation: build/site/index.html")
        return code
    try:
        if asked.check:
            print(f"{check(ROOT, generated())} generated files of the documentation are fresh")
        else:
            for name in write(ROOT, generated()):
                print(f"wrote {name}")
    except StaleError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
