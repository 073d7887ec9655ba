"""DynamoDB's attribute values, ``{"S": "text"}``, read with a complaint where they are of another type.

Not boto3's TypeDeserializer: it answers with Decimal, bytes and sets, and raises for numbers that DynamoDB itself
takes; an item that somebody else wrote has to be described, not to break the list.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

_KINDS = {
    "S": "text",
    "N": "a number",
    "B": "binary",
    "BOOL": "a truth value",
    "NULL": "null",
    "L": "a list",
    "M": "a map",
    "SS": "a set of texts",
    "NS": "a set of numbers",
    "BS": "a set of binaries",
}


class ItemError(ValueError):
    """An item is not as it should be; the message says in what way."""


def text(attributes: Mapping[str, object], name: str, default: str = "") -> str:
    """The text at `name`, or `default` where there is nothing. Raises ItemError for another type."""
    value = attributes.get(name)
    return default if value is None else _text(value, name)


def number(attributes: Mapping[str, object], name: str) -> float | None:
    """The number at `name`, or None where there is nothing. Raises ItemError for another type."""
    value = attributes.get(name)
    if value is None:
        return None
    digits = value.get("N") if isinstance(value, Mapping) else None
    if not isinstance(digits, str):
        raise ItemError(f"its {name} is {kind(value)}, not a number")
    found = float(digits)
    if not math.isfinite(found):
        raise ItemError(f"its {name} is not finite")
    return found


def texts(attributes: Mapping[str, object], name: str) -> tuple[str, ...]:
    """The list or set of texts at `name`. Raises ItemError for another type."""
    value = attributes.get(name)
    if value is None:
        return ()
    members = value.get("L") if isinstance(value, Mapping) else None
    if isinstance(members, list):
        return tuple(_text(member, f"{name} entry") for member in members)
    members = value.get("SS") if isinstance(value, Mapping) else None
    if isinstance(members, list) and all(isinstance(member, str) for member in members):
        return tuple(sorted(members))
    raise ItemError(f"its {name} is {kind(value)}, not a list of texts")


def table(attributes: Mapping[str, object], name: str) -> dict[str, str]:
    """The map of texts at `name`; numbers in it count as texts. Raises ItemError for another type."""
    value = attributes.get(name)
    if value is None:
        return {}
    members = value.get("M") if isinstance(value, Mapping) else None
    if not isinstance(members, Mapping):
        raise ItemError(f"its {name} is {kind(value)}, not a map")
    return {str(key): _scalar(member, f"{name} entry {key!r}") for key, member in members.items()}


def kind(value: object) -> str:
    """The type of an attribute value, for a person."""
    if isinstance(value, Mapping) and len(value) == 1:
        return _KINDS.get(str(next(iter(value))), "of an unknown type")
    return "no attribute value"


def _scalar(value: object, name: str) -> str:
    digits = value.get("N") if isinstance(value, Mapping) else None
    return digits if isinstance(digits, str) else _text(value, name)


def _text(value: object, name: str) -> str:
    found = value.get("S") if isinstance(value, Mapping) else None
    if not isinstance(found, str):
        raise ItemError(f"its {name} is {kind(value)}, not text")
    return found
