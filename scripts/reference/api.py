"""The reference of what may be imported, out of docstrings and signatures."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator

from scripts.reference.docstring import docstring
from scripts.reference.markdown import page, table

_HEAD = """\
What stands here is public: it changes with a version that says so, and the change log tells it. All else may change
at any time. The synchronous twin of an asynchronous class has the same methods without `await`."""
_MODULES = ("meshclient", "meshclient.propagation", "meshclient.rpc", "meshclient.testing")
_SPI = {
    "meshclient.discovery.resolver": "What a resolver plugin imports.",
    "meshclient.registration.registrar": "What a registrar plugin imports.",
}
_WIDE = 100
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def reference() -> str:
    """The page."""
    parts = [_HEAD]
    for name in (*_MODULES, *_SPI):
        module = importlib.import_module(name)
        told = docstring(module)
        parts += [f"## `{name}`", told.summary, _SPI.get(name, "")]
        for each in sorted(_names(module)):
            if not each.startswith("__"):
                parts += _entry(each, getattr(module, each), name)
    return page("Python API", *parts)


def _names(module: object) -> list[str]:
    known = getattr(module, "__all__", None)
    if known is not None:
        return list(known)
    own = getattr(module, "__name__", "")
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == own and callable(value)
    ]


def _entry(name: str, thing: object, module: str) -> list[str]:
    told = docstring(thing)
    parts = [f"### `{module}.{name}`"]
    if inspect.ismodule(thing):
        return [*parts, told.summary]
    parts += [_signature(name, thing), told.summary, told.text, _items(told.items)]
    if inspect.isclass(thing):
        rows = [(f"`{each}{_brief(value)}`", docstring(value).summary) for each, value in _methods(thing)]
        parts.append(table(("member", "what it does"), rows) if rows else "")
    return parts


def _items(items: object) -> str:
    assert hasattr(items, "items")
    return "\n".join(f"- `{name}`: {meaning}" for name, meaning in items.items())


def _signature(name: str, thing: object) -> str:
    if not callable(thing) or _is_error(thing):
        return ""
    try:
        signature = str(inspect.signature(thing))
    except ValueError:
        return ""
    signature = _plain(signature)
    if len(signature) > _WIDE:
        made = inspect.signature(thing)
        lines = [f"    {_plain(str(each))}," for each in made.parameters.values()]
        signature = "(\n" + "\n".join(_starred(made, lines)) + "\n)"
    return f"```text\n{name}{signature}\n```"


def _plain(text: str) -> str:
    return _ADDRESS.sub("", text).replace("typing.", "").replace("'", "")


def _starred(made: inspect.Signature, lines: list[str]) -> list[str]:
    kinds = [each.kind for each in made.parameters.values()]
    if inspect.Parameter.KEYWORD_ONLY not in kinds or inspect.Parameter.VAR_POSITIONAL in kinds:
        return lines
    at = kinds.index(inspect.Parameter.KEYWORD_ONLY)
    return [*lines[:at], "    *,", *lines[at:]]


def _is_error(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, BaseException)


def _brief(value: object) -> str:
    return "" if isinstance(value, property) or not callable(value) else "()"


def _methods(thing: type) -> Iterator[tuple[str, object]]:
    for owner in thing.__mro__:
        if not owner.__module__.startswith("meshclient"):
            continue
        for name, value in vars(owner).items():
            if name.startswith("_") or next(o for o in thing.__mro__ if name in vars(o)) is not owner:
                continue
            real = value.__func__ if isinstance(value, classmethod | staticmethod) else value
            if (inspect.isfunction(real) or isinstance(real, property)) and real.__doc__:
                yield name, real
