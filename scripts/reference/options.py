"""The reference of the configuration, and its schema for editors, out of ``meshclient.config``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from scripts.reference.docstring import docstring
from scripts.reference.kinds import Json, spelling
from scripts.reference.markdown import code, page

from meshclient.config.environment import PREFIX
from meshclient.config.kinds import Kind, Written
from meshclient.config.schema import DEFAULTS, ROOT, ROUTE, SERVICE, Named, Table

_HEAD = """\
Every option of `meshclient.toml`, which are also the keyword arguments of `Mesh`, `Client` and `AsyncClient` and
what `--set` takes. An [editor](../how-to/editors.md) that reads JSON Schema completes and checks them.

A **duration** is text such as `"250ms"`, `"2s"`, `"5m"`, or a number of seconds; a **size** is text such as
`"64KiB"`, `"10MB"`, or a number of bytes. Where a table is a policy, `false` turns it off and `true` turns it on
with its defaults. The strongest first: `--set`, arguments in code, `MESHCLIENT_...` variables, the file, the
defaults; a value for a service holds against one for all of them wherever either comes from. `meshclient config
show --origin` tells who said what. The variables are listed once more [by themselves](variables.md)."""
_SERVICE_HEAD = """\
These stand under `[defaults]` for every service, under `[services.<name>]` for one, and those that say so under
`[services.<name>.routes."/path/*"]` for some of its paths. Their variables are `MESHCLIENT_DEFAULTS__...` and
`MESHCLIENT_SERVICES__<NAME>__...`, the service's name in capitals with `_` for all but letters and digits."""


@dataclass(frozen=True, slots=True)
class Option:
    """A key of the configuration, or a table that can be switched.

    Args:
        path: within its part of the file, joined by dots.
        words: what may stand there.
        default: as it is written.
        meaning: in a sentence.
        places: of a service's option, which of ``defaults``, ``services`` and ``routes`` may have it.
        spelled: whether a variable can set it.
    """

    path: str
    words: str
    default: str
    meaning: str
    places: tuple[str, ...] = ()
    spelled: bool = True


def reference() -> str:
    """The page."""
    own = [option for option in _options(ROOT, "") if not option.path.startswith(("defaults", "services"))]
    top = [option for option in own if "." not in option.path]
    sections = {"": top}
    for option in own:
        if "." in option.path:
            sections.setdefault(option.path.partition(".")[0], []).append(option)
    parts = [_HEAD]
    for name, options in sections.items():
        switch = [option for option in options if option.path == name]
        parts.append(f"## `[{name}]`" if name else "## At the top of the file")
        parts += [_entry(option, (f"{PREFIX}{_upper(option.path)}",)) for option in (*switch, *options)]
    parts += ["## Of a service", _SERVICE_HEAD]
    for option in service_options():
        forms = [f"{PREFIX}DEFAULTS__{_upper(option.path)}"] if "defaults" in option.places else []
        forms += [f"{PREFIX}SERVICES__<NAME>__{_upper(option.path)}"] if "services" in option.places else []
        parts.append(_entry(option, tuple(forms)))
    return page("Configuration", *parts)


def variables() -> list[tuple[str, str, str]]:
    """Every variable that stands for an option, with its path and meaning."""
    own = [option for option in _options(ROOT, "") if option.spelled and not option.path.startswith("services")]
    found = [(PREFIX + _upper(option.path), option.path, option.meaning) for option in own]
    for option in service_options():
        if option.spelled and "services" in option.places:
            name = f"{PREFIX}SERVICES__<NAME>__{_upper(option.path)}"
            found.append((name, f"services.<name>.{option.path}", option.meaning))
    return found


def service_options() -> list[Option]:
    """What a service may be told, with the places where that may stand."""
    allowed = {
        place: {option.path for option in _options(part, "")}
        for place, part in (("defaults", DEFAULTS), ("services", SERVICE), ("routes", ROUTE))
    }
    found = []
    for option in _options(SERVICE, ""):
        places = tuple(place for place, paths in allowed.items() if option.path in paths)
        found.append(Option(option.path, option.words, option.default, option.meaning, places, option.spelled))
    return found


def _entry(option: Option, forms: tuple[str, ...]) -> str:
    facts = [f"{option.words}", f"default {option.default}" if option.default else ""]
    facts.append("in " + ", ".join(code(place) for place in option.places) if option.places else "")
    facts += [code(form) for form in forms] if option.spelled else ["no variable"]
    return f"### `{option.path}`\n\n{_sentence(option.meaning)}\n\n" + " · ".join(fact for fact in facts if fact)


def _options(part: Table, parent: str) -> Iterator[Option]:
    shape = part.shape
    told = docstring(shape).items
    defaults = shape()
    for key, node in part.keys.items():
        path = f"{parent}.{key}" if parent else key
        if isinstance(node, Named):
            continue
        if key not in told:
            name = getattr(shape, "__name__", str(shape))
            raise LookupError(f"the docstring of {name} does not say under 'Args:' what {key} means: add it there")
        meaning = re.sub(r"\bNone\b", "`false`", told[key])
        value = getattr(defaults, key)
        if isinstance(node, Kind):
            how = spelling(node)
            spelled = "in code only" not in how.words
            yield Option(path, how.words, code(toml(node.write(value))) if spelled else "", meaning, (), spelled)
            continue
        if node.switch:
            shown = "`true`" if value is not None else "`false`"
            words = "table, `true` or `false`" + (f"; a text is its `{node.word}`" if node.word else "")
            yield Option(path, words, shown, meaning)
        yield from _options(node, path)


def toml(value: Written) -> str:
    """A value as TOML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return "{ " + ", ".join(f"{key} = {toml(each)}" for key, each in value.items()) + " }" if value else "{}"


def schema() -> str:
    """The schema of ``meshclient.toml``, JSON Schema draft 2020-12."""
    whole = _of_table(ROOT)
    document: dict[str, Json] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:meshclient:schema:meshclient.toml",
        "title": "meshclient.toml",
        "description": "The configuration of meshclient. Unknown keys are errors there as they are here.",
        **whole,
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _of_table(part: Table) -> dict[str, Json]:
    told = docstring(part.shape).items
    properties: dict[str, Json] = {}
    for key, node in part.keys.items():
        if isinstance(node, Named):
            inner: dict[str, Json] = {"type": "object", "additionalProperties": _of_table(node.table)}
        elif isinstance(node, Table):
            inner = _switched(node)
        else:
            inner = dict(spelling(node).schema)
        description = re.sub(r"`", "", re.sub(r"\bNone\b", "false", told.get(key, "")))
        properties[key] = {"description": _sentence(description), **inner} if description else inner
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _switched(node: Table) -> dict[str, Json]:
    own = _of_table(node)
    if not node.switch:
        return own
    forms: list[Json] = [own, {"type": "boolean"}]
    if node.word:
        word = node.keys[node.word]
        assert isinstance(word, Kind)
        forms.append(dict(spelling(word).schema))
    return {"anyOf": forms}


def _upper(path: str) -> str:
    return path.upper().replace(".", "__")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] if text else ""
