"""The generated pages are fresh, and the schema for editors takes what meshclient takes."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from jsonschema.exceptions import best_match
from scripts import docs
from scripts.reference import commands
from scripts.reference.docstring import parsed

from docs.markdown import ROOT, blocks, pages
from docs.page import configuration
from meshclient.cli.exit_status import ExitStatus
from meshclient.config.loaded import load

CONFIGURATIONS = [
    *sorted(ROOT.glob("examples/**/meshclient.toml")),
    *sorted(ROOT.glob("deploy/**/meshclient*.toml")),
]


def complaint(schema: jsonschema.Draft202012Validator, document: object) -> str:
    """What the schema has against `document`, in a line."""
    error = best_match(schema.iter_errors(document))
    return "" if error is None else f"{error.json_path}: {error.message}"


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft202012Validator:
    found = json.loads((ROOT / "docs" / "reference" / "meshclient.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found)


def test_generated_pages_are_fresh() -> None:
    assert docs.check(ROOT, docs.generated()) > 0


def test_a_stale_page_is_found_and_mended(tmp_path: Path) -> None:
    files = {"docs/reference/a.md": "one\n"}
    with pytest.raises(docs.StaleError, match=r"docs/reference/a\.md is stale"):
        docs.check(tmp_path, files)
    assert docs.write(tmp_path, files) == ["docs/reference/a.md"]
    assert docs.write(tmp_path, files) == []
    assert docs.check(tmp_path, files) == 1


def test_every_exit_code_is_told() -> None:
    assert set(commands.exit_codes()) == {status.value for status in ExitStatus}


def test_the_parts_of_a_docstring() -> None:
    found = parsed(
        "What `meshclient.it.Thing` is.\n\nMore ``x``.\n\nArgs:\n    one: first\n        and on.\n    two: 2.\n"
    )
    assert (found.summary, found.text) == ("What `Thing` is.", "More `x`.")
    assert found.items == {"one": "first and on.", "two": "2."}


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: str(path.relative_to(ROOT)))
def test_configurations_fit_the_schema(path: Path, schema: jsonschema.Draft202012Validator) -> None:
    assert complaint(schema, tomllib.loads(path.read_text("utf-8"))) == ""


def test_every_configuration_of_the_pages_fits_the_schema(schema: jsonschema.Draft202012Validator) -> None:
    for path in pages():
        for block in blocks((ROOT / path).read_text("utf-8")):
            tables = configuration(block, block.text) if block.language == "toml" and not block.directive else None
            if tables is not None:
                assert complaint(schema, tables) == "", f"{path}:{block.line}"


def test_what_is_written_back_fits_the_schema(schema: jsonschema.Draft202012Validator, tmp_path: Path) -> None:
    on = ("retry", "ejection", "throttle", "hedge", "limit", "subset", "session", "health", "tls", "cache", "traffic")
    given: dict[str, Any] = {
        "services": {"orders": dict.fromkeys(on, True) | {"routes": {"/a/*": {"deadline": 1}}}},
        "sidecar": {"inbound": "0.0.0.0:7143", "register": "orders"},
        "telemetry": {"emf": True},
    }
    loaded = load(environ={}, cwd=tmp_path, arguments=given)
    for setting in loaded.settings:
        table: Any = setting.value
        head, _, route = setting.path.partition('.routes."')
        keys = head.split(".")
        if route:
            pattern, _, key = route.partition('".')
            keys += ["routes", pattern, *key.split(".")]
        for key in reversed(keys):
            table = {key: table}
        assert complaint(schema, json.loads(json.dumps(table))) == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"resolvr": "dns://"},
        {"defaults": {"deadline": True}},
        {"defaults": {"retry": {"attempts": 0}}},
        {"defaults": {"endpoints": ["http://a"]}},
        {"services": {"orders": {"balancer": 1}}},
        {"services": {"orders": {"routes": {"/a": {"balancer": "p2c"}}}}},
        {"sidecar": {"workers": 0}},
    ],
    ids=str,
)
def test_what_meshclient_refuses_the_schema_refuses(
    wrong: dict[str, Any], schema: jsonschema.Draft202012Validator, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r".+"):
        load(environ={}, cwd=tmp_path, arguments=wrong)
    assert not schema.is_valid(wrong)
