"""Which types a parameter may have, by where in the request it goes."""

from __future__ import annotations

from collections import abc
from enum import Enum
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin

from meshclient.rpc.codec.types import bare, is_union, shown
from meshclient.rpc.stub.text import TEXTS

_MANY = (list, tuple, set, frozenset, abc.Sequence, abc.Collection, abc.Iterable, abc.Set)
_SCALARS = "str, int, float, bool, Decimal, UUID, date, datetime, time, an Enum or a Literal of these"
_ASYNC_PIECES = (abc.AsyncIterator, abc.AsyncIterable, abc.AsyncGenerator)
_PIECES = (abc.Iterator, abc.Iterable, abc.Generator)


def element(kind: object) -> object:
    """The type of what a list holds, or None where the type is no list."""
    kind = without_none(kind)
    if get_origin(kind) not in _MANY:
        return None
    arguments = get_args(kind)
    if get_origin(kind) is tuple and (len(arguments) != 2 or arguments[1] is not Ellipsis):
        return None
    return arguments[0]


def without_none(kind: object) -> object:
    """The type in ``A | None``; any other as it is."""
    kind = bare(kind)
    if is_union(kind):
        parts = [part for part in get_args(kind) if part is not NoneType]
        if len(parts) == 1:
            return bare(parts[0])
    return kind


def scalar_complaint(kind: object, *, optional: bool) -> str:
    """Why the type has no text form, and what would have; or "". None has one, nothing at all, where `optional`."""
    kind = bare(kind)
    if is_union(kind):
        parts = get_args(kind)
        return next((said for part in parts if (said := scalar_complaint(part, optional=optional))), "")
    if kind is NoneType:
        return "" if optional else "it may be None, which cannot stand there: leave None out of its type"
    if get_origin(kind) is Literal:
        values = get_args(kind)
        return next((said for value in values if (said := scalar_complaint(type(value), optional=optional))), "")
    if isinstance(kind, type) and issubclass(kind, Enum):
        odd = next((member for member in kind if not isinstance(member.value, tuple(TEXTS))), None)
        return f"{odd!r} of its type has a value without a text form" if odd else ""
    if isinstance(kind, type) and not get_args(kind) and issubclass(kind, tuple(TEXTS)):
        return ""
    if kind is Any or kind is object or isinstance(kind, TypeVar):
        return f"its type {shown(kind)} does not say what it is: give it {_SCALARS}"
    return f"its type {shown(kind)} has no text form: give it {_SCALARS}"


def is_pieces(kind: object, *, asynchronous: bool) -> bool:
    """Whether it is an iterator of bytes, of the method's own colour."""
    kind = without_none(kind)
    return get_origin(kind) in (_ASYNC_PIECES if asynchronous else _PIECES) and get_args(kind)[0] is bytes
