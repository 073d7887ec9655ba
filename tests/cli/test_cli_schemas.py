"""Every document that a command writes has a schema, and each schema tells of all that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from cli.schemas import published
from house.source import core

NAMES = sorted(each.name for each in files("meshclient.cli").joinpath("schemas").iterdir())
# Nobody is shown how lists are kept on disk.
KEPT = {"last_known"}


def test_every_document_has_one() -> None:
    said = {name for source in core() for name in re.findall(r"meshclient\.([a-z_]+)/v1", source.text)}
    # Some are named by what they are of.
    assert said - KEPT <= {name.removesuffix(".v1.json") for name in NAMES}
    assert len(said) > 20


@pytest.mark.parametrize("name", NAMES)
def test_it_is_sound_and_every_member_is_described(name: str) -> None:
    schema = published(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    stem = name.removesuffix(".v1.json")
    assert schema["$id"] == f"urn:meshclient:{stem}:v1"
    assert schema["properties"]["schema"]["const"] == f"meshclient.{stem}/v1"
    for part in _objects(schema):
        # A document and its lines may share a name, as those of `plugins` do.
        whole = "oneOf" in part or set(part["required"]) == set(part["properties"])
        assert whole, part.get("description")
        told = [key for key, value in part["properties"].items() if value.keys() & {"description", "$ref"}]
        assert told == list(part["properties"])


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, list):
        for each in schema:
            yield from _objects(each)
    elif isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield schema
        for value in schema.values():
            yield from _objects(value)
