"""What must not be in the tree: where packages were fetched from, and where this checkout happens to lie."""

from pathlib import Path

import pytest

from house.source import ROOT, tracked

# Written in two halves, for this file is in the tree as well.
FORBIDDEN = tuple(
    "".join(halves)
    for halves in (
        ("pypi", ".org"),
        ("pythonhosted", ".org"),
        ("repo1.maven", ".org"),
        ("repo.maven.apache", ".org"),
        ("registry.npmjs", ".org"),
        ("/wo", "rk/"),
        ("/ro", "ot/"),
    )
)


def findings(path: Path) -> list[str]:
    """Each forbidden text in a file, with its line."""
    lines = path.read_text("utf-8", errors="replace").splitlines()
    return [f"{path}:{number} {word}" for number, line in enumerate(lines, 1) for word in FORBIDDEN if word in line]


def test_no_file_names_a_registry_or_a_machine() -> None:
    assert [finding for path in tracked() for finding in findings(path)] == []


def test_no_lock_file_is_tracked() -> None:
    assert [path for path in tracked() if path.name == "uv.lock"] == []


@pytest.mark.parametrize("word", FORBIDDEN)
def test_a_forbidden_text_is_noticed(tmp_path: Path, word: str) -> None:
    path = tmp_path / "notes.md"
    path.write_text(f"first\nsee {word}simple", "utf-8")
    assert findings(path) == [f"{path}:2 {word}"]


def test_the_licence_is_complete() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
