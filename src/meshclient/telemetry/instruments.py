"""The instruments of discovery.

OpenTelemetry never takes an instrument back, and of two with one name it drops the callbacks of the second. So there is
one set in a process, which meshes come to and leave: see `gauges`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from meshclient.telemetry.attributes import ERROR_TYPE, RESOLVER, SERVICE
from meshclient.telemetry.error_type import error_type
from meshclient.telemetry.gauges import ages, endpoints, held
from meshclient.telemetry.providers import SCOPE, release

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

    from meshclient.model.snapshot import Failed


class Instruments:
    """Those of one meter. Counters are counted up here; the rest is read when it is collected."""

    def __init__(self, meter: Meter) -> None:
        self._updates = meter.create_counter(
            "meshclient.discovery.update.count", "{update}", "Lists of endpoints that differ from the one before"
        )
        self._errors = meter.create_counter(
            "meshclient.discovery.error.count", "{error}", "Failed answers of a registry"
        )
        meter.create_observable_gauge(
            "meshclient.discovery.snapshot.age", [ages], "s", "Time since the list of endpoints was last confirmed"
        )
        meter.create_observable_up_down_counter(
            "meshclient.discovery.held.count", [held], "{endpoint}", "Endpoints in use that the registry lists no more"
        )
        meter.create_observable_up_down_counter(
            "meshclient.balancer.endpoint.count", [endpoints], "{endpoint}", "Endpoints by their part in balancing"
        )

    def updated(self, service: str, resolver: str) -> None:
        """Count a list that differs from the one before."""
        self._updates.add(1, {SERVICE: service, RESOLVER: resolver})

    def failed(self, service: str, answer: Failed) -> None:
        """Count a failed answer."""
        attributes = {SERVICE: service, RESOLVER: answer.source, ERROR_TYPE: error_type(answer.cause)}
        self._errors.add(1, attributes)


@cache
def instruments() -> Instruments:
    """Those of this process."""
    from opentelemetry.metrics import get_meter

    return Instruments(get_meter(SCOPE, release()))
