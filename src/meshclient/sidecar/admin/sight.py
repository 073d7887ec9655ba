"""A process as somebody looks at it: its services and endpoints, with rates and quantiles.

Rates come from counters that are there anyway. Quantiles of single endpoints are not: answers are remembered while
somebody looks, and for a while after (`LOOKS`). So who asks once finds null in their place, and from the next second on
numbers.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from heapq import nsmallest
from typing import TYPE_CHECKING

from meshclient.core.limit.gate import Gate
from meshclient.model.snapshot import Failed, Pending
from meshclient.sidecar.admin import balance_sheet
from meshclient.sidecar.admin.answers import quantile
from meshclient.sidecar.admin.rates import Rates
from meshclient.sidecar.admin.running import running
from meshclient.sidecar.admin.standing import standing
from meshclient.telemetry.gauges import endpoint_state

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from meshclient.core.balance.node import Key
    from meshclient.core.balance.status import EndpointStatus
    from meshclient.mesh import Mesh
    from meshclient.model.snapshot import Snapshot
    from meshclient.sidecar.admin.balance_sheet import Entry
    from meshclient.sidecar.admin.running import Running
    from meshclient.telemetry.calls import CallMeter

# Seconds after the last look for which answers are remembered.
LOOKS = 60.0
# Seconds of answers that quantiles are of.
RECENT = 30.0
# What is counted of a service as a whole.
_TOLD = ("calls", "errors", "retries", "hedges")

Document = dict[str, object]


@dataclass(frozen=True, slots=True)
class _Seen:
    """One list, as it was seen."""

    one: Running
    parts: tuple[EndpointStatus, ...]
    entries: Mapping[Key, Entry]
    counters: Mapping[Hashable, int]


class Sight:
    """Looks at a mesh, which may be another one each time.

    Args:
        mesh: the one in use.
        clock: monotonic seconds.
        calls: as `View.calls`.
    """

    def __init__(
        self,
        mesh: Callable[[], Mesh],
        clock: Callable[[], float] = time.monotonic,
        calls: Callable[[str], tuple[int, int] | None] = lambda _: None,
    ) -> None:
        self._mesh = mesh
        self._calls = calls
        self._clock = clock
        self._rates = Rates()
        self._looked_at = -LOOKS
        self._remembers = False

    @property
    def watched(self) -> bool:
        """Whether somebody has looked lately."""
        return self._clock() - self._looked_at < LOOKS

    def glance(self) -> None:
        """What has to be done from time to time, and quickly: counters are looked at, and answers remembered or not."""
        watched, forget = self.watched, self._remembers
        counters: dict[Hashable, int] = {}
        for one in running(self._mesh()):
            if watched or forget:
                balance_sheet.remember(one.service.balancer, on=watched)
            counters |= self._counted(one, balance_sheet.attempts(one.service.balancer))
        self._remembers = watched
        self._rates.look(self._clock(), counters)

    def services(self) -> list[Document]:
        """Each service in use, with its sums."""
        return [service for service, _ in self.everything(0)]

    def endpoints(self, name: str | None = None) -> list[Document]:
        """The endpoints of all services in use, or of the one called `name`."""
        return [part for service, parts in self.everything() for part in parts if name in {None, service["service"]}]

    def everything(self, most: int | None = None) -> list[tuple[Document, list[Document]]]:
        """Each service with its endpoints; where they are more than `most`, with those that somebody wants to see."""
        self._looked_at = self._clock()
        self._remembers = True
        seen: list[_Seen] = []
        counters: dict[Hashable, int] = {}
        for one in running(self._mesh()):
            service = one.service
            balance_sheet.remember(service.balancer, on=True)
            now = service.clock()
            parts = service.balancer.status(now)
            entries = balance_sheet.entries(service.balancer, now - RECENT)
            own = self._counted(one, {key: entry.attempts for key, entry in entries.items()})
            seen.append(_Seen(one, parts, entries, own))
            counters |= own
        now = self._clock()
        self._rates.look(now, counters)
        seconds, grown = self._rates.growth(now, counters) or (0.0, {})
        return [_documents(each, grown, seconds, most) for each in seen]

    def _counted(self, one: Running, attempts: Mapping[Key, int]) -> dict[Hashable, int]:
        found: dict[Hashable, int] = {(one.name, key): count for key, count in attempts.items()}
        told: Mapping[str, int] = {}
        if one.whole:
            elsewhere = self._calls(one.name)
            told = (
                _told(one.service.meter)
                if elsewhere is None
                else dict(zip(("calls", "errors"), elsewhere, strict=True))
            )
        return found | {(one.name, what): told.get(what, 0) for what in _TOLD}


def _told(meter: CallMeter | None) -> dict[str, int]:
    """How many calls there were, and what became of them and what they took."""
    if meter is None:
        return {}
    reading = meter.read()
    return {
        "calls": sum(values.count for values in reading.calls.values()),
        "errors": sum(values.count for series, values in reading.calls.items() if series.error),
        "retries": round(reading.retried.total),
        "hedges": round(reading.hedged.total),
    }


def _documents(
    seen: _Seen, grown: Mapping[Hashable, int], seconds: float, most: int | None
) -> tuple[Document, list[Document]]:
    one, service, name = seen.one, seen.one.service, seen.one.name
    snapshot = service.watch.course.snapshot
    age = _age(snapshot, service.clock())
    known = seconds > 0
    picks = {key: grown.get((name, key), 0) for key in seen.entries}
    total = sum(picks.values())
    circuit = standing(one)
    parts: list[Document] = []
    for part in sorted(_wanted(seen.parts, picks, most), key=lambda part: part.endpoint.key):
        endpoint, entry = part.endpoint, seen.entries.get(part.endpoint.key)
        latencies = sorted(entry.latencies) if entry else []
        count = picks.get(endpoint.key, 0)
        parts.append(
            {
                "service": name,
                "host": endpoint.host,
                "port": endpoint.port,
                "scheme": endpoint.scheme,
                "id": endpoint.id or None,
                "weight": endpoint.weight,
                "priority": endpoint.priority,
                "zone": endpoint.zone or None,
                "tags": list(endpoint.tags),
                "metadata": dict(sorted(endpoint.metadata.items())),
                "health": str(endpoint.health),
                "url": endpoint.url,
                "state": part.state,
                "returns_in_seconds": part.returns_in,
                "failures": part.failures,
                "in_flight": part.pending,
                "share": count / total if total else None,
                "rps": count / seconds if known else None,
                "p50_seconds": quantile(latencies, 0.5),
                "p99_seconds": quantile(latencies, 0.99),
                "expected_latency_seconds": part.expected_latency,
                "attempts": entry.attempts if entry else 0,
                "circuit": circuit.state,
                "age_seconds": age,
            }
        )
    answers = sorted(value for entry in seen.entries.values() for value in entry.latencies)
    calls = grown.get((name, "calls"), 0)
    limiter = service.limiter
    return {
        "service": name,
        "state": snapshot.state,
        "source": snapshot.source,
        "version": snapshot.version,
        "age_seconds": age,
        "cause": snapshot.cause if isinstance(snapshot, Failed) else None,
        "endpoints": len(seen.parts),
        "available": sum(endpoint_state(part) == "available" for part in seen.parts),
        "panic": service.balancer.panic,
        "balancer": service.config.balancer,
        "circuit": {"kind": circuit.kind, "state": circuit.state, "reason": circuit.reason or None},
        "rps": (calls if one.whole and service.meter else total) / seconds if known else None,
        "error_ratio": grown.get((name, "errors"), 0) / calls if calls else None,
        "retry_ratio": grown.get((name, "retries"), 0) / calls if calls else None,
        "p50_seconds": quantile(answers, 0.5),
        "p99_seconds": quantile(answers, 0.99),
        "in_flight": sum(part.pending for part in seen.parts),
        "limit": limiter.concurrency if isinstance(limiter, Gate) else None,
        "retry_budget": service.budget.balance(service.clock()),
        **{what: seen.counters[name, what] if one.whole and service.meter else None for what in _TOLD},
    }, parts


def _wanted(parts: Sequence[EndpointStatus], picks: Mapping[Key, int], most: int | None) -> Sequence[EndpointStatus]:
    """All, or of more than `most` those that are not well, and then those with the most calls."""
    if most is None or len(parts) <= most:
        return parts
    return nsmallest(most, parts, key=lambda part: (part.state == "in_rotation", -picks.get(part.endpoint.key, 0)))


def _age(snapshot: Snapshot, now: float) -> float | None:
    """Seconds since the list was last confirmed; None where there never was one."""
    confirmed = snapshot.last if isinstance(snapshot, Failed) else snapshot
    return None if confirmed is None or isinstance(confirmed, Pending) else max(0.0, now - confirmed.at)
