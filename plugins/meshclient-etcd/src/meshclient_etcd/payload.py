"""Telling one kind of JSON value from another, with words for what is not as it should be."""

from __future__ import annotations

import json
from collections.abc import Mapping

EXCERPT = 60


class PayloadError(ValueError):
    """The answer, or a record, is not what it should be; the message says in what way."""


def document(body: bytes | str) -> Mapping[str, object]:
    """The JSON object in `body`. Raises PayloadError for anything else."""
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise PayloadError(f"it is not JSON ({exc}); it begins {body[:EXCERPT]!r}") from None
    if not isinstance(found, Mapping):
        raise PayloadError(f"it is {kind(found)}, not an object; it begins {body[:EXCERPT]!r}")
    return found


def table(value: object, name: str, *, optional: bool = False) -> Mapping[str, object]:
    """An object; an empty one where it is missing and may be. Raises PayloadError."""
    if isinstance(value, Mapping):
        return value
    if optional and value is None:
        return {}
    raise PayloadError(f"{name} is {kind(value)}, not an object")


def items(value: object, name: str) -> list[object]:
    """A list; an empty one where it is missing, as the gateway leaves empty fields out. Raises PayloadError."""
    if isinstance(value, list):
        return value
    if value is None:
        return []
    raise PayloadError(f"{name} is {kind(value)}, not a list")


def text(value: object, name: str) -> str:
    """A text; an empty one where it is missing. Raises PayloadError."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    raise PayloadError(f"{name} is {kind(value)}, not text")


def number(value: object, name: str) -> int:
    """A 64-bit number from 0 on, which the gateway writes as text; 0 where it is missing. Raises PayloadError."""
    if value is None:
        return 0
    if type(value) is int and value >= 0:
        return value
    if isinstance(value, str) and len(value) <= len(str(2**64)) and value.isascii() and value.isdecimal():
        return int(value)
    raise PayloadError(f"{name} is not a whole number")


def kind(value: object) -> str:
    """What a value is, in words."""
    kinds = {dict: "an object", list: "a list", str: "text", bool: "a truth value", type(None): "missing"}
    return kinds.get(type(value), "a number")
