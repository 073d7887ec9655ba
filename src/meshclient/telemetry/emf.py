"""Metrics as log lines that CloudWatch makes metrics of, for ECS and Lambda: no agent, no port, no call to AWS.

The embedded metric format (Amazon CloudWatch user guide, "Specification: Embedded metric format") has no histogram. Its
arrays have room for 100 values, so that of the durations in an interval a sample of that many is told, each call with
the same chance (Vitter's algorithm R, ACM TOMS 11, 1985): percentiles and maxima are those of a sample, while all
counts are exact and metrics of their own.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from dataclasses import dataclass
from functools import partial, wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from weakref import finalize, ref

from meshclient.discovery.resolver import off_loop
from meshclient.discovery.runtime.loop import background, fork_safe_lock, inherit
from meshclient.model.namespace import NAMESPACE_RULE, is_namespace
from meshclient.telemetry.calls import CACHE, EJECTION, PANIC, TRANSITION
from meshclient.telemetry.error_type import CANCELLED
from meshclient.telemetry.sample import Sample
from meshclient.telemetry.series import FAILURE, REJECTED
from meshclient.telemetry.survey import Survey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from meshclient.discovery.runtime.loop import Job
    from meshclient.telemetry.course import Reading
    from meshclient.telemetry.tally import Tally

_P = ParamSpec("_P")
_R = TypeVar("_R")

# The specification's limits.
MOST_VALUES = 100
MOST_DIMENSIONS = 30
LONGEST = 1024
DIMENSION = "Service"

_LOG = logging.getLogger("meshclient.telemetry")

DURATION = "meshclient.client.call.duration"


@dataclass(frozen=True, slots=True)
class Datum:
    """One metric of a service in an interval.

    Args:
        name: of it.
        unit: in CloudWatch's words.
        values: one, or a sample.
    """

    name: str
    unit: str
    values: Sequence[float]


def document(
    namespace: str, dimensions: Mapping[str, str], data: Sequence[Datum], milliseconds: int
) -> dict[str, object]:
    """The document for one service.

    Args:
        namespace: under which CloudWatch shows it.
        dimensions: what the metrics are told apart by, 30 at most.
        data: 100 at most, of 100 values at most.
        milliseconds: since 1970.
    """
    directive = {
        "Namespace": namespace,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": each.name, "Unit": each.unit} for each in data],
    }
    values = {each.name: each.values[0] if len(each.values) == 1 else list(each.values) for each in data}
    return {"_aws": {"Timestamp": milliseconds, "CloudWatchMetrics": [directive]}, **dimensions, **values}


class Emf:
    """Writes what a mesh counts.

    Args:
        tally: that.
        namespace: under which CloudWatch shows it.
        dimensions: beside ``Service``, such as ``{"Environment": "live"}``; 29 at most.
        write: takes a line; by default the standard output.
        clock: seconds since 1970.

    Raises ValueError for a namespace or dimensions that CloudWatch would not take.
    """

    def __init__(
        self,
        tally: Tally,
        *,
        namespace: str = "meshclient",
        dimensions: Mapping[str, str] | None = None,
        write: Callable[[str], object] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not is_namespace(namespace):
            raise ValueError(f"{namespace!r} is no namespace of CloudWatch: {NAMESPACE_RULE}")
        self._dimensions = dict(dimensions or {})
        _check(self._dimensions)
        self._namespace = namespace
        self._tally = tally
        self._write = write or _print
        self._clock = clock
        self._samples: dict[str, Sample] = {}
        self._before: dict[tuple[str, str], float] = {}
        self._job: Job | None = None
        self._lock = fork_safe_lock()
        inherit(self)
        # Not by itself: what the tally holds would never end.
        sampling = partial(_sampling, self._samples)
        tally.tap(sampling)
        finalize(self, tally.untap, sampling).atexit = False

    def flush(self) -> None:
        """Write what has been counted since the last time: a line for each service with anything to tell."""
        now = int(self._clock() * 1000)
        with self._lock:
            news = list(self._data())
        for service, data in news:
            told = document(self._namespace, {DIMENSION: service, **self._dimensions}, data, now)
            self._write(json.dumps(told, separators=(",", ":"), allow_nan=False) + "\n")

    def flushing(self, handler: Callable[_P, _R]) -> Callable[_P, _R]:
        """`handler`, after each return of which all is written: for Lambda, which stops the process then."""

        @wraps(handler)
        def handled(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            try:
                return handler(*args, **kwargs)
            finally:
                self.flush()

        return handled

    def start(self, interval: float) -> None:
        """Write every `interval` seconds, on the thread of discovery, until `stop` or nobody holds this.

        Once it is at work more often changes nothing; after `stop` it begins again. Where the mesh counts nothing,
        nothing begins.
        """
        if self._job is None and self._tally.metrics:
            self._job = background().run(partial(_repeat, ref(self), interval))

    def stop(self) -> None:
        """Write what is left, and no more until `start`. Never raises; what cannot be written is logged."""
        job, self._job = self._job, None
        if job is not None:
            background().cancel(job)
        try:
            self.flush()
        except Exception:  # noqa: BLE001 - whoever closes a mesh has more to close
            _LOG.exception("the last metrics cannot be written for CloudWatch")

    def bereave(self) -> None:
        """In a forked child: what was counted and not yet written is its parent's to tell."""
        self._before.clear()
        for sample in self._samples.values():
            sample.take()

    def _data(self) -> Iterator[tuple[str, list[Datum]]]:
        survey = Survey([self._tally])
        available = _available(survey)
        for service, reading in survey.readings:
            counts = dict(self._news(service, reading, survey))
            if not any(counts.values()):
                continue
            data = [Datum(name, "Count", [count]) for name, count in counts.items()]
            if (sample := self._samples.get(service)) is not None and (values := sample.take()):
                data.append(Datum(DURATION, "Seconds", values))
            if service in available:
                data.append(Datum("meshclient.balancer.endpoint.available", "Count", [available[service]]))
            yield service, data

    def _news(self, service: str, reading: Reading, survey: Survey) -> Iterator[tuple[str, float]]:
        for name, count in _counts(service, reading, survey):
            before = self._before.get((service, name), 0.0)
            self._before[service, name] = count
            yield name, count - before


def _sampling(samples: dict[str, Sample], service: str) -> Callable[[Sequence[float]], None]:
    return samples.setdefault(service, Sample(MOST_VALUES)).add


def _counts(service: str, reading: Reading, survey: Survey) -> Iterator[tuple[str, float]]:
    results: dict[str, float] = {}
    for series, values in reading.calls.items():
        results[series.result] = results.get(series.result, 0) + values.count
    yield "meshclient.client.call.count", sum(results.values())
    for result in (FAILURE, REJECTED, CANCELLED):
        yield f"meshclient.client.call.{result}", results.get(result, 0)
    yield "meshclient.client.call.attempts", reading.tried.total
    yield "meshclient.client.call.retries", reading.retried.total
    yield "meshclient.client.call.hedges", reading.hedged.total
    noted: dict[str, float] = {}
    for (name, kind, *by), count in survey.counts.items():
        if name == service:
            noted[kind] = noted.get(kind, 0) + count
            if kind == CACHE:
                noted[f"{kind}.{by[0]}"] = count
    yield "meshclient.balancer.ejections", noted.get(EJECTION, 0)
    yield "meshclient.balancer.panic", noted.get(PANIC, 0)
    yield "meshclient.breaker.transitions", noted.get(TRANSITION, 0)
    yield "meshclient.cache.lookups", noted.get(CACHE, 0)
    yield "meshclient.cache.hits", noted.get(f"{CACHE}.hit", 0)


def _available(survey: Survey) -> dict[str, int]:
    from meshclient.telemetry.gauges import found_endpoints

    found = found_endpoints(survey.running)
    available: dict[str, int] = {}
    for (service, state), count in found.items():
        if state in {"available", "warming"}:
            available[service] = available.get(service, 0) + count
    return available


def _check(dimensions: Mapping[str, str]) -> None:
    if len(dimensions) >= MOST_DIMENSIONS:
        raise ValueError(
            f"CloudWatch takes {MOST_DIMENSIONS} dimensions, {DIMENSION} among them; not {len(dimensions)}"
        )
    for name, value in dimensions.items():
        if name == DIMENSION or name.startswith(("_aws", ":", "meshclient.")):
            raise ValueError(f"{name!r} is no name for a dimension: it is taken, or CloudWatch refuses it")
        for text in (name, value):
            if not 0 < len(text) <= LONGEST or not text.isascii() or not text.isprintable() or not text.strip():
                raise ValueError(f"the dimension {name!r} has {text!r}: give 1 to {LONGEST} printable ASCII characters")


async def _repeat(emf: ref[Emf], interval: float) -> None:
    while True:
        await asyncio.sleep(interval)
        if (alive := emf()) is None:
            return
        try:
            # Whoever reads the standard output may be slow.
            await off_loop(alive.flush)
        except Exception:  # noqa: BLE001 - a pipe that is closed, for one, which the next interval would find closed too
            _LOG.exception("metrics cannot be written for CloudWatch any more")
            return
        del alive


def _print(line: str) -> None:
    # Not kept: programs replace it.
    sys.stdout.write(line)
    sys.stdout.flush()
