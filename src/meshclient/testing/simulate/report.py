"""What a run showed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from meshclient.testing.simulate.slice import Cut

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.testing.simulate.simulation import Simulation
    from meshclient.testing.simulate.slice import Slice
    from meshclient.testing.simulate.tally import Tally

SCHEMA = "meshclient.simulate/v1"


@dataclass(frozen=True, slots=True)
class Report:
    """One run of one scenario; the same seed gives the same report.

    Args:
        scenario: its name.
        seed: of all chance in it.
        whole: all of the run.
        settled: the time of the fault without its first `Simulation.settle` seconds; all of the run without a fault.
        slices: the run second by second.
        failed: calls that failed, by the kind of the last outcome or the name of the error.
        failed_idempotent: those among them whose request may be executed twice.
        cancelled: calls that their caller gave up; they count as no call elsewhere.
        outcomes: attempts at all services, by the kind of their ending.
        executions: requests by how often the service at the bottom executed them.
        repeated: requests that must not be executed twice and were, at any service.
        detection: seconds until the instances in trouble get less than `Simulation.noticed` of the attempts; None
            where that never was, or without a fault at the service called.
        recovery: seconds after the fault to the last call that began then and failed; None where that never ended.
        comeback: seconds after the fault until the instances have half of their former share; None for never.
        retries: attempts after a failed one.
        hedges: attempts beside another.
        rejections: calls that were refused here and sent nowhere.
        ejections: times that an instance was taken out of rotation.
        ejected: ids of the instances that were.
        panics: times that a balancer failed open.
        events: all events that observers were told of, by name.
        latencies: of all calls, failed ones included, the shortest first; seconds.
    """

    scenario: str
    seed: int
    whole: Slice
    settled: Slice
    slices: tuple[Slice, ...]
    failed: Mapping[str, int]
    failed_idempotent: int
    cancelled: int
    outcomes: Mapping[str, int]
    executions: Mapping[int, int]
    repeated: int
    detection: float | None
    recovery: float | None
    comeback: float | None
    retries: int
    hedges: int
    rejections: int
    ejections: int
    ejected: tuple[str, ...]
    panics: int
    events: Mapping[str, int]
    latencies: tuple[float, ...] = field(default=(), repr=False)

    @property
    def calls(self) -> int:
        """How many there were."""
        return self.whole.calls

    @classmethod
    def of(cls, simulation: Simulation, seed: int, tally: Tally) -> Report:
        """The report of a run that is over."""
        names = [tier.service for tier in simulation.tiers]
        calls, end, trial = sorted(tally.calls), simulation.duration, simulation.trial
        arrived = tally.sent.get(names[-1], ())
        cut = Cut(calls, tally.sent.get(names[0], ()), arrived)
        failed = Counter(call.failure for call in calls if call.failure)
        executions = Counter(tally.executions.get(names[-1], {}).values())
        twice = {key for counts in tally.executions.values() for key, count in counts.items() if count > 1}
        width = simulation.slice
        return cls(
            scenario=simulation.name,
            seed=seed,
            # With what arrived when no more calls were made.
            whole=replace(cut.slice(0.0, end), arrived=len(arrived)),
            settled=cut.slice(trial.begin + simulation.settle, min(trial.end, end)) if trial else cut.slice(0.0, end),
            slices=tuple(cut.slice(n * width, min(end, (n + 1) * width)) for n in range(round(end / width))),
            failed=MappingProxyType(dict(sorted(failed.items()))),
            failed_idempotent=sum(bool(call.failure) and call.idempotent for call in calls),
            cancelled=tally.cancelled,
            outcomes=MappingProxyType(dict(sorted(tally.outcomes.items()))),
            executions=MappingProxyType(dict(sorted(executions.items()))),
            repeated=len(twice & tally.unsafe),
            detection=trial.detection(cut, simulation.noticed) if trial and trial.names else None,
            recovery=trial.recovery(cut, end) if trial else None,
            comeback=trial.comeback(cut, end) if trial and trial.names else None,
            retries=tally.events["RetryScheduled"],
            hedges=tally.events["HedgeStarted"],
            rejections=tally.events["CallRejected"],
            ejections=tally.events["EndpointEjected"],
            ejected=tuple(sorted(tally.ejected)),
            panics=tally.events["PanicChanged"],
            events=MappingProxyType(dict(sorted(tally.events.items()))),
            latencies=tuple(sorted(call.latency for call in calls)),
        )

    def as_dict(self) -> dict[str, object]:
        """The report as JSON-ready data."""
        return {
            "scenario": self.scenario,
            "seed": self.seed,
            **self.whole.as_dict(),
            "failed": dict(self.failed),
            "failed_idempotent": self.failed_idempotent,
            "cancelled": self.cancelled,
            "outcomes": dict(self.outcomes),
            "executions": {str(times): count for times, count in self.executions.items()},
            "repeated": self.repeated,
            "detection_seconds": self.detection,
            "recovery_seconds": self.recovery,
            "comeback_seconds": self.comeback,
            "retries": self.retries,
            "hedges": self.hedges,
            "rejections": self.rejections,
            "ejections": self.ejections,
            "ejected": list(self.ejected),
            "panics": self.panics,
            "events": dict(self.events),
            "settled": self.settled.as_dict(),
            "slices": [each.as_dict() for each in self.slices],
        }
