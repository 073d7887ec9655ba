"""What one mesh counts of its services, for whoever wants to know.

It outlives the services: one that nothing has called for long is made anew when it is called again, and a counter that
began anew as well would say that calls were taken back. A process finds its tallies weakly; what a mesh that was
dropped has counted is told no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakValueDictionary, ref

from meshclient.model.events import CircuitChanged, EndpointEjected, PanicChanged
from meshclient.telemetry.calls import EJECTION, TRANSITION, CallMeter
from meshclient.telemetry.logs import Log
from meshclient.telemetry.spans import AttemptSpans

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from meshclient.model.events import Event
    from meshclient.telemetry.survey import Services

# Services that are told apart: a name that comes from outside could be any.
MOST_SERVICES = 1000
OTHER_SERVICE = "_OTHER"

_TALLIES: WeakValueDictionary[int, Tally] = WeakValueDictionary()


class Tally:
    """Of one mesh.

    Args:
        services: what the mesh has in use; held weakly. None for none.
        metrics: whether calls are counted, and OpenTelemetry told.
        spans: ``attempts``, ``calls`` (as well) or ``none``.
        peer_service: whether spans have the deprecated attribute too.
        span_attributes: what they have beside, as `Chosen` knows it.

    Attributes:
        metrics: likewise.
        meters: by service; to be changed here only.
    """

    def __init__(
        self,
        services: Services | None = None,
        *,
        metrics: bool = True,
        spans: str = "attempts",
        peer_service: bool = False,
        span_attributes: Sequence[str] = (),
    ) -> None:
        self._services = None if services is None else ref(services)
        self.metrics = metrics
        self._spans = spans
        self._peer_service = peer_service
        self._span_attributes = tuple(span_attributes)
        self._log = Log()
        self._taps: tuple[Callable[[str], Callable[[Sequence[float]], None]], ...] = ()
        self.meters: dict[str, CallMeter] = {}
        if metrics:
            _TALLIES[id(self)] = self

    @property
    def services(self) -> Services | None:
        """What the mesh has in use, as long as somebody holds it."""
        return None if self._services is None else self._services()

    def meter(self, service: str) -> CallMeter | None:
        """Counts the calls of `service`; None where nothing is counted."""
        if not self.metrics:
            return None
        found = self.meters.get(service)
        if found is None:
            name = service if len(self.meters) < MOST_SERVICES else OTHER_SERVICE
            found = self.meters.get(name)
            if found is None:
                made = CallMeter(name)
                for make in self._taps:
                    made.tap(make(name))
                found = self.meters.setdefault(name, made)
        return found

    def tap(self, make: Callable[[str], Callable[[Sequence[float]], None]]) -> None:
        """Have what `make` makes for each service called with the durations of its calls, of those to come as well.

        Whoever did so before is told as well.
        """
        self._taps = (*self._taps, make)
        # One that is being made just now may have been told already.
        for name, meter in list(self.meters.items()):
            meter.tap(make(name))

    def untap(self, make: Callable[[str], Callable[[Sequence[float]], None]]) -> None:
        """Take back a `tap`; `make` makes the same once more."""
        self._taps = tuple(each for each in self._taps if each is not make)
        for name, meter in list(self.meters.items()):
            meter.untap(make(name))

    def spans(self, service: str, picker: str = "") -> AttemptSpans | None:
        """Makes the spans of `service`; None where there are to be none.

        `picker` is the name of the rule that chooses its endpoints.
        """
        if self._spans == "none":
            return None
        return AttemptSpans(
            service,
            picker,
            calls=self._spans == "calls",
            peer_service=self._peer_service,
            more=self._span_attributes,
        )

    def heard(self, event: Event) -> None:
        """Count and log what changed; to be called where it happens, under no lock, and from a finalizer too."""
        meter = self.meters.get(getattr(event, "service", ""))
        if meter is not None:
            if isinstance(event, EndpointEjected):
                meter.note(EJECTION)
            elif isinstance(event, CircuitChanged):
                meter.note(TRANSITION, event.before, event.after)
            elif isinstance(event, PanicChanged):
                meter.panic = event.active
        self._log.heard(event)


def told() -> list[Tally]:
    """Those of this process."""
    # At once: another thread may make one meanwhile, which no iteration survives.
    return [tally for each in _TALLIES.valuerefs() if (tally := each()) is not None]
