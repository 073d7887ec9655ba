"""Which types msgspec reads and writes, seen before the first value is."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, cast, get_args, get_origin

import msgspec
import msgspec.inspect

if TYPE_CHECKING:
    from collections.abc import Iterator


def unreadable(kind: object) -> str:
    """What in the type `kind` msgspec knows no form of, and why; or ""."""
    try:
        msgspec.json.Decoder(kind)
        described = msgspec.inspect.type_info(kind)
    except (TypeError, NameError) as exc:
        return f"{shown(kind)} cannot be read: {exc}"
    for custom in _customs(described, set()):
        if not is_pydantic(custom):
            return (
                f"{shown(kind)} cannot be read: {shown(custom)} is no dataclass, msgspec.Struct, TypedDict, attrs "
                "class, NamedTuple or pydantic model, and no built-in type either"
            )
    return ""


def _customs(described: object, seen: set[type]) -> Iterator[object]:
    """The classes within a description that msgspec leaves to a hook."""
    if isinstance(described, msgspec.inspect.CustomType):
        yield described.cls
    elif isinstance(described, msgspec.inspect.Type | msgspec.inspect.Field):
        own = getattr(described, "cls", None)
        if isinstance(own, type):
            # A class may speak of itself.
            if own in seen:
                return
            seen.add(own)
        for name in described.__struct_fields__:
            yield from _customs(getattr(described, name), seen)
    elif isinstance(described, tuple):
        for part in described:
            yield from _customs(part, seen)


def is_pydantic(kind: object) -> bool:
    """Whether it is a pydantic model, told without importing pydantic."""
    return isinstance(kind, type) and hasattr(kind, "model_validate_json") and hasattr(kind, "__pydantic_validator__")


def is_optional(kind: object) -> bool:
    """Whether None is among the values of the type."""
    kind = bare(kind)
    return kind is None or kind is NoneType or (is_union(kind) and NoneType in get_args(kind))


def is_union(kind: object) -> bool:
    """Whether it is ``A | B``."""
    return get_origin(kind) in (Union, UnionType)


def bare(kind: object) -> object:
    """The type without what it is annotated with; what a NewType or an alias (PEP 695) stands for in its place."""
    while True:
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
        elif (under := getattr(kind, "__supertype__", None)) is not None:
            kind = under
        elif type(kind).__name__ == "TypeAliasType":
            # Of `typing` from Python 3.12 on, of `typing_extensions` before.
            kind = cast("Any", kind).__value__
        else:
            return kind


def shown(kind: object) -> str:
    """The type as one would write it."""
    return kind.__qualname__ if isinstance(kind, type) and not get_args(kind) else str(kind).replace("typing.", "")
