"""A type checker knows what a stub's methods take and give, and finds what is wrong with their use."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
USAGE = Path(__file__).with_name("stub_usage.py.txt")
# Line by line, which error has to be reported: `# E: arg-type`; or what a type is: `# R: builtins.int`.
_EXPECTED = re.compile(r"#\s*(E|R): (.+)$")
_REPORTED = re.compile(r'^[^:]+:(\d+): (?:error: .*\[([a-z-]+)\]|note: Revealed type is "(.*)")$')


def test_a_type_checker_understands_stubs(tmp_path: Path) -> None:
    text = USAGE.read_text("utf-8")
    program = tmp_path / "stub_usage.py"
    program.write_text(text, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(program)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    expected = {
        (number, found[2]) for number, line in enumerate(text.splitlines(), 1) if (found := _EXPECTED.search(line))
    }
    reported = {
        (int(found[1]), found[2] or found[3]) for line in done.stdout.splitlines() if (found := _REPORTED.match(line))
    }
    assert done.stderr == ""
    assert len(expected) > 12
    assert reported == expected, done.stdout
