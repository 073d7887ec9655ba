"""The instruments of calls: one set for the provider that is set, made when it is first seen.

Histograms are told of each call. Counters and gauges are read from what `CallMeter` counts anyway.
"""

from __future__ import annotations

import logging
from threading import get_ident
from typing import TYPE_CHECKING

from meshclient.discovery.runtime.loop import fork_safe_lock
from meshclient.telemetry.attributes import SERVICE, attempt_attributes, call_attributes
from meshclient.telemetry.distribution import FEW, SECONDS
from meshclient.telemetry.metrics import CALL, HEDGES, OBSERVED, PAUSED, REQUEST, RETRIES, TRIES, Kind
from meshclient.telemetry.providers import SCOPE, release

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.metrics import CallbackOptions, Histogram, Meter, MeterProvider, Observation

    from meshclient.telemetry.course import Course
    from meshclient.telemetry.metrics import Metric
    from meshclient.telemetry.series import AttemptSeries, CallSeries

_LOG = logging.getLogger("meshclient.telemetry")


class CallInstruments:
    """Those of one meter."""

    def __init__(self, meter: Meter) -> None:
        self._request = _histogram(meter, REQUEST, SECONDS)
        self._call = _histogram(meter, CALL, SECONDS)
        self._tries = _histogram(meter, TRIES, FEW)
        self._retries = _histogram(meter, RETRIES, FEW)
        self._hedges = _histogram(meter, HEDGES, FEW)
        self._paused = _histogram(meter, PAUSED, SECONDS)
        for metric in OBSERVED:
            _observe(meter, metric)

    def attempted(self, service: str, series: AttemptSeries, seconds: float) -> None:
        """An attempt ended."""
        try:
            self._request.record(seconds, attempt_attributes(service, series))
        except Exception:  # noqa: BLE001 - whatever a provider raises, the call has to go on
            _give_up(self)

    def ended(self, service: str, series: CallSeries, seconds: float, attempts: int) -> None:
        """A call ended."""
        try:
            self._call.record(seconds, call_attributes(service, series))
            if attempts:
                self._tries.record(attempts, {SERVICE: service})
        except Exception:  # noqa: BLE001 - as above
            _give_up(self)

    def repeated(self, service: str, course: Course) -> None:
        """What a call took beside its first attempt; a call without repeats is not among those counted (gRPC A96)."""
        try:
            if course.retries:
                self._retries.record(course.retries, {SERVICE: service})
                self._paused.record(course.paused, {SERVICE: service})
            if course.hedges:
                self._hedges.record(course.hedges, {SERVICE: service})
        except Exception:  # noqa: BLE001 - as above
            _give_up(self)


# The provider that was seen last, and its instruments, or None where it makes none.
_current: tuple[MeterProvider | None, CallInstruments | None] = (None, None)
_lock = None
_maker = 0


def instruments_of(provider: MeterProvider) -> CallInstruments | None:
    """Those of the provider that is set; None where it makes none."""
    known, made = _current
    return made if provider is known else _made(provider)


def _made(provider: MeterProvider) -> CallInstruments | None:
    global _current, _lock, _maker  # noqa: PLW0603 - one set in a process is the point
    if _lock is None:
        _lock = fork_safe_lock()
    if _maker == get_ident():
        # A forgotten call was closed by the garbage collector meanwhile, on this very thread.
        return None
    with _lock:
        _maker = get_ident()
        try:
            known, made = _current
            if known is not provider:
                made = _instruments(provider)
                _current = (provider, made)
            return made
        finally:
            _maker = 0


def _instruments(provider: MeterProvider) -> CallInstruments | None:
    from opentelemetry.metrics import NoOpMeter

    try:
        meter = provider.get_meter(SCOPE, release())
        return None if isinstance(meter, NoOpMeter) else CallInstruments(meter)
    except Exception:  # noqa: BLE001 - as above
        _LOG.exception("OpenTelemetry failed; it is told nothing of calls")
        return None


def _give_up(broken: CallInstruments) -> None:
    global _current  # noqa: PLW0603 - as above
    provider, made = _current
    if made is broken:
        _current = (provider, None)
        _LOG.exception("OpenTelemetry failed; it is told nothing more of calls")


def _histogram(meter: Meter, metric: Metric, bounds: Sequence[float]) -> Histogram:
    try:
        return meter.create_histogram(
            metric.name, metric.unit, metric.words, explicit_bucket_boundaries_advisory=bounds
        )
    except TypeError:
        # Before 1.30 only a view can say where the buckets are.
        return meter.create_histogram(metric.name, metric.unit, metric.words)


def _observe(meter: Meter, metric: Metric) -> None:
    def read(_: CallbackOptions) -> list[Observation]:
        from opentelemetry.metrics import Observation

        from meshclient.telemetry.survey import Survey
        from meshclient.telemetry.tally import told

        values = metric.read(Survey(told()))
        return [Observation(value, dict(labels)) for labels, value in values.items() if isinstance(value, (int, float))]

    make: Callable[..., object] = (
        meter.create_observable_counter if metric.kind is Kind.COUNTER else meter.create_observable_gauge
    )
    make(metric.name, [read], metric.unit, metric.words)
