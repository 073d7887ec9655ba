"""What a load test showed, as numbers."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.cli.chart import log_buckets
from meshclient.testing.simulate.slice import percentile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from meshclient.cli.chart import Bucket
    from meshclient.cli.load.plan import LoadPlan
    from meshclient.cli.load.record import Record
    from meshclient.cli.request import WrittenRequest

SCHEMA = "meshclient.load/v1"
# Widths of a slice of the timeline, the least of which that makes no more than `_SLICES` is taken.
_WIDTHS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 3600.0)
_SLICES = 60


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles of durations in seconds, by the nearest rank; None of none."""

    p50: float | None
    p90: float | None
    p99: float | None
    max: float | None
    min: float | None = None
    mean: float | None = None

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Those of `values`, in any order."""
        if not values:
            return cls(None, None, None, None)
        found = sorted(values)
        p50, p90, p99 = (percentile(found, share) for share in (0.5, 0.9, 0.99))
        return cls(p50, p90, p99, found[-1], found[0], sum(found) / len(found))

    def marks(self) -> list[tuple[str, float]]:
        """Those that a histogram points out."""
        told = (("p50", self.p50), ("p90", self.p90), ("p99", self.p99), ("max", self.max))
        return [(name, value) for name, value in told if value is not None]

    def as_dict(self) -> dict[str, object]:
        """The spread as JSON-ready data."""
        return {
            "min": self.min,
            "mean": self.mean,
            "p50": self.p50,
            "p90": self.p90,
            "p99": self.p99,
            "max": self.max,
        }


@dataclass(frozen=True, slots=True)
class EndpointShare:
    """What one endpoint got of the attempts, and how it did."""

    endpoint: str
    attempts: int
    share: float
    failed: int
    seconds: Spread


@dataclass(frozen=True, slots=True)
class LoadSlice:
    """Calls that were due from `begin` on and before `end`."""

    begin: float
    end: float
    calls: int
    bad: int
    seconds: Spread


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The calls of a load test that is over.

    Args:
        request: each of them.
        plan: what was asked for.
        started: when.
        records: of the calls that ended, in any order.
        seconds: until the last of them ended.
        unfinished: calls that were under way when it was interrupted.
        interrupted: whether it was.
        held: whether calls that were due had to wait because so many were under way.
        service: that was called, or None for a host that is none.
    """

    request: WrittenRequest
    plan: LoadPlan
    started: datetime
    records: Sequence[Record]
    seconds: float
    unfinished: int
    interrupted: bool
    held: bool
    service: str | None

    @property
    def rate(self) -> float:
        """Calls per second that ended."""
        return len(self.records) / self.seconds if self.seconds > 0 else 0.0

    @property
    def latency(self) -> Spread:
        """Of all calls, failed ones included."""
        return Spread.of([record.latency for record in self.records])

    @property
    def lateness(self) -> Spread:
        """By how much calls began after they were due."""
        return Spread.of([record.began - record.due for record in self.records])

    @property
    def statuses(self) -> Mapping[int, int]:
        """Answers by status."""
        return dict(sorted(Counter(each.status for each in self.records if each.status is not None).items()))

    @property
    def errors(self) -> Mapping[str, int]:
        """Calls without an answer by why, the most frequent first."""
        return dict(Counter(each.error for each in self.records if each.error).most_common())

    @property
    def bad(self) -> int:
        """Answers of 4xx and 5xx."""
        return sum(count for status, count in self.statuses.items() if status >= 400)

    def buckets(self) -> list[Bucket]:
        """The latencies."""
        return log_buckets([record.latency for record in self.records], self.latency.marks())

    def endpoints(self) -> list[EndpointShare]:
        """By address."""
        held: dict[str, list[tuple[float, bool]]] = defaultdict(list)
        for record in self.records:
            for each in record.attempts:
                held[each.endpoint].append((each.seconds, each.failed))
        total = sum(map(len, held.values())) or 1
        return [
            EndpointShare(
                name,
                len(found),
                len(found) / total,
                sum(failed for _, failed in found),
                Spread.of([seconds for seconds, _ in found]),
            )
            for name, found in sorted(held.items())
        ]

    def slices(self) -> list[LoadSlice]:
        """The calls in the order of time, in at most 60 stretches of a round length."""
        if not self.records:
            return []
        last = max(record.due for record in self.records)
        most = min(_SLICES, max(10, len(self.records) // 5))
        width = next((each for each in _WIDTHS if last / each < most), _WIDTHS[-1])
        edges = [round(at * width, 6) for at in range(int(last / width) + 2)]
        held: list[list[Record]] = [[] for _ in edges[1:]]
        for record in self.records:
            held[min(bisect_right(edges, record.due) - 1, len(held) - 1)].append(record)
        return [
            LoadSlice(
                edges[at],
                edges[at + 1],
                len(found),
                sum(not record.well for record in found),
                Spread.of([record.latency for record in found]),
            )
            for at, found in enumerate(held)
        ]

    def as_dict(self) -> dict[str, object]:
        """The result as JSON-ready data."""
        records = self.records
        return {
            "schema": SCHEMA,
            "method": self.request.method,
            "url": self.request.url,
            "service": self.service,
            "started": self.started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "took_seconds": self.seconds,
            "asked": {
                "calls": self.plan.calls,
                "rate_per_second": self.plan.rate,
                "concurrency": self.plan.concurrency,
                "loop": "closed" if self.plan.rate is None else "open",
            },
            "interrupted": self.interrupted,
            "calls": len(records),
            "unfinished": self.unfinished,
            "rate_per_second": self.rate,
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "errors": dict(self.errors),
            "attempts": sum(len(record.attempts) for record in records),
            "retries": sum(record.retries for record in records),
            "hedges": sum(record.hedges for record in records),
            "latency_seconds": self.latency.as_dict(),
            "late_seconds": self.lateness.as_dict(),
            "histogram": [
                {"from_seconds": each.lower, "to_seconds": each.upper, "calls": each.count} for each in self.buckets()
            ],
            "endpoints": [
                {
                    "endpoint": each.endpoint,
                    "attempts": each.attempts,
                    "share": each.share,
                    "failed": each.failed,
                    "attempt_seconds": each.seconds.as_dict(),
                }
                for each in self.endpoints()
            ],
            "timeline": [
                {
                    "begin_seconds": each.begin,
                    "end_seconds": each.end,
                    "calls": each.calls,
                    "bad": each.bad,
                    "latency_seconds": each.seconds.as_dict(),
                }
                for each in self.slices()
            ],
        }
