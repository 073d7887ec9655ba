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
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

# The scope of all that meshclient tells.
SCOPE = "meshclient"

_MISSING = object()


class _Seen:
    """The providers that were looked at last, and what they are good for."""

    def __init__(self) -> None:
        self.meters: tuple[object, MeterProvider | None] | None = None
        self.tracers: tuple[object, TracerProvider | None] | None = None


_seen = _Seen()
_modules = sys.modules


def meter_provider() -> MeterProvider | None:
    """The provider that was set, or None where none is, or one that does nothing."""
    module = _modules.get("opentelemetry.metrics._internal")
    if module is None:
        return None
    found = getattr(module, "_METER_PROVIDER", _MISSING)
    if found is None and not _named("OTEL_PYTHON_METER_PROVIDER"):
        return None
    # To look at its class each time would cost 5 us.
    last = _seen.meters
    if last is not None and last[0] is found:
        return last[1]
    usable = _usable_meters(module, found)
    if found is not None and found is not _MISSING:
        _seen.meters = (found, usable)
    return usable


def tracer_provider() -> TracerProvider | None:
    """The provider that was set, or None where none is, or one that does nothing."""
    module = _modules.get("opentelemetry.trace")
    if module is None:
        return None
    found = getattr(module, "_TRACER_PROVIDER", _MISSING)
    if found is None and not _named("OTEL_PYTHON_TRACER_PROVIDER"):
        return None
    last = _seen.tracers
    if last is not None and last[0] is found:
        return last[1]
    usable = _usable_tracers(module, found)
    if found is not None and found is not _MISSING:
        _seen.tracers = (found, usable)
    return usable


@cache
def release() -> str:
    """Of meshclient."""
    with suppress(PackageNotFoundError):  # a bundle that was stripped of everything but code
        return version("meshclient")
    return ""


@cache
def _named(variable: str) -> bool:
    # By this variable the API itself brings a provider, when it is first asked for one. It is read once.
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
