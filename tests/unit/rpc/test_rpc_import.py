"""Who calls by hand does not pay for stubs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


def loaded(statement: str) -> set[str]:
    """The modules of an interpreter that ran this."""
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    modules: set[str] = set(json.loads(done.stdout))
    return modules


@pytest.mark.parametrize(
    "statement", ["import meshclient", "import meshclient; meshclient.Client; meshclient.AsyncClient; meshclient.Mesh"]
)
def test_neither_stubs_nor_codecs_are_imported_before_they_are_used(statement: str) -> None:
    modules = loaded(statement)
    assert "meshclient" in modules
    assert {each for each in modules if each.startswith("meshclient.rpc")} == set()
    assert modules.isdisjoint({"msgspec", "google.protobuf", "pydantic"})


def test_stubs_import_neither_protobuf_nor_pydantic() -> None:
    modules = loaded("import meshclient.rpc")
    assert "msgspec" in modules
    assert modules.isdisjoint({"google.protobuf", "google.protobuf.message", "pydantic"})
