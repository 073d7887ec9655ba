"""What a mesh tells of itself to the outside, put together as it is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.telemetry.propagation.outbound import Outbound
from meshclient.telemetry.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.config.shape import MeshConfig
    from meshclient.model.events import Event
    from meshclient.telemetry.emf import Emf
    from meshclient.telemetry.survey import Services


def tally(config: MeshConfig, services: Services) -> Tally:
    """What counts calls and logs what changes."""
    told = config.telemetry
    return Tally(
        services,
        metrics=told.metrics,
        spans=told.spans,
        peer_service=told.peer_service,
        span_attributes=told.span_attributes,
    )


def passing(config: MeshConfig) -> Outbound | None:
    """What says to hosts that are no service in which trace a call is; None where they are not to hear of it."""
    names = config.defaults.propagators
    if not config.propagate_passthrough or not names:
        return None
    return Outbound(names, new_traces=config.telemetry.new_traces)


def emf(config: MeshConfig, counted: Tally) -> Emf | None:
    """What writes metrics for CloudWatch, or None where nobody asked for it."""
    told = config.telemetry.emf
    if told is None:
        return None
    from meshclient.telemetry.emf import Emf

    return Emf(counted, namespace=told.namespace)


def begin_to_tell(made: Emf | None, config: MeshConfig) -> None:
    """A service is in use: metrics are written from now on, unless each invocation does it."""
    told = config.telemetry.emf
    if made is not None and told is not None and config.mode != "on-demand":
        made.start(told.interval)


def cease_to_tell(made: Emf | None) -> None:
    """The mesh is closed: what is left is written."""
    if made is not None:
        made.stop()


def teller(counted: Tally, emit: Callable[[Event], None] | None) -> Callable[[Event], None]:
    """Counts, logs and tells observers; without the mesh, which what is told from would keep alive."""

    def tell(event: Event) -> None:
        counted.heard(event)
        if emit is not None:
            emit(event)

    return tell
