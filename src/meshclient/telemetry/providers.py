"""Whether this process really uses OpenTelemetry, asked before each call and therefore without asking the API.

`opentelemetry.metrics.get_meter_provider` reads the environment each time as long as there is no provider, which costs
a microsecond; where the API keeps its provider is looked at instead. Should a later release keep it elsewhere, the
public way is gone. Nothing is imported here: whoever sets a provider has imported the API first.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

# The scope of all that meshclient tells.
SCOPE = "meshclient"

_MISSING = object()
_modules = sys.modules
_P = TypeVar("_P")


class _Signal(Generic[_P]):
    """Metrics, or traces.

    Args:
        module: of the API, where it keeps its provider.
        name: it keeps it by.
        variable: of the environment, by which the API itself brings a provider when it is first asked for one.
        usable: what is found there as a provider, or None where it is none, or one that does nothing.
    """

    __slots__ = ("_last", "_module", "_name", "_usable", "_variable")

    def __init__(
        self, module: str, name: str, variable: str, usable: Callable[[ModuleType, object], _P | None]
    ) -> None:
        self._module = module
        self._name = name
        self._variable = variable
        self._usable = usable
        # The provider that was looked at last, and what it is good for.
        self._last: tuple[object, _P | None] | None = None

    def provider(self) -> _P | None:
        """The provider that was set, or None where none is, or one that does nothing."""
        module = _modules.get(self._module)
        if module is None:
            return None
        found = getattr(module, self._name, _MISSING)
        if found is None and not _named(self._variable):
            return None
        # To look at its class each time would cost 5 us.
        last = self._last
        if last is not None and last[0] is found:
            return last[1]
        usable = self._usable(module, found)
        if found is not None and found is not _MISSING:
            self._last = (found, usable)
        return usable


@cache
def release() -> str:
    """Of meshclient."""
    with suppress(PackageNotFoundError):  # a bundle that was stripped of everything but code
        return version("meshclient")
    return ""


@cache
def _named(variable: str) -> bool:
    # Read once.
    return variable in os.environ


def _asked(module: ModuleType, name: str, found: object) -> object:
    if found is not None and found is not _MISSING:
        return found
    ask: Callable[[], object] = getattr(module, name)
    return ask()


def _usable_meters(module: ModuleType, found: object) -> MeterProvider | None:
    from opentelemetry.metrics import MeterProvider, NoOpMeterProvider

    provider = _asked(module, "get_meter_provider", found)
    proxy = getattr(module, "_PROXY_METER_PROVIDER", None)
    if not isinstance(provider, MeterProvider) or isinstance(provider, NoOpMeterProvider) or provider is proxy:
        return None
    return provider


def _usable_tracers(module: ModuleType, found: object) -> TracerProvider | None:
    from opentelemetry.trace import NoOpTracerProvider, ProxyTracerProvider, TracerProvider

    provider = _asked(module, "get_tracer_provider", found)
    if not isinstance(provider, TracerProvider) or isinstance(provider, (NoOpTracerProvider, ProxyTracerProvider)):
        return None
    return provider


meter_provider = _Signal(
    "opentelemetry.metrics._internal", "_METER_PROVIDER", "OTEL_PYTHON_METER_PROVIDER", _usable_meters
).provider
tracer_provider = _Signal(
    "opentelemetry.trace", "_TRACER_PROVIDER", "OTEL_PYTHON_TRACER_PROVIDER", _usable_tracers
).provider
