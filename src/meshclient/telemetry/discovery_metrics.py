"""The metrics of one mesh's lists: counted here, and told to OpenTelemetry where the process uses it.

They stand where the answers of a registry pass and are no observer: a mesh that has one makes an event of every
attempt, and calls do not pay for metrics of discovery; also, observers hear of an outage once, and of none that another
registry covers, while every failed answer counts here. Nothing of OpenTelemetry is imported (30 ms) before somebody
else has: whoever sets a meter provider imports `opentelemetry.metrics` first, and a provider that is set later is found
by the API itself.
"""

from __future__ import annotations

import logging
import os
import sys
from collections import Counter
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary, ref

from meshclient.model.snapshot import Failed
from meshclient.telemetry.error_type import error_type

if TYPE_CHECKING:
    from meshclient.discovery.runtime.background import Changed
    from meshclient.model.snapshot import Empty, Ready, Snapshot
    from meshclient.telemetry.gauges import Services

_LOG = logging.getLogger("meshclient.telemetry")

_MODULE = "opentelemetry.metrics"
# By this variable the API itself brings a provider, when it is first asked for one.
_PROVIDER = "OTEL_PYTHON_METER_PROVIDER"


class DiscoveryMetrics:
    """What is told of one mesh; names and meanings are in docs/metrics.md.

    Args:
        services: what the mesh has in use; held weakly.

    Attributes:
        updates: lists that differ from the one before, by service and resolver.
        errors: failed answers, by service, resolver and type.
    """

    def __init__(self, services: Services) -> None:
        self._services = ref(services)
        self._on = True
        # Each key is counted by the one watch of its service, so that no lock is needed.
        self.updates: Counter[tuple[str, ...]] = Counter()
        self.errors: Counter[tuple[str, ...]] = Counter()
        _COUNTED[id(self)] = self

    def watches(self, services: Services) -> bool:
        """Whether these are the ones."""
        return self._services() is services

    def after(self, service: str, announce: Changed) -> Changed:
        """`announce`, followed by the counting of what the answer was.

        An error of OpenTelemetry is logged, ends the metrics of this mesh, and reaches nobody else.
        """
        known: tuple[Snapshot, ...] = ()

        def announced(before: Snapshot, after: Ready | Empty | Failed) -> None:
            nonlocal known
            announce(before, after)
            mesh, last = self._services(), known
            if mesh is None:
                return
            known = self._count(mesh, service, before, after, last)
            if self._on and (_MODULE in sys.modules or _PROVIDER in os.environ):
                try:
                    self._tell(mesh, service, before, after, _new(known, last))
                except Exception:  # noqa: BLE001 - whatever a provider raises, the list has to be followed on
                    self._on = False
                    _LOG.exception("OpenTelemetry failed; it is told nothing more of this mesh's lists")

        return announced

    def _count(
        self,
        mesh: Services,
        service: str,
        before: Snapshot,
        after: Ready | Empty | Failed,
        known: tuple[Snapshot, ...],
    ) -> tuple[Snapshot, ...]:
        """Count what is new since `known`, the latest snapshots of the registries asked; those of now."""
        if after.version != before.version:
            self.updates[service, after.source] += 1
        # The first answer may come before the mesh has written the service down.
        running = mesh.services.get(service)
        latest = (after,) if running is None else tuple(course.snapshot for course in running.watch.course.courses)
        for answer in _new(latest, known):
            self.errors[service, answer.source, error_type(answer.cause)] += 1
        return latest

    @staticmethod
    def _tell(
        mesh: Services, service: str, before: Snapshot, after: Ready | Empty | Failed, failed: list[Failed]
    ) -> None:
        from meshclient.telemetry.gauges import include
        from meshclient.telemetry.instruments import instruments

        include(mesh)
        if after.version != before.version:
            instruments().updated(service, after.source)
        for answer in failed:
            instruments().failed(service, answer)


_COUNTED: WeakValueDictionary[int, DiscoveryMetrics] = WeakValueDictionary()


def counted(services: Services | None) -> list[DiscoveryMetrics]:
    """What was counted of the lists of one mesh."""
    if services is None:
        return []
    # As `tally.told` does.
    return [lists for each in _COUNTED.valuerefs() if (lists := each()) is not None and lists.watches(services)]


def _new(latest: tuple[Snapshot, ...], known: tuple[Snapshot, ...]) -> list[Failed]:
    """The failed answers that are not known yet: each makes a snapshot of its own, though the outage goes on."""
    return [
        snapshot for snapshot in latest if isinstance(snapshot, Failed) and not any(snapshot is old for old in known)
    ]
