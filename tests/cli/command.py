"""The real command, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import meshclient

_SOURCES = str(Path(meshclient.__file__).resolve().parents[1])
# What the machine that runs the tests may have set, and what would change the answers.
FOREIGN = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM")
# A bound against a hang, far beyond what any command takes.
LIMIT = 60.0


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Standard output as one JSON document."""
        document: dict[str, Any] = json.loads(self.out)
        return document

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


class Command:
    """Runs ``meshclient`` in a folder of its own, without any configuration of the machine."""

    def __init__(self, folder: Path) -> None:
        """Begin with nothing set."""
        self.folder = folder

    def __call__(self, *words: str, stdin: str = "", **variables: str) -> Ran:
        """Run the command to its end."""
        done = subprocess.run(
            argv(*words),
            cwd=self.folder,
            env=environment(variables),
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=LIMIT,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def start(self, *words: str, stdout: int = subprocess.PIPE, **variables: str) -> subprocess.Popen[str]:
        """Start the command; the caller ends it."""
        return subprocess.Popen(
            argv(*words),
            cwd=self.folder,
            env=environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )


def argv(*words: str) -> list[str]:
    """The command line."""
    return [sys.executable, "-m", "meshclient", *words]


def environment(variables: dict[str, str]) -> dict[str, str]:
    """The machine's environment without what would change the answers, and with `variables`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MESHCLIENT_") and k not in FOREIGN}
    return {**kept, "PYTHONPATH": os.pathsep.join([_SOURCES, os.environ.get("PYTHONPATH", "")]), **variables}
