"""Every metric of calls: name, unit and meaning in one table, and where its values come from.

OpenTelemetry's instruments, the text for Prometheus and CloudWatch's documents are all made of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from meshclient.telemetry.attributes import (
    BREAKER_AFTER,
    BREAKER_BEFORE,
    CACHE_RESULT,
    ENDPOINT_STATE,
    ERROR_TYPE,
    REJECTION_REASON,
    RESOLVER,
    SERVICE,
    SNAPSHOT_STATE,
    attempt_attributes,
    call_attributes,
)
from meshclient.telemetry.calls import CACHE, EJECTION, PANIC, REJECTION, TRANSITION
from meshclient.telemetry.distribution import Distribution
from meshclient.telemetry.gauges import found_ages, found_endpoints, found_held

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from meshclient.telemetry.course import Reading
    from meshclient.telemetry.survey import Survey

Labels = tuple[tuple[str, str | int], ...]
Series = dict[Labels, float] | dict[Labels, Distribution]

_K = TypeVar("_K", bound=tuple[str, ...])


class Kind(StrEnum):
    """What a value means."""

    COUNTER = "counter"
    GAUGE = "gauge"
    UP_DOWN = "up_down"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One of them.

    Args:
        name: of OpenTelemetry's instrument.
        kind: of it.
        unit: in UCUM.
        words: for a person.
        read: its values now, by attributes.
    """

    name: str
    kind: Kind
    unit: str
    words: str
    read: Callable[[Survey], Series]


def _attempts(survey: Survey) -> dict[Labels, Distribution]:
    return _merged(
        (attempt_attributes(service, series), values)
        for service, reading in survey.readings
        for series, values in reading.attempts.items()
    )


def _calls(survey: Survey) -> dict[Labels, Distribution]:
    return _merged(
        (call_attributes(service, series), values)
        for service, reading in survey.readings
        for series, values in reading.calls.items()
    )


def _per_call(part: Callable[[Reading], Distribution]) -> Callable[[Survey], dict[Labels, Distribution]]:
    def read(survey: Survey) -> dict[Labels, Distribution]:
        return _merged(({SERVICE: service}, part(reading)) for service, reading in survey.readings)

    return read


def _noted(kind: str, *names: str) -> Callable[[Survey], dict[Labels, float]]:
    def read(survey: Survey) -> dict[Labels, float]:
        return {
            ((SERVICE, service), *zip(names, by, strict=True)): float(count)
            for (service, what, *by), count in survey.counts.items()
            if what == kind
        }

    return read


def _of_services(part: Callable[[Survey], Mapping[str, float]]) -> Callable[[Survey], dict[Labels, float]]:
    def read(survey: Survey) -> dict[Labels, float]:
        return {((SERVICE, service),): value for service, value in part(survey).items()}

    return read


def _keyed(part: Callable[[Survey], Mapping[_K, float]], *names: str) -> Callable[[Survey], dict[Labels, float]]:
    def read(survey: Survey) -> dict[Labels, float]:
        return {tuple(zip(names, key, strict=True)): float(value) for key, value in part(survey).items()}

    return read


def _merged(found: Iterable[tuple[Mapping[str, str | int], Distribution]]) -> dict[Labels, Distribution]:
    merged: dict[Labels, Distribution] = {}
    for attributes, values in found:
        labels = tuple(attributes.items())
        known = merged.get(labels)
        merged[labels] = values if known is None else known.plus(values)
    return merged


REQUEST = Metric(
    "http.client.request.duration", Kind.HISTOGRAM, "s", "Attempts, to the head of the response", _attempts
)
CALL = Metric(
    "meshclient.client.call.duration", Kind.HISTOGRAM, "s", "Calls, to the head of their last response", _calls
)
TRIES = Metric(
    "meshclient.client.call.attempts",
    Kind.HISTOGRAM,
    "{attempt}",
    "Attempts in a call that sent any",
    _per_call(lambda reading: reading.tried),
)
RETRIES = Metric(
    "meshclient.client.call.retries",
    Kind.HISTOGRAM,
    "{retry}",
    "Repeats in a call that had any",
    _per_call(lambda reading: reading.retried),
)
HEDGES = Metric(
    "meshclient.client.call.hedges",
    Kind.HISTOGRAM,
    "{hedge}",
    "Attempts sent beside another in a call that had any",
    _per_call(lambda reading: reading.hedged),
)
PAUSED = Metric(
    "meshclient.client.call.retry_delay",
    Kind.HISTOGRAM,
    "s",
    "Time without an attempt under way in a call that was repeated",
    _per_call(lambda reading: reading.paused),
)
# Told to OpenTelemetry when it asks.
OBSERVED = (
    Metric(
        "meshclient.client.call.rejected",
        Kind.COUNTER,
        "{call}",
        "Calls refused before anything was sent",
        _noted(REJECTION, REJECTION_REASON),
    ),
    Metric(
        "meshclient.balancer.ejections",
        Kind.COUNTER,
        "{ejection}",
        "Endpoints taken out of rotation because calls to them failed",
        _noted(EJECTION),
    ),
    Metric(
        "meshclient.balancer.panic",
        Kind.COUNTER,
        "{pick}",
        "Attempts made while too few endpoints were usable and all were used",
        _noted(PANIC),
    ),
    Metric(
        "meshclient.breaker.transitions",
        Kind.COUNTER,
        "{transition}",
        "Changes of a service's circuit",
        _noted(TRANSITION, BREAKER_BEFORE, BREAKER_AFTER),
    ),
    Metric(
        "meshclient.cache.lookup.count",
        Kind.COUNTER,
        "{lookup}",
        "Questions to the response cache",
        _noted(CACHE, CACHE_RESULT),
    ),
    Metric(
        "meshclient.retry.budget.balance",
        Kind.GAUGE,
        "1",
        "Repeats that the service's calls can afford now",
        _of_services(lambda survey: survey.balances),
    ),
    Metric(
        "meshclient.limiter.limit",
        Kind.GAUGE,
        "{call}",
        "Calls that may be under way",
        _of_services(lambda survey: survey.limits),
    ),
    Metric(
        "meshclient.limiter.in_flight",
        Kind.GAUGE,
        "{call}",
        "Calls under way where they are limited",
        _of_services(lambda survey: survey.working),
    ),
)
# These have instruments already: see `meshclient.telemetry.instruments`.
LISTS = (
    Metric(
        "meshclient.discovery.update.count",
        Kind.COUNTER,
        "{update}",
        "Lists of endpoints that differ from the one before",
        _keyed(lambda survey: survey.updates, SERVICE, RESOLVER),
    ),
    Metric(
        "meshclient.discovery.error.count",
        Kind.COUNTER,
        "{error}",
        "Failed answers of a registry",
        _keyed(lambda survey: survey.errors, SERVICE, RESOLVER, ERROR_TYPE),
    ),
    Metric(
        "meshclient.discovery.snapshot.age",
        Kind.GAUGE,
        "s",
        "Time since the list of endpoints was last confirmed",
        _keyed(lambda survey: found_ages(survey.running), SERVICE, RESOLVER, SNAPSHOT_STATE),
    ),
    Metric(
        "meshclient.discovery.held.count",
        Kind.UP_DOWN,
        "{endpoint}",
        "Endpoints in use that the registry lists no more",
        _keyed(lambda survey: found_held(survey.running), SERVICE, RESOLVER),
    ),
    Metric(
        "meshclient.balancer.endpoint.count",
        Kind.UP_DOWN,
        "{endpoint}",
        "Endpoints by their part in balancing",
        _keyed(lambda survey: found_endpoints(survey.running), SERVICE, ENDPOINT_STATE),
    ),
)
METRICS = (REQUEST, CALL, TRIES, RETRIES, HEDGES, PAUSED, *OBSERVED, *LISTS)
