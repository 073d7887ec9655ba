"""Attempts that were written down, and the simulation in which their endpoints behave as they did."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from meshclient.model.outcome import Kind, Sent
from meshclient.testing.simulate.instance import Instance
from meshclient.testing.simulate.load import Load
from meshclient.testing.simulate.record import Record
from meshclient.testing.simulate.reply import SILENT, UNREACHABLE, Reply
from meshclient.testing.simulate.simulation import Simulation
from meshclient.testing.simulate.tier import Tier

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

    from meshclient.config.shape import ServiceConfig
    from meshclient.model.endpoint import Endpoint
    from meshclient.testing.simulate.load import Make
    from meshclient.testing.simulate.reply import Visit
    from meshclient.testing.simulate.timeline import Timeline

# Endings that lie with the caller: they tell nothing of what the endpoint would have done.
_OWN = frozenset({Kind.CANCELLED, Kind.POOL_TIMEOUT, Kind.LOCAL_ERROR})


@dataclass(frozen=True, slots=True)
class Recorded:
    """Does what the endpoint did at this time, drawn with replacement from all it did in the same stretch.

    Where there is nothing from a stretch, the one before it counts, and at the beginning the first one.

    Args:
        begins: of the stretches, in seconds of the run, ascending.
        replies: what it did, by stretch.
    """

    begins: tuple[float, ...]
    replies: tuple[tuple[Reply, ...], ...]

    def reply(self, visit: Visit) -> Reply:
        """One of them."""
        replies = self.replies[max(0, bisect_right(self.begins, visit.at) - 1)]
        return replies[int(visit.random.random() * len(replies))]


@dataclass(frozen=True, slots=True)
class Times:
    """Calls at the moments at which they were made."""

    moments: tuple[float, ...]

    def begin(self, timeline: Timeline, random: Random, until: float, make: Make) -> None:  # noqa: ARG002 - see Arrivals
        """Make them."""
        for moment in self.moments:
            if moment < until:
                timeline.at(moment, lambda: make(_nothing))


@dataclass(frozen=True, slots=True)
class Recording:
    """The attempts of one service, in the order in which they began."""

    service: str
    records: tuple[Record, ...]

    @classmethod
    def read(cls, path: Path | str, service: str | None = None) -> Recording:
        """What `Recorder` wrote of `service`, or of the only one there is.

        Raises OSError where the file cannot be read, and ValueError with the line or the services found.
        """
        records: list[Record] = []
        for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
            try:
                records.append(Record.parse(line))
            except ValueError as exc:
                raise ValueError(f"line {number} of {path} is no record of an attempt: {exc}") from None
        names = sorted({record.service for record in records})
        if service is None and len(names) != 1:
            raise ValueError(f"{path} holds attempts of {', '.join(names) or 'no service'}: say of which service")
        chosen = names[0] if service is None else service
        if chosen not in names:
            raise ValueError(f"{path} holds no attempts of {chosen!r}, but of {', '.join(names) or 'no service'}")
        return cls.of(chosen, (record for record in records if record.service == chosen))

    @classmethod
    def of(cls, service: str, records: Iterable[Record]) -> Recording:
        """These records, in order and from the beginning of the first."""
        ordered = sorted(records, key=lambda record: record.time - record.duration)
        first = ordered[0].time - ordered[0].duration
        return cls(service, tuple(replace(record, time=record.time - first) for record in ordered))

    def simulation(self, config: ServiceConfig, stretch: float = 1.0) -> Simulation:
        """The same calls at the same moments to endpoints that behave as they did, for callers under `config`.

        All endpoints are listed all the time. Calls are GET; those that were refused before an attempt are unknown
        here. What became of attempts that the caller cut short is left out; one that timed out never answers.

        Args:
            config: how the service is called.
            stretch: seconds within which an endpoint's behaviour is taken for the same.
        """
        begun = [record.time - record.duration for record in self.records]
        calls = Times(tuple(at for at, record in zip(begun, self.records, strict=True) if record.number == 1))
        behaviours: dict[str, dict[int, list[Reply]]] = {}
        endpoints: dict[str, Endpoint] = {}
        for at, record in zip(begun, self.records, strict=True):
            if record.outcome.kind not in _OWN:
                name = record.endpoint.id or f"{record.endpoint.host}:{record.endpoint.port}"
                endpoints.setdefault(name, replace(record.endpoint, id=name))
                behaviours.setdefault(name, {}).setdefault(int(at / stretch), []).append(_reply(record))
        instances = tuple(
            Instance(endpoints[name], Recorded(tuple(n * stretch for n in by), tuple(map(tuple, by.values()))))
            for name, by in sorted(behaviours.items())
        )
        tier = Tier(self.service, instances, replace(config, endpoints=()))
        return Simulation("replay", (tier,), Load(calls), duration=max(begun) + stretch, slice=stretch)


def _reply(record: Record) -> Reply:
    if record.outcome.kind is Kind.TIMEOUT:
        return SILENT
    if record.outcome.kind is Kind.CONNECT_TIMEOUT:
        return UNREACHABLE
    return Reply(record.duration, record.outcome, executed=record.outcome.verdict.sent is not Sent.NO)


def _nothing() -> None:
    pass
