"""Documents against the schemas that are published with the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, cast

import jsonschema


def assert_valid(document: Mapping[str, Any]) -> None:
    """`document` is as the schema it names says, and holds nothing that the schema does not tell of."""
    name, _, version = str(document["schema"]).removeprefix("meshclient.").partition("/")
    jsonschema.Draft202012Validator(_closed(published(f"{name}.{version}.json"))).validate(document)


def published(name: str) -> dict[str, Any]:
    """A schema of ``meshclient.cli``, by its file name."""
    text = files("meshclient.cli").joinpath("schemas", name).read_text(encoding="utf-8")
    return cast("dict[str, Any]", json.loads(text))


def _closed(schema: Any) -> Any:
    # A reader has to bear new fields; whoever writes them has to tell of them.
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _closed(value) for key, value in schema.items()}
    return {"additionalProperties": False, **inner} if "properties" in inner else inner
