"""The formats by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from meshclient.errors import ConfigError
from meshclient.telemetry.propagation.b3 import B3Propagator
from meshclient.telemetry.propagation.baggage import BaggagePropagator
from meshclient.telemetry.propagation.propagator import Propagator
from meshclient.telemetry.propagation.request_id import RequestIdPropagator
from meshclient.telemetry.propagation.trace_context import TraceContextPropagator
from meshclient.telemetry.propagation.xray import XRayPropagator

if TYPE_CHECKING:
    from meshclient.telemetry.propagation.propagator import Fields, Finding


class Format(Propagator, Protocol):
    """One that can be read beside others."""

    def read(self, fields: Fields) -> Finding | None:
        """What the headers of this format say, or None where they say nothing that is valid."""
        ...


FORMATS: dict[str, Format] = {
    "tracecontext": TraceContextPropagator(),
    "baggage": BaggagePropagator(),
    "xray": XRayPropagator(),
    "b3": B3Propagator(single=True),
    "b3multi": B3Propagator(single=False),
    "request-id": RequestIdPropagator(),
}
NAMES = tuple(FORMATS)


def get(name: str) -> Format:
    """The propagator of this name. Raises ConfigError for an unknown one."""
    try:
        return FORMATS[name]
    except KeyError:
        raise ConfigError(f"{name!r} is no way of writing a trace down: take one of {', '.join(NAMES)}") from None
