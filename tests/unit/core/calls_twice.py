"""One service twice, and each call made at both: by `exchange` at one, by `begin` and `resume` at the other.

As a driver without I/O would: whoever plays says how each attempt ends and how time passes. A call whose first attempt
ends well and whose caller has no say in that is `succeeded`; all else goes on in `resume`.
"""

from __future__ import annotations

from collections import Counter
from math import inf
from typing import TYPE_CHECKING, ClassVar

from meshclient.core.commands import Attempt, Cancel, Finished, SnapshotChanged, Start, TimerFired, Wait
from meshclient.core.exchange import exchange, resume
from meshclient.core.first_attempt import FirstAttempt, begin
from meshclient.core.record import late
from meshclient.errors import MeshError
from meshclient.model.outcome import CANCELLED, Kind, Outcome
from meshclient.model.snapshot import Ready
from unit.core.fleet import Clock
from unit.core.portrait import portrait

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from meshclient.core.call import Call, Service
    from meshclient.core.commands import Command, Signal
    from meshclient.model.snapshot import Snapshot
    from unit.core.shop import House, Shop


class Course:
    """A call under way at a service, by `exchange`.

    Attributes:
        flying: its attempt in flight.
        wait: what it waits for.
        last: the attempt it returned, while its body is still to come.
        error: what it raised.
    """

    def __init__(self, made: Call, service: Shop) -> None:
        self.made, self.service = made, service
        self.flying: Attempt | None = None
        self.wait: Wait | None = None
        self.last: Attempt | None = None
        self.error: Exception | None = None
        self.steps: Generator[Command, Signal | None, Attempt] | None = None
        self.begin()

    def begin(self) -> None:
        self._follow(exchange(self.made, self.service))

    def aim(self) -> tuple[object, float] | None:
        """What it has in flight, and until when."""
        if self.flying is None:
            return None
        return portrait(self.flying.pick), self.flying.ends

    def land(self, outcome: Outcome, waited: float, *, whole: bool) -> None:
        """The attempt in flight ends; with all of its response or with the head."""
        attempt, self.flying = self.flying, None
        assert attempt is not None
        attempt.raw = outcome
        self.send(Finished(attempt, outcome, waited))
        if whole:
            self.read(None)

    def late(self) -> None:
        """Its time is up."""
        self.send(TimerFired())

    def read(self, broken: Outcome | None) -> None:
        """The response body is read, or breaks."""
        last, self.last = self.last, None
        if last is not None:
            last.pick.done(broken or last.outcome, self.service.clock())

    def cancel(self) -> None:
        self.flying = self.wait = None
        if self.steps is not None:
            self.steps.close()
        self.read(CANCELLED)

    def send(self, signal: Signal | None) -> None:
        self.wait = None
        assert self.steps is not None
        try:
            while self.wait is None:
                command, signal = self.steps.send(signal), None
                if isinstance(command, Start):
                    self.flying = command.attempt
                elif isinstance(command, Cancel):
                    self.flying = None
                else:
                    self.wait = command
        except StopIteration as end:
            self._return(end.value)
        except (MeshError, ArithmeticError) as error:
            self.error = error

    def _follow(self, steps: Generator[Command, Signal | None, Attempt]) -> None:
        self.steps = steps
        self.send(None)

    def _return(self, last: Attempt) -> None:
        # Without a head it was handed back already.
        self.last = last if last.outcome.status is not None else None


class ShortCourse(Course):
    """The same by `begin`, as long as that goes."""

    met: ClassVar[Counter[str]] = Counter()

    def begin(self) -> None:
        self.first: FirstAttempt | None = None
        timeout = min(self.made.attempt_timeout, self.made.deadline.remaining(self.made.started))
        before = None if isinstance(self.service.snapshot, Ready) else self.service.portrait()
        try:
            key, started = self.made.key, self.made.started
            first = begin(self.service, started, timeout, key, FirstAttempt) if timeout > 0 else None
        except MeshError as error:
            self.error = error
            self.met["refused"] += 1
            return
        if first is not None:
            assert first.snapshot is self.service.snapshot
        if first is None:
            # Nothing has been counted yet.
            assert before is None or self.service.portrait() == before
            self.met["not begun"] += 1
            super().begin()
        elif first.node is None:
            self.met["declined"] += 1
            self._follow(resume(self.made, self.service, first.stay()))
        else:
            self.first = first

    def aim(self) -> tuple[object, float] | None:
        first = self.first
        if first is None:
            return super().aim()
        assert first.node is not None
        return (first.node.key, first.started, False, False, None), first.started + first.timeout

    def land(self, outcome: Outcome, waited: float, *, whole: bool) -> None:
        first, self.first = self.first, None
        if first is None:
            super().land(outcome, waited, whole=whole)
        elif whole and outcome.kind is Kind.OK and self.made.retry.retry is None:
            now = self.service.clock()
            first.succeeded(outcome, max(0.0, now - first.started - waited), now)
            report = first.report()
            assert report is not None
            self.made.reports.append(report)
            self.met["succeeded"] += 1
        else:
            self._resume(first, outcome, waited)
            if whole:
                self.read(None)

    def late(self) -> None:
        first, self.first = self.first, None
        if first is None:
            super().late()
        else:
            self._resume(first, None, 0.0)

    def cancel(self) -> None:
        first, self.first = self.first, None
        if first is not None:
            self.met["cancelled"] += 1
            first.cancelled(self.service.clock())
        super().cancel()

    def _resume(self, first: FirstAttempt, outcome: Outcome | None, waited: float) -> None:
        self.met["resumed"] += 1
        attempt = first.attempt()
        assert attempt is not None
        attempt.raw = outcome
        ended = Finished(attempt, outcome or late(attempt), waited)
        self._follow(resume(self.made, self.service, first.stay(), ended))


class Both:
    """Both services, and each call at both."""

    def __init__(self, house: House) -> None:
        self.clock = Clock()
        self.long, self.short = house.open(self.clock), house.open(self.clock)
        self.live: list[tuple[Course, ShortCourse]] = []

    def call(self, make: Callable[[Service], Call]) -> None:
        """A call begins."""
        self._keep(Course(make(self.long), self.long), ShortCourse(make(self.short), self.short))

    def land(self, at: int, outcome: Outcome, waited: float, *, whole: bool) -> None:
        """An attempt in flight ends, unless its time has been up before."""
        long, short = self.live.pop(at % len(self.live))
        aim = long.aim()
        if aim is not None and aim[1] < self.clock.now:
            long.late()
            short.late()
        elif aim is not None:
            long.land(outcome, waited, whole=whole)
            short.land(outcome, waited, whole=whole)
        self._keep(long, short)

    def wait(self, at: int, oversleep: float) -> None:
        """A call comes to the end of what it waits for."""
        long, short = self.live.pop(at % len(self.live))
        aim, wait = long.aim(), long.wait
        if wait is None:
            long.read(None)
            short.read(None)
        else:
            until = self.clock.now + wait.timeout if aim is None else aim[1]
            stale = wait.stale is not None and wait.stale is not self.long.snapshot
            if until < inf and not stale:
                self.clock.now = max(self.clock.now, until) + oversleep
            if until < inf or stale:
                for course in (long, short):
                    course.late() if not stale else course.send(SnapshotChanged())
        self._keep(long, short)

    def read(self, at: int, broken: Outcome | None) -> None:
        """A response body ends, if there is one."""
        long, short = self.live.pop(at % len(self.live))
        long.read(broken)
        short.read(broken)
        self._keep(long, short)

    def cancel(self, at: int) -> None:
        """A caller gives up."""
        for course in self.live.pop(at % len(self.live)):
            course.cancel()
        self.assert_same()

    def change(self, snapshot: Snapshot) -> None:
        """Another list."""
        for service in (self.long, self.short):
            service.snapshot = snapshot
            service.balancer.update(snapshot.endpoints, self.clock.now)
        self.assert_same()

    def end(self) -> None:
        """Everybody gives up."""
        while self.live:
            self.cancel(0)
        assert not self.short.gate or not self.short.gate.inside
        assert not sum(status.pending for status in self.short.balancer.status(self.clock.now))

    def assert_same(self) -> None:
        """In all that is left of them."""
        assert self.long.portrait() == self.short.portrait()

    def _keep(self, long: Course, short: ShortCourse) -> None:
        assert long.made.reports == short.made.reports
        assert long.aim() == short.aim()
        assert _words(long.error) == _words(short.error)
        assert (long.last and long.last.outcome) == (short.last and short.last.outcome)
        pause = None if long.aim() or long.wait is None else long.wait.timeout
        assert pause == (None if short.aim() or short.wait is None else short.wait.timeout)
        self.assert_same()
        if long.aim() or long.wait or long.last:
            self.live.append((long, short))


def _words(error: Exception | None) -> tuple[object, ...]:
    return type(error), str(error), getattr(error, "retry_after", None)
