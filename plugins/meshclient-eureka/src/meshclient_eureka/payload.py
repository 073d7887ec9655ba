"""The parts of Eureka's JSON, read with its quirks.

Eureka's JSON is XML in disguise, and differs between servers and their versions: numbers come as numbers or as text, a
list of one as the element itself, nothing as "" or null, and an element with attributes as an object with the keys
"$" (its text) and "@name".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from meshclient.discovery.http_registry import fields
from meshclient.discovery.http_registry.fields import EXCERPT, PayloadError, kind

Table: TypeAlias = Mapping[str, object]


def table(value: object, name: str, *, optional: bool = False) -> Table:
    """The object `value`, or an empty one for nothing where it is optional."""
    return fields.table(None if value == "" and optional else value, name, optional=optional)


def items(value: object) -> list[object]:
    """The elements of a list, of one that stands alone, or of none."""
    if isinstance(value, list):
        return value
    return [] if value is None or value == "" else [value]


def text(value: object, name: str) -> str:
    """The text `value`; numbers as they are written; nothing is empty."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if number else fields.text(value, name)


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
