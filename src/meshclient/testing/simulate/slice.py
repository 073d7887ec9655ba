"""A stretch of a run: its calls, its latencies, where attempts went."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from math import ceil
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meshclient.testing.simulate.tally import Made


@dataclass(frozen=True, slots=True)
class Slice:
    """Calls and attempts that began from `begin` on and before `end`.

    Args:
        begin: seconds of the run.
        end: seconds of the run.
        calls: how many.
        succeeded: how many of them.
        arrived: attempts that left for the service at the bottom.
        p50: seconds, as p99 and p999; of all calls, failed ones included; 0 without calls.
        shares: of the attempts at the service called, by id of the instance.
    """

    begin: float
    end: float
    calls: int
    succeeded: int
    arrived: int
    p50: float
    p99: float
    p999: float
    shares: Mapping[str, float]

    @property
    def success_rate(self) -> float:
        """Share of the calls that succeeded; 1 without calls."""
        return self.succeeded / self.calls if self.calls else 1.0

    @property
    def amplification(self) -> float:
        """Attempts at the bottom for each call; 0 without calls."""
        return self.arrived / self.calls if self.calls else 0.0

    def share(self, *names: str) -> float:
        """What these instances get together."""
        return sum(self.shares.get(name, 0.0) for name in names)

    def as_dict(self) -> dict[str, object]:
        """The slice as JSON-ready data."""
        return {
            "begin_seconds": self.begin,
            "end_seconds": self.end,
            "calls": self.calls,
            "succeeded": self.succeeded,
            "success_rate": self.success_rate,
            "amplification": self.amplification,
            "latency_seconds": {"p50": self.p50, "p99": self.p99, "p99.9": self.p999},
            "shares": dict(self.shares),
        }


class Cut:
    """Makes slices of one run.

    Args:
        calls: sorted by their beginning.
        sent: attempts at the service called, in order: when, and to whom.
        arrived: the same at the service at the bottom.
    """

    def __init__(
        self, calls: Sequence[Made], sent: Sequence[tuple[float, str]], arrived: Sequence[tuple[float, str]]
    ) -> None:
        self._calls = calls
        self._sent = sent
        self._arrived = arrived

    def calls(self, begin: float, end: float) -> Sequence[Made]:
        """Those that began in between."""
        return self._calls[bisect_left(self._calls, (begin,)) : bisect_left(self._calls, (end,))]

    def counts(self, begin: float, end: float) -> Counter[str]:
        """Attempts in between, by id of the instance."""
        first, last = bisect_left(self._sent, (begin,)), bisect_left(self._sent, (end,))
        return Counter(name for _, name in self._sent[first:last])

    def slice(self, begin: float, end: float) -> Slice:
        """The stretch in between."""
        calls, counts = self.calls(begin, end), self.counts(begin, end)
        seconds = sorted(call.latency for call in calls)
        total = counts.total()
        return Slice(
            begin=begin,
            end=end,
            calls=len(calls),
            succeeded=sum(not call.failure for call in calls),
            arrived=bisect_left(self._arrived, (end,)) - bisect_left(self._arrived, (begin,)),
            p50=percentile(seconds, 0.50),
            p99=percentile(seconds, 0.99),
            p999=percentile(seconds, 0.999),
            shares=MappingProxyType({name: counts[name] / total for name in sorted(counts)}),
        )


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: the least value that `share` of all are not above; 0 of none."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else 0.0
