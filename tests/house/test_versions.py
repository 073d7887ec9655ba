"""A version is stated in several places; they have to agree."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

import meshclient
from house.source import ROOT

PROJECTS = sorted([ROOT / "pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")])


def load(path: Path) -> dict[str, Any]:
    """A parsed pyproject.toml."""
    return tomllib.loads(path.read_text("utf-8"))


@pytest.mark.parametrize("path", PROJECTS, ids=lambda path: path.parent.name)
def test_the_installed_distribution_is_this_checkout(path: Path) -> None:
    stated = load(path)["project"]
    try:
        installed = version(stated["name"])
    except PackageNotFoundError:
        pytest.fail(f"{stated['name']} is not installed: run `make setup`")
    assert installed == stated["version"]


def test_the_package_says_the_same_version() -> None:
    assert meshclient.__version__ == load(ROOT / "pyproject.toml")["project"]["version"]


@pytest.mark.parametrize("path", PROJECTS, ids=lambda path: path.parent.name)
def test_the_changelog_has_the_version(path: Path) -> None:
    stated = load(path)["project"]["version"]
    headings = re.findall(r"^## \[?([^\]\s]+)", (path.parent / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    released = [heading for heading in headings if heading.lower() != "unreleased"]
    # Before the first release there is nothing but the unreleased section.
    assert headings
    assert released[:1] in ([], [stated])


def test_the_oldest_python_is_the_same_everywhere() -> None:
    document = load(ROOT / "pyproject.toml")
    assert document["project"]["requires-python"] == ">=3.11"
    assert document["tool"]["ruff"]["target-version"] == "py311"
    assert document["tool"]["mypy"]["python_version"] == "3.11"
    assert {load(path)["project"]["requires-python"] for path in PROJECTS} == {">=3.11"}
    assert "--python-version 3.11" in (ROOT / "scripts/constraints.sh").read_text("utf-8")
    assert "(3, 11)" in (ROOT / "scripts/setup.sh").read_text("utf-8")


@pytest.mark.parametrize("path", PROJECTS, ids=lambda path: path.parent.name)
def test_each_distribution_brings_the_licence(path: Path) -> None:
    assert load(path)["project"]["license-files"] == ["LICENSE"]
    # A link would lead nowhere in a source distribution.
    assert not (path.parent / "LICENSE").is_symlink()
    assert (path.parent / "LICENSE").read_text("utf-8") == (ROOT / "LICENSE").read_text("utf-8")
