"""The reference of JSON documents, out of the schemas that are published with the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.reference.markdown import code, page, table

FOLDER = Path(__file__).resolve().parents[2] / "src" / "meshclient" / "cli" / "schemas"
_HEAD = """\
What `-o json` writes, what each line of `-o jsonl` is, and what administration answers. The member `schema` names
the shape; within one version members are only added. Every member is there, `null` where it is not known; names
ending in `_seconds` are seconds, times are RFC 3339 in UTC. The schemas themselves lie in `meshclient/cli/schemas`
of the distribution, for `importlib.resources.files("meshclient.cli")`."""


def reference() -> str:
    """The page."""
    parts = [_HEAD]
    for file in sorted(FOLDER.glob("*.json")) if FOLDER.exists() else []:
        schema = json.loads(file.read_text("utf-8"))
        name, version, _ = file.name.split(".")
        rows = list(_rows(schema, schema, ""))
        parts += [f"## `meshclient.{name}/{version}`", schema.get("description", schema.get("title", ""))]
        parts.append(table(("member", "type", "meaning"), rows))
    return page("JSON documents", *parts)


def _rows(whole: dict[str, Any], part: dict[str, Any], parent: str) -> Iterator[tuple[str, str, str]]:
    for name, given in part.get("properties", {}).items():
        found = _resolved(whole, given)
        path = f"{parent}{name}"
        described = given.get("description") or found.get("description", "")
        yield code(path), _type(whole, found), described
        for inner, suffix in _inner(whole, found):
            yield from _rows(whole, inner, f"{path}{suffix}.")


def _inner(whole: dict[str, Any], part: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    for each in (part, *part.get("anyOf", ()), *part.get("oneOf", ())):
        found = _resolved(whole, each)
        if "properties" in found:
            yield found, ""
        if isinstance(found.get("items"), dict):
            for inner, suffix in _inner(whole, _resolved(whole, found["items"])):
                yield inner, f"[]{suffix}"


def _resolved(whole: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    reference = part.get("$ref")
    if not reference:
        return part
    found: Any = whole
    for key in reference.removeprefix("#/").split("/") if reference.startswith("#/") else ():
        found = found[key]
    return found if isinstance(found, dict) else {}


def _type(whole: dict[str, Any], part: dict[str, Any]) -> str:
    if "enum" in part:
        return ", ".join(code(json.dumps(each)) for each in part["enum"])
    if "const" in part:
        return code(json.dumps(part["const"]))
    kinds = part.get("type", [])
    words = [kinds] if isinstance(kinds, str) else list(kinds)
    for each in (*part.get("anyOf", ()), *part.get("oneOf", ())):
        words.append(_type(whole, _resolved(whole, each)))
    if words == ["array"] and isinstance(part.get("items"), dict):
        return f"list of {_type(whole, _resolved(whole, part['items']))}"
    return " or ".join(dict.fromkeys(words)) or "any"
