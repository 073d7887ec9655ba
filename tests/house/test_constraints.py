"""The constraints files: complete, with hashes, and no word about where to download from."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from house.source import ROOT

FILES = ("bench.txt", "dev.txt", "runtime.txt")
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    """Version by package."""
    text = (ROOT / "constraints" / name).read_text("utf-8")
    return {canonicalize_name(package): version for package, version in PIN.findall(text)}


def project(path: Path) -> dict[str, Any]:
    """A parsed pyproject.toml."""
    return tomllib.loads(path.read_text("utf-8"))


def requirements(path: Path, *, dev: bool) -> list[Requirement]:
    """What a distribution asks for, less what comes from this checkout."""
    document = project(path)
    wanted = [*document["project"].get("dependencies", [])]
    wanted += document["project"].get("optional-dependencies", {}).get("yaml", [])
    groups = document.get("dependency-groups", {})
    for group in ("build", "dev") if dev else ("build",):
        wanted += groups.get(group, [])
    parsed = [Requirement(line) for line in wanted]
    return [one for one in parsed if not canonicalize_name(one.name).startswith("meshclient")]


def unmet(wanted: list[Requirement], pinned: dict[str, str]) -> list[str]:
    """The requirements that no pin satisfies."""
    return [
        str(one)
        for one in wanted
        if not (version := pinned.get(canonicalize_name(one.name)))
        or not one.specifier.contains(version, prereleases=True)
    ]


@pytest.mark.parametrize("name", FILES)
def test_every_pin_has_hashes_and_no_address(name: str) -> None:
    text = (ROOT / "constraints" / name).read_text("utf-8")
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if PIN.match(line):
            assert "--hash=sha256:" in lines[number + 1], line
        else:
            assert re.fullmatch(r"|\s*#.*|\s+--hash=sha256:[0-9a-f]{64}(?: \\)?", line), line
    assert "://" not in text
    assert pins(name)


def test_runtime_pins_what_the_demo_needs() -> None:
    assert unmet(requirements(ROOT / "pyproject.toml", dev=False), pins("runtime.txt")) == []


def test_dev_pins_what_every_distribution_and_tool_needs() -> None:
    paths = [ROOT / "pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]
    assert [one for path in paths for one in unmet(requirements(path, dev=True), pins("dev.txt"))] == []


def test_one_environment_can_hold_both() -> None:
    dev = pins("dev.txt")
    assert {name: version for name, version in pins("runtime.txt").items() if dev.get(name) != version} == {}


def test_a_missing_or_older_pin_is_noticed() -> None:
    wanted = [Requirement("httpx>=0.28.1,<1"), Requirement("rich>=13")]
    assert unmet(wanted, {"httpx": "0.27.0"}) == ["httpx<1,>=0.28.1", "rich>=13"]
    assert unmet(wanted, {"httpx": "0.28.1", "rich": "15.0.0"}) == []
