"""The package is light to import, and its entry points lead to what they name."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import meshclient_redis

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_importing_it_loads_neither_redis_nor_its_own_parts() -> None:
    program = (
        "import sys, meshclient_redis; "
        "print([m for m in ('redis', 'pybreaker', 'asyncio', 'meshclient_redis.store') if m in sys.modules])"
    )
    paths = [entry for entry in sys.path if entry]
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}; {program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_entry_points(scheme: str) -> None:
    stated = tomllib.loads(PROJECT.read_text("utf-8"))["project"]["entry-points"]["meshclient.circuits"][scheme]
    module, _, name = stated.partition(":")
    assert module == meshclient_redis.__name__
    assert callable(getattr(meshclient_redis, name))


def test_other_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="'Nothing'"):
        _ = meshclient_redis.Nothing
