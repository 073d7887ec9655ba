"""The package is light to import, and its entry points lead to what they name."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import meshclient_aws

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_importing_it_loads_neither_boto3_nor_its_own_parts() -> None:
    names = "('boto3', 'botocore', 'httpx', 'ssl', 'asyncio')"
    program = f"import meshclient_aws; print([m for m in {names} if m in sys.modules])"
    paths = [entry for entry in sys.path if entry]
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}; {program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("group", ["resolvers", "registrars"])
def test_entry_points(group: str) -> None:
    stated = tomllib.loads(PROJECT.read_text("utf-8"))["project"]["entry-points"][f"meshclient.{group}"]
    for value in stated.values():
        module, _, name = value.partition(":")
        assert module == meshclient_aws.__name__
        assert callable(getattr(meshclient_aws, name))


def test_all_names_are_there() -> None:
    for name in meshclient_aws.__all__:
        assert callable(getattr(meshclient_aws, name))


def test_other_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="'Nothing'"):
        _ = meshclient_aws.Nothing
