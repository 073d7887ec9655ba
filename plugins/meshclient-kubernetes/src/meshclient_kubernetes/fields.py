"""Reading JSON whose shape is promised and not guaranteed."""

from __future__ import annotations

import json
from collections.abc import Mapping

EXCERPT = 60


class PayloadError(ValueError):
    """The answer is not what the API documents; the message says in what way."""


def document(body: bytes) -> Mapping[str, object]:
    """The object that is the body."""
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise PayloadError(f"it is not JSON ({exc}); it begins {body[:EXCERPT]!r}") from None
    if not isinstance(value, Mapping):
        raise PayloadError(f"it is {kind(value)}, not an object; it begins {body[:EXCERPT]!r}")
    return value


def table(value: object, name: str, *, optional: bool = False) -> Mapping[str, object]:
    """An object; where `optional`, nothing is an empty one."""
    if isinstance(value, Mapping):
        return value
    if optional and value is None:
        return {}
    raise PayloadError(f"{name} is {kind(value)}, not an object")


def array(value: object, name: str) -> list[object]:
    """A list; nothing is an empty one, as Go writes it."""
    if isinstance(value, list):
        return value
    if value is None:
        return []
    raise PayloadError(f"{name} is {kind(value)}, not a list")


def text(value: object, name: str) -> str:
    """Text; nothing is an empty one."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    raise PayloadError(f"{name} is {kind(value)}, not text")


def truth(value: object, name: str) -> bool | None:
    """A truth value, or None where it is left open."""
    if value is None or isinstance(value, bool):
        return value
    raise PayloadError(f"{name} is {kind(value)}, not a truth value")


def kind(value: object) -> str:
    """What a value is, in words."""
    kinds = {dict: "an object", list: "a list", str: "text", bool: "a truth value", type(None): "missing"}
    return kinds.get(type(value), "a number")
