"""The parts of Eureka's JSON, read with its quirks.

Eureka's JSON is XML in disguise, and differs between servers and their versions: numbers come as numbers or as text, a
list of one as the element itself, nothing as "" or null, and an element with attributes as an object with the keys
"$" (its text) and "@name".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

EXCERPT = 60

Table: TypeAlias = Mapping[str, object]


class PayloadError(ValueError):
    """The answer is not what Eureka sends; the message says in what way."""


def table(value: object, name: str, *, optional: bool = False) -> Table:
    """The object `value`, or an empty one for nothing where it is optional."""
    if isinstance(value, Mapping):
        return value
    if optional and value in (None, ""):
        return {}
    raise PayloadError(f"{name} is {kind(value)}, not an object")


def items(value: object) -> list[object]:
    """The elements of a list, of one that stands alone, or of none."""
    if isinstance(value, list):
        return value
    return [] if value is None or value == "" else [value]


def text(value: object, name: str) -> str:
    """The text `value`; numbers as they are written; nothing is empty."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise PayloadError(f"{name} is {kind(value)}, not text")


def number(value: object, name: str) -> int:
    """The whole number `value`, or the one written in it."""
    if type(value) is int:
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < EXCERPT:
        return int(value)
    shown = f" {value[:EXCERPT]!r}" if isinstance(value, str) else ""
    raise PayloadError(f"{name} is {kind(value)}{shown}, not a whole number")


def flag(value: object, name: str) -> bool:
    """The truth value `value`, or the one written in it."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise PayloadError(f"{name} is {kind(value)}, not true or false")


def kind(value: object) -> str:
    """What `value` is, in words."""
    kinds = {dict: "an object", list: "a list", str: "text", bool: "a truth value", type(None): "missing"}
    return kinds.get(type(value), "a number")
