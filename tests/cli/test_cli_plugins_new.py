"""``meshclient plugins new``: what it writes works as it is, is clean, and lies over nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from errno import ENOSPC
from pathlib import Path

import pytest

from cli.command import LIMIT, Command, environment
from cli.golden import assert_golden
from cli.schemas import assert_valid
from house.source import ROOT
from meshclient.cli.main import main


def run(folder: Path, *words: str, **more: str) -> str:
    """A tool of Python in the folder; what it said."""
    paths = [entry for entry in sys.path if entry]
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=environment({"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1", **more}),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_passes_its_own_tests_and_is_loaded_once_it_is_installed(
    tmp_path: Path, meshclient_command: Command
) -> None:
    assert main(["plugins", "new", "acme-registry", "--registrar", "--into", str(tmp_path), "-q"]) == 0
    folder = tmp_path / "meshclient-acme-registry"
    assert "23 passed" in run(folder, "pytest", "-q", "-p", "no:cacheprovider")
    # As an installed distribution has it.
    info = tmp_path / "meshclient_acme_registry-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: meshclient-acme-registry\nVersion: 0.1.0\n", "utf-8")
    lines = (folder / "pyproject.toml").read_text("utf-8").splitlines()
    entries = [line for line in lines if line.startswith(('[project.entry-points."', "acme-registry = "))]
    text = "\n".join(entries).replace('project.entry-points."', "").replace('"', "")
    (info / "entry_points.txt").write_text(text, "utf-8")
    (tmp_path / "meshclient_acme_registry").symlink_to(folder / "src" / "meshclient_acme_registry")
    ran = meshclient_command("plugins", "list", "-o", "jsonl")
    found = {line["group"]: line for line in ran.lines if line["name"] == "acme-registry"}
    assert ran.code == 0
    assert found.keys() == {"meshclient.registrars", "meshclient.resolvers"}
    assert all(line["loads"] for line in found.values())
    ran = meshclient_command("resolve", "orders", "--resolver", "acme-registry://127.0.0.1:1?timeout=5s")
    assert ran.code == 5
    assert "Acme Registry at 127.0.0.1:1 cannot be reached for service 'orders'" in ran.err


@pytest.mark.parametrize("name", ["a", "a-very-long-name-of-30-letters"])
def test_it_is_formatted_whatever_its_name(tmp_path: Path, name: str) -> None:
    assert main(["plugins", "new", name, "--registrar", "--into", str(tmp_path), "-q"]) == 0
    folder = tmp_path / f"meshclient-{name}"
    run(folder, "ruff", "check", "--no-cache", "--quiet", ".")
    run(folder, "ruff", "format", "--no-cache", "--check", "--quiet", ".")


def test_its_types_are_right(tmp_path: Path) -> None:
    assert main(["plugins", "new", "acme", "--registrar", "--into", str(tmp_path), "-q"]) == 0
    # As strict as we are, and with what `make lint` has found out: nearly all of the work is the library, and what it
    # stands on.
    ours = "--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache")
    run(tmp_path / "meshclient-acme", "mypy", *ours, "src", "tests", MYPYPATH="src:tests")


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "name"])
def test_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["plugins", "new", "acme", "-o", form]) == 0
    out = capsys.readouterr().out
    assert_golden(f"plugins_new.{form}.txt", out)
    if form.startswith("json"):
        import json

        document = json.loads(out)
        assert_valid(document)
        there = sorted(
            str(path.relative_to("meshclient-acme")) for path in Path("meshclient-acme").rglob("*.*") if path.is_file()
        )
        assert sorted(document["files"]) == there


def test_it_lies_over_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "meshclient-acme" / "README.md"
    mine.parent.mkdir()
    mine.write_text("mine", "utf-8")
    assert main(["plugins", "new", "acme", "--into", str(tmp_path)]) == 2
    assert "exists, and nothing in it was touched\n  fix: remove it" in capsys.readouterr().err
    assert [path.name for path in mine.parent.iterdir()] == ["README.md"]
    assert mine.read_text("utf-8") == "mine"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Acme", "'Acme' is no name for a plugin"),
        ("../acme", "is no name for a plugin"),
        ("a" * 31, "30 at most"),
        ("consul", "the scheme 'consul' is taken by meshclient-consul"),
        ("meshclient-file", "the scheme 'file' is taken by meshclient itself"),
        ("aws", "the scheme 'aws' is taken by meshclient-aws"),
        ("testbed", "pytest takes classes whose names begin with Test for tests"),
    ],
)
def test_names_that_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, words: str) -> None:
    assert main(["plugins", "new", name, "--into", str(tmp_path)]) == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    assert main(["plugins", "new", "acme", "--into", str(tmp_path / "file")]) == 1
    assert "cannot be written\n  why: " in capsys.readouterr().err


def test_half_of_it_is_taken_away_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write = Path.write_text

    def full(path: Path, *arguments: str, **options: str) -> int:
        if path.name == "resolver.py":
            raise OSError(ENOSPC, "No space left on device")
        return write(path, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", full)
    assert main(["plugins", "new", "acme", "--into", str(tmp_path)]) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
