"""The names that programs and plugins may rely on, with their signatures, as text."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module

# Where a program, a test of one, or a plugin imports from.
MODULES = (
    "meshclient",
    "meshclient.rpc",
    "meshclient.testing",
    "meshclient.propagation",
    "meshclient.discovery.resolver",
    "meshclient.registration.registrar",
    "meshclient.integrations.asgi",
    "meshclient.integrations.fastapi",
    "meshclient.integrations.flask",
    "meshclient.integrations.django",
    "meshclient.integrations.wsgi",
    "meshclient.model.events",
    "meshclient.model.snapshot",
    "meshclient.model.report",
    "meshclient.model.outcome",
    "meshclient.telemetry.prometheus",
)
# What differs from run to run: addresses of objects.
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def described() -> str:
    """All of them, a line each."""
    return "\n".join(line for module in MODULES for line in _module(module)) + "\n"


def _module(name: str) -> Iterator[str]:
    module = import_module(name)
    yield f"{name}:"
    for public in sorted(getattr(module, "__all__", None) or _own(module)):
        value = getattr(module, public)
        if inspect.ismodule(value):
            yield f"  module {public}"
        elif inspect.isclass(value):
            yield f"  class {public}{_signature(value)}"
            yield from _members(value)
        elif callable(value):
            yield f"  def {public}{_signature(value)}"
        else:
            yield f"  {public}: {type(value).__name__}"


def _own(module: object) -> list[str]:
    home = getattr(module, "__name__", "")
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == home
    ]


def _members(cls: type) -> Iterator[str]:
    """What it adds to classes of others."""
    for name in sorted(dir(cls)):
        if name.startswith("_"):
            continue
        home = next((base for base in cls.__mro__ if name in vars(base)), None)
        if home is None or not home.__module__.startswith("meshclient"):
            continue
        value = vars(home)[name]
        if isinstance(value, property):
            yield f"    {name}: property"
        elif isinstance(value, classmethod | staticmethod):
            yield f"    {name}{_signature(value.__func__)}"
        elif inspect.isfunction(value):
            yield f"    {'async ' if inspect.iscoroutinefunction(value) else ''}{name}{_signature(value)}"
        else:
            yield f"    {name}"


def _signature(value: object) -> str:
    if isinstance(value, type) and issubclass(value, BaseException):
        return ""
    try:
        signature = inspect.signature(value)  # type: ignore[arg-type]  # whatever is not callable raises TypeError
    except (TypeError, ValueError):
        return ""
    return _ADDRESS.sub("", str(signature))
