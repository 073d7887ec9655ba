"""How each kind of value is written: in words for the reference, and as JSON Schema for editors.

`meshclient.config.kinds` and its neighbours read values with functions, which say what is wrong with one and not what
is right in general; that stands here. A kind that is missing here stops the generator, and the tests hold the schema
against what the readers really take.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import TypeAlias

from meshclient.config import (
    cache_kinds,
    kinds,
    policy_kinds,
    sidecar_kinds,
    telemetry_kinds,
    traffic_schema,
    wire_kinds,
)
from meshclient.config.kinds import Kind
from meshclient.config.schema import SERVICE
from meshclient.core.chaos import PROFILES
from meshclient.core.injection import ERRORS

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a kind of value is written.

    Args:
        words: for a person.
        schema: for an editor.
    """

    words: str
    schema: dict[str, Json]


_OFF: dict[str, Json] = {"const": False}
_TEXT: dict[str, Json] = {"type": "string"}
_DURATION: dict[str, Json] = {
    "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^\s*[0-9.]+\s*(us|µs|ms|s|m|h|d)?"}]
}
_SIZE: dict[str, Json] = {
    "anyOf": [
        {"type": "integer", "minimum": 0},
        {"type": "string", "pattern": r"^\s*[0-9.]+\s*([KkMmGg]?[Ii]?[Bb])?\s*$"},
    ]
}
_TABLE_OF_TEXTS: dict[str, Json] = {"type": "object", "additionalProperties": {"type": "string"}}
_WANTED: dict[str, Json] = {"type": "object", "additionalProperties": {"anyOf": [{"type": "string"}, {"const": True}]}}


def _or_off(schema: dict[str, Json]) -> dict[str, Json]:
    return {"anyOf": [schema, _OFF]}


def _list(item: dict[str, Json]) -> dict[str, Json]:
    return {"type": "array", "items": item}


def _words(*words: str) -> dict[str, Json]:
    return {"enum": list(words)}


def _whole(least: int, most: int | None = None) -> Spelling:
    span: dict[str, Json] = {"type": "integer", "minimum": least}
    if most is not None:
        span["maximum"] = most
    return Spelling(f"whole number from {least}" + ("" if most is None else f" to {most}"), span)


def _table(required: tuple[str, ...], **properties: dict[str, Json]) -> dict[str, Json]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


_SHARE: dict[str, Json] = {
    "anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "string", "pattern": r"^[0-9.]+\s*%$"}]
}
_DURATION_WORDS = "duration"
_VARIANT = _table((), tags=_list(_TEXT), metadata=_TABLE_OF_TEXTS, service=_TEXT)
_RULE = _table(("to",), to=_TEXT, path=_TEXT, methods=_list(_TEXT), headers=_WANTED, cookies=_WANTED)
_MIRROR = _table(("to", "share"), to=_TEXT, share=_SHARE, limit={"type": "integer", "minimum": 1})
_GUARD = _table(
    ("variant",),
    variant=_TEXT,
    alpha={"type": "number", "minimum": traffic_schema.LEAST_ALPHA, "maximum": traffic_schema.MOST_ALPHA},
    tolerance={"type": "number", "minimum": 1, "maximum": 1000},
    latency={"type": "boolean"},
)
_FAULT = _table(
    ("share",),
    share=_SHARE,
    delay=_DURATION,
    error=_words(*map(str, ERRORS)),
    status={"type": "integer", "minimum": 400, "maximum": 599},
    headers=_WANTED,
    instances=_SHARE,
    zone=_TEXT,
    seed={"type": "integer"},
)
_PROFILE = _table(
    ("profile", "in_staging"),
    profile=_words(*PROFILES),
    in_staging={"const": True},
    seed={"type": "integer"},
    headers=_WANTED,
)
_ENDPOINT: dict[str, Json] = {"anyOf": [_TEXT, {"type": "object"}]}
_SWITCH = Spelling("`true` or `false`", {"type": "boolean"})

_SPELLINGS: dict[tuple[ModuleType, str], Spelling] = {
    (kinds, "TEXT"): Spelling("text", _TEXT),
    (kinds, "FOLDER"): Spelling("path", _TEXT),
    (kinds, "MODE"): Spelling("`background` or `on-demand`", _words("background", "on-demand")),
    (kinds, "BALANCER"): Spelling("name", {"type": "string", "pattern": "^[a-z0-9_]+$"}),
    (kinds, "BOUND"): Spelling(_DURATION_WORDS, _DURATION),
    (kinds, "OPTIONAL_BOUND"): Spelling("duration or `false`", _or_off(_DURATION)),
    (kinds, "OPTIONAL_SPAN"): Spelling("duration or `false`", _or_off(_DURATION)),
    (kinds, "SWITCH"): _SWITCH,
    (kinds, "BACKOFF"): Spelling('two durations, `"25ms..1s"`', {"type": "string", "pattern": r"^.+\.\..+$"}),
    (kinds, "ATTEMPTS"): _whole(1, 10),
    (kinds, "COUNT"): _whole(1),
    (kinds, "PLACE"): _whole(0),
    (kinds, "RATIO"): Spelling('share: number from 0 to 1, or `"20%"`', _SHARE),
    (kinds, "RATE"): Spelling("number from 0", {"type": "number", "minimum": 0, "maximum": 1_000_000}),
    (kinds, "METHODS"): Spelling("list of HTTP methods", _list(_TEXT)),
    (kinds, "DOMAINS"): Spelling("list of domains", _list(_TEXT)),
    (kinds, "ENDPOINTS"): Spelling('list of addresses, `["http://10.0.0.1:8080"]`', _list(_ENDPOINT)),
    (policy_kinds, "HASH_KEY"): Spelling(
        "`header:<name>`, `cookie:<name>`, `path`, `call` or `false`",
        _or_off({"type": "string", "pattern": "^(path|call|(header|cookie):.+)$"}),
    ),
    (policy_kinds, "SHADOW"): Spelling("list of policies", _list(_words(*policy_kinds.SHADOWED))),
    (policy_kinds, "STRATEGY"): Spelling("an object of tenacity's, in code only", _OFF),
    (policy_kinds, "FACTOR"): Spelling("number from 1 to 1000", {"type": "number", "minimum": 1, "maximum": 1000}),
    (policy_kinds, "OPTIONAL_SHARE"): Spelling(
        "number between 0 and 1, or `false`",
        _or_off({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
    ),
    (policy_kinds, "COOKIE"): Spelling("name of a cookie", _TEXT),
    (policy_kinds, "PATH"): Spelling("path of a URL", {"type": "string", "pattern": "^/"}),
    (policy_kinds, "OPTIONAL_COUNT"): Spelling(
        "whole number from 1, or `false`", _or_off({"type": "integer", "minimum": 1})
    ),
    (wire_kinds, "FILE"): Spelling("path", _TEXT),
    (wire_kinds, "IDENTITY"): Spelling("host name or address", _TEXT),
    (wire_kinds, "SIZE"): Spelling("size", _or_off(_SIZE)),
    (wire_kinds, "ENGINE"): Spelling("`builtin` or `httpx`", _words(*wire_kinds.ENGINES)),
    (cache_kinds, "CACHE"): Spelling("`private` or `shared`", _words(*cache_kinds.CACHES)),
    (cache_kinds, "ROOM"): Spelling("size", _SIZE),
    (cache_kinds, "STORE"): Spelling("URI", _or_off(_TEXT)),
    (cache_kinds, "OPTIONAL_AGE"): Spelling("duration or `false`", _or_off(_DURATION)),
    (cache_kinds, "FIELDS"): Spelling("list of header fields", _or_off(_list(_TEXT))),
    (cache_kinds, "STALENESS"): Spelling(
        "duration, `true` for a day, or `false`", {"anyOf": [_DURATION, {"type": "boolean"}]}
    ),
    (telemetry_kinds, "PROPAGATOR_NAMES"): Spelling(
        "list of formats", _or_off(_list(_words(*telemetry_kinds.PROPAGATORS)))
    ),
    (telemetry_kinds, "SPAN_ATTRIBUTE_NAMES"): Spelling("list of attributes", _or_off(_list(_TEXT))),
    (telemetry_kinds, "SPAN_WORD"): Spelling("`attempts`, `calls` or `none`", _or_off(_words(*telemetry_kinds.SPANS))),
    (telemetry_kinds, "NEW_TRACES_WORD"): Spelling(
        "`undecided`, `sampled` or `none`", _or_off(_words(*telemetry_kinds.NEW_TRACES))
    ),
    (telemetry_kinds, "NAMESPACE"): Spelling("text", _TEXT),
    (sidecar_kinds, "ADDRESS"): Spelling("`host:port` or `unix:/path`", _TEXT),
    (sidecar_kinds, "OPTIONAL_ADDRESS"): Spelling("`host:port`, `unix:/path` or `false`", _or_off(_TEXT)),
    (sidecar_kinds, "SERVICE"): Spelling("name of a service, or `false`", _or_off(_TEXT)),
    (sidecar_kinds, "PREFIXES"): Spelling("table of services by prefix", _or_off(_TABLE_OF_TEXTS)),
    (sidecar_kinds, "TARGETS"): Spelling("list of hosts", _or_off(_list(_TEXT))),
    (sidecar_kinds, "TAGS"): Spelling("list of labels", _list(_TEXT)),
    (sidecar_kinds, "HEAD"): Spelling("size", _SIZE),
    (sidecar_kinds, "PAUSE"): Spelling("duration or `false`", _or_off(_DURATION)),
    (sidecar_kinds, "OPTIONAL_PAUSE"): Spelling(
        'duration, `false`, or `""`', {"anyOf": [_DURATION, _OFF, {"const": ""}]}
    ),
    (sidecar_kinds, "WORKERS"): _whole(1, 256),
    (sidecar_kinds, "PORT"): _whole(0, 65535),
    (sidecar_kinds, "VIA"): Spelling("one word, or `false`", _or_off(_TEXT)),
    (sidecar_kinds, "ACCESS_LOG"): Spelling("`json` or `false`", {"anyOf": [_words("json", ""), {"type": "boolean"}]}),
    (sidecar_kinds, "HEALTH"): Spelling("path of a URL, or `false`", _or_off(_TEXT)),
    (sidecar_kinds, "DATA_PLANE"): Spelling("`builtin` or `envoy`", _words(*sidecar_kinds.DATA_PLANES)),
}
# Read by functions of `meshclient.config.schema` itself, which imports what they need when there is any.
_FAULTS = Spelling(
    "list of tables `{ share, delay, error, status, headers, instances, zone, seed }` or `{ profile, in_staging }`",
    {"anyOf": [_list({"anyOf": [_FAULT, _PROFILE]}), _FAULT, _PROFILE, _OFF]},
)
_TRAFFIC = {
    "split": Spelling(
        "table of weights by variant",
        {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1_000_000}},
    ),
    "variants": Spelling(
        "table of tables `{ tags, metadata }` or `{ service }`", {"type": "object", "additionalProperties": _VARIANT}
    ),
    "routes": Spelling("list of tables `{ to, path, methods, headers, cookies }`", _list(_RULE)),
    "mirror": Spelling("table `{ to, share, limit }`, or `false`", _or_off(_MIRROR)),
    "guard": Spelling("table `{ variant, alpha, tolerance, latency }`, or `false`", _or_off(_GUARD)),
}


def spelling(kind: Kind) -> Spelling:
    """How `kind` is written. Raises LookupError for one that is not known here."""
    if SERVICE.keys["faults"] is kind:
        return _FAULTS
    for name, known in _TRAFFIC.items():
        if traffic_schema.TRAFFIC_KEYS[name] is kind:
            return known
    for (module, name), known in _SPELLINGS.items():
        if getattr(module, name) is kind:
            return known
    raise LookupError(f"scripts/reference/kinds.py does not know how {kind} is written: add it")
