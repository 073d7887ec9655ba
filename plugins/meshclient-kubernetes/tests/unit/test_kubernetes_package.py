"""The package is light to import, and its entry point leads to what it names."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import meshclient_kubernetes

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_importing_it_loads_neither_httpx_nor_its_own_parts() -> None:
    program = "import sys, meshclient_kubernetes; print([m for m in ('httpx', 'ssl', 'asyncio') if m in sys.modules])"
    paths = [entry for entry in sys.path if entry]
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}; {program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "[]"


def test_the_entry_point() -> None:
    stated = tomllib.loads(PROJECT.read_text("utf-8"))["project"]["entry-points"]["meshclient.resolvers"]["kubernetes"]
    module, _, name = stated.partition(":")
    assert module == meshclient_kubernetes.__name__
    assert callable(getattr(meshclient_kubernetes, name))


def test_other_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="'Nothing'"):
        _ = meshclient_kubernetes.Nothing
