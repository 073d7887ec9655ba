"""A method of an interface as it is written: parameters with their places, and what it returns."""

from __future__ import annotations

import inspect
from collections import abc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, get_args, get_origin, get_type_hints

from meshclient.rpc.codec.types import is_union, shown
from meshclient.rpc.stub.markers import Body, Form, Header, Marker, Path, Query
from meshclient.rpc.stub.reply import Reply
from meshclient.rpc.stub.stub_error import StubError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

_ASYNC_STREAMS = (abc.AsyncIterator, abc.AsyncGenerator, abc.AsyncIterable)
_STREAMS = (abc.Iterator, abc.Generator)
_PLACES = (Path, Query, Header, Form, Body)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter.

    Args:
        name: as the method has it.
        wire: as the request has it; "" for the body.
        place: the marker's class: Path, Query, Header, Form or Body.
        kind: its type, without the marker.
        at: its place among the parameters, from 0.
    """

    name: str
    wire: str
    place: type[Marker | Body]
    kind: object
    at: int


@dataclass(frozen=True, slots=True)
class Declaration:
    """A method.

    Args:
        where: class and name, for errors.
        signature: without ``self``.
        parameters: in their order.
        returns: the type; of each item where it is a stream.
        asynchronous: whether it is awaited, or iterated over by ``async for``.
        streams: whether it is an iterator.
        wrapped: whether it returns a `Reply` of that type.
    """

    where: str
    signature: inspect.Signature
    parameters: tuple[Parameter, ...]
    returns: object
    asynchronous: bool
    streams: bool
    wrapped: bool


def declared(function: Callable[..., object], where: str, placeholders: Collection[str]) -> Declaration:
    """Read a method; raises StubError.

    Args:
        function: as it stands in the class.
        where: class and name.
        placeholders: names in its path.
    """
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError) as exc:
        msg = (
            f"{where}: its annotations cannot be read ({exc}): types have to be names of the module, known to it by now"
        )
        raise StubError(msg) from exc
    signature = inspect.signature(function)
    names = list(signature.parameters)
    if not names:
        msg = f"{where} has no self: it has to be a plain method"
        raise StubError(msg)
    signature = signature.replace(parameters=list(signature.parameters.values())[1:])
    parameters = tuple(
        _parameter(parameter, hints, where, at, placeholders)
        for at, parameter in enumerate(signature.parameters.values())
    )
    if "return" not in hints:
        msg = f"{where} does not say what it returns: write -> and a type, -> None where the answer does not matter"
        raise StubError(msg)
    returns = hints["return"]
    origin = get_origin(returns) or returns
    asynchronous = inspect.iscoroutinefunction(function) or origin in _ASYNC_STREAMS
    streams = origin in _ASYNC_STREAMS or origin in _STREAMS
    if streams:
        _check_stream(function, returns, where)
        returns = get_args(returns)[0]
    wrapped = get_origin(returns) is Reply
    if returns is Reply or (wrapped and streams):
        msg = f"{where} returns {shown(returns)}: write Reply[...] with the type of a body, of one that is no stream"
        raise StubError(msg)
    returns = get_args(returns)[0] if wrapped else returns
    return Declaration(where, signature, parameters, returns, asynchronous, streams, wrapped)


def _check_stream(function: Callable[..., object], returns: object, where: str) -> None:
    if inspect.iscoroutinefunction(function):
        stream = "AsyncIterator" if get_origin(returns) in _ASYNC_STREAMS else "Iterator"
        msg = (
            f"{where} is `async def` and returns an {stream}: write `def {function.__name__}(...) -> "
            "AsyncIterator[...]`, for `async for` awaits nothing before the first item"
        )
        raise StubError(msg)
    if not get_args(returns):
        msg = f"{where} does not say what it iterates over: write {shown(returns)}[...] with the type of an item"
        raise StubError(msg)


def _markers(notes: Iterable[object]) -> list[object]:
    return [note for note in notes if isinstance(note, Marker | Body) or note in _PLACES]


def _parameter(
    parameter: inspect.Parameter, hints: dict[str, object], where: str, at: int, placeholders: Collection[str]
) -> Parameter:
    name = parameter.name
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        msg = f"{where}: parameter {parameter}: it stands for any number of them: write each by its name"
        raise StubError(msg)
    if name not in hints:
        msg = f"{where}: parameter {name!r} has no type: write `{name}: str`, or whatever it is"
        raise StubError(msg)
    kind = hints[name]
    marks: list[object] = []
    if get_origin(kind) is Annotated:
        kind, *notes = get_args(kind)
        marks = _markers(notes)
    elif is_union(kind) and any(
        _markers(get_args(part)[1:]) for part in get_args(kind) if get_origin(part) is Annotated
    ):
        msg = f"{where}: parameter {name!r} has its marker within {shown(kind)}: write Annotated[... | None, marker]"
        raise StubError(msg)
    if len(marks) > 1:
        msg = f"{where}: parameter {name!r} has {len(marks)} places in the request: leave one of the markers"
        raise StubError(msg)
    mark = marks[0] if marks else Path if name in placeholders else Query
    mark = mark() if isinstance(mark, type) else mark
    if isinstance(mark, Body):
        return Parameter(name, "", Body, kind, at)
    if not isinstance(mark, Marker) or type(mark) is Marker:
        msg = f"{where}: parameter {name!r}: write Path, Query, Header, Form or Body"
        raise StubError(msg)
    wire = mark.name or (name.replace("_", "-") if isinstance(mark, Header) else name)
    return Parameter(name, wire, type(mark), kind, at)
