"""Reading JSON whose shape is promised and not guaranteed, with words for what is not as it should be.

What a registry writes otherwise than others (numbers as text, a list of one as its element) stays with its plugin.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from meshclient.model.endpoint import MAX_WEIGHT

# Characters of somebody else's text that an error shows.
EXCERPT = 60


class PayloadError(ValueError):
    """An answer, or a record in it, is not what the registry promises; the message says in what way."""


def parsed(body: bytes | str) -> object:
    """The JSON value in `body`. Raises PayloadError."""
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise PayloadError(f"it is not JSON ({exc}); it begins {body[:EXCERPT]!r}") from None
    return found


def document(body: bytes | str) -> Mapping[str, object]:
    """The JSON object in `body`. Raises PayloadError for anything else."""
    found = parsed(body)
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


def array(value: object, name: str) -> list[object]:
    """A list; an empty one where it is missing, as Go and protobuf write it. Raises PayloadError."""
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


def texts(value: object, name: str) -> Mapping[str, str]:
    """An object whose values are texts; an empty one where it is missing. Raises PayloadError."""
    entries = table(value, name, optional=True)
    return {key: text(item, f"{name} {key[:EXCERPT]!r}") for key, item in entries.items()}


def truth(value: object, name: str) -> bool | None:
    """A truth value, or None where it is left open. Raises PayloadError."""
    if value is None or isinstance(value, bool):
        return value
    raise PayloadError(f"{name} is {kind(value)}, not true or false")


def whole(value: object, name: str) -> int:
    """A whole number. Raises PayloadError for anything else, one that is missing included."""
    if type(value) is int:
        return value
    raise PayloadError(f"{name} is {kind(value)}, not a whole number")


def weight(value: object) -> float:
    """A relative share from 0, which means "no traffic", up to `MAX_WEIGHT`; 1 where it is missing.

    Raises PayloadError.
    """
    if value is None:
        return 1.0
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PayloadError(f"its weight is {kind(value)}, not a number")
    if not value >= 0:  # a NaN is neither
        raise PayloadError("its weight is not 0 or above")
    return float(min(value, MAX_WEIGHT))


def kind(value: object) -> str:
    """What a value is, in words."""
    kinds = {dict: "an object", list: "a list", str: "text", bool: "a truth value", type(None): "missing"}
    return kinds.get(type(value), "a number")
