"""A driver of the exchange without any I/O: it plays a script and moves a clock.

`answer` says for each attempt after how many seconds it ends and how; an attempt that takes longer than it may runs
into its timer. Several may be in flight at once; of two that end at the same time the older one is first. List
changes are given as (moment, snapshot).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import inf
from random import Random
from typing import TYPE_CHECKING

from meshclient.core.call import Call, Service
from meshclient.core.commands import Attempt, Cancel, Finished, SnapshotChanged, Start, TimerFired, Wait
from meshclient.core.exchange import exchange
from meshclient.core.retry import RetryPolicy
from meshclient.core.retry_budget import RetryBudget
from meshclient.core.shadow import Shadow
from meshclient.model.deadline import Deadline
from meshclient.model.outcome import CANCELLED, Outcome
from meshclient.model.snapshot import Pending, Ready
from unit.core.fleet import Clock, balancer

if TYPE_CHECKING:
    from meshclient.core.balance.balancer import Balancer
    from meshclient.core.balance.picker import Uniform
    from meshclient.core.circuit import Circuit
    from meshclient.core.commands import Command, Signal
    from meshclient.core.hedge import Hedging
    from meshclient.core.limit.turn import Limiter
    from meshclient.core.outlier import Outlier
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.events import Event
    from meshclient.model.snapshot import Snapshot

Answer = Callable[[Attempt], tuple[float, Outcome]]


class Orders:
    """The service all these calls go to."""

    name = "orders"

    def __init__(
        self,
        listed: Iterable[Endpoint],
        *,
        snapshot: Snapshot | None = None,
        outlier: Outlier | None = None,
        budget: RetryBudget | None = None,
        changes: Iterable[tuple[float, Snapshot]] = (),
        seed: int = 7,
    ) -> None:
        listed = tuple(listed)
        self.clock: Callable[[], float] = (clock := Clock())
        self.time = clock
        self.events: list[Event] = []
        self.emit: Callable[[Event], None] | None = self.events.append
        self.uniform: Uniform = Random(seed).random
        self.budget = budget or RetryBudget()
        self.circuit: Circuit | None = None
        self.limiter: Limiter | None = None
        self.hedging: Hedging | None = None
        self.shadow = Shadow("orders")
        self.balancer: Balancer = balancer(listed, outlier=outlier, seed=seed, emit=self.emit)
        self.snapshot: Snapshot = snapshot or (Ready(listed, source="static://") if listed else Pending())
        self.changes = sorted(changes, key=lambda change: change[0])

    def unreached(self) -> None:
        """Nobody to tell."""

    def change_by(self, moment: float) -> bool:
        """Take over the next list, if there is one until then."""
        if not self.changes or self.changes[0][0] > moment:
            return False
        at, self.snapshot = self.changes.pop(0)
        self.time.now = max(self.time.now, at)
        self.balancer.update(self.snapshot.endpoints, self.time.now)
        return True


def call(
    service: Service,
    *,
    method: str = "GET",
    idempotent: bool | None = None,
    deadline: float | None = 10.0,
    attempt_timeout: float = inf,
    retry: RetryPolicy | None = None,
    obstacle: str = "",
    hedge: bool = False,
) -> Call:
    """A call that starts now."""
    now = service.clock()
    return Call(
        method=method,
        idempotent=method == "GET" if idempotent is None else idempotent,
        started=now,
        deadline=Deadline.after(deadline, now),
        attempt_timeout=attempt_timeout,
        retry=retry or RetryPolicy(),
        obstacle=lambda: obstacle,
        hedge=hedge,
    )


@dataclass
class Flight:
    """An attempt under way; how it ends is asked of the script when it is first waited for."""

    attempt: Attempt
    begun: float
    ends: float | None = None
    outcome: Outcome = CANCELLED


@dataclass
class Run:
    """One call, played to its end or stopped after so many commands; each pause lasts `oversleep` seconds too long."""

    made: Call
    service: Orders
    answer: Answer
    stop_after: int | None = None
    oversleep: float = 0.0
    commands: list[Command] = field(default_factory=list)
    started: list[Attempt] = field(default_factory=list)
    landed: list[Finished] = field(default_factory=list)
    live: list[Flight] = field(default_factory=list)
    ended: int = 0
    waited: float = 0.0
    result: Attempt | None = None

    def play(self) -> Attempt | None:
        """The last attempt; None when it was stopped."""
        steps, signal = exchange(self.made, self.service), None
        while True:
            try:
                command = steps.send(signal)
            except StopIteration as end:
                self.result = end.value
                return self.result
            self.commands.append(command)
            if self.stop_after == len(self.commands):
                steps.close()
                return None
            assert len(self.commands) < 1000
            signal = None
            if isinstance(command, Start):
                # One may run beside another, and no third.
                assert len(self.live) == command.attempt.hedge
                self.live.append(Flight(command.attempt, self.service.time.now))
                self.started.append(command.attempt)
            elif isinstance(command, Cancel):
                self._cancel(command.attempt)
            else:
                signal = self._land(command) if self.live else self._wait(command)

    def _cancel(self, attempt: Attempt) -> None:
        """An attempt that has landed already may be cancelled too: its response is thrown away."""
        flights = [flight for flight in self.live if flight.attempt is attempt]
        assert flights or any(landed.attempt is attempt for landed in self.landed)
        self.ended += len(flights)
        self.live = [flight for flight in self.live if flight.attempt is not attempt]

    def _land(self, command: Wait) -> Signal:
        """What is in flight goes on until the first of it ends, or the time is up."""
        clock, before = self.service.time, self.service.time.now
        for flight in self.live:
            if flight.ends is None:
                latency, flight.outcome = self.answer(flight.attempt)
                flight.ends = flight.begun + latency
        first = min(self.live, key=_end)
        at = _end(first)
        assert command.timeout < inf or at < inf
        in_time = at - before <= command.timeout
        clock.pass_(max(0.0, at - before) if in_time else command.timeout)
        self.waited += clock.now - before
        if not in_time:
            return TimerFired()
        self.live.remove(first)
        self.ended += 1
        self.landed.append(Finished(first.attempt, first.outcome))
        return self.landed[-1]

    def _wait(self, command: Wait) -> Signal:
        clock, before = self.service.time, self.service.time.now
        assert command.timeout < inf or command.stale is not None
        if command.stale is not None:
            assert command.stale is self.service.snapshot
            if self.service.change_by(before + command.timeout):
                self.waited += clock.now - before
                return SnapshotChanged()
        assert command.timeout < inf
        if command.stale is None:
            clock.pass_(self.oversleep)
        clock.pass_(command.timeout)
        self.waited += command.timeout
        return TimerFired()


def _end(flight: Flight) -> float:
    assert flight.ends is not None
    return flight.ends
