"""The driver carries out what the exchange says, any number of attempts at once."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import pytest

from meshclient.config.policy_shape import HedgeConfig, RetryConfig
from meshclient.config.shape import ServiceConfig
from meshclient.core.call import Call, Service
from meshclient.core.commands import (
    Attempt,
    Cancel,
    Command,
    Finished,
    Signal,
    SnapshotChanged,
    Start,
    TimerFired,
    Wait,
)
from meshclient.engine.sweep import LOOK
from meshclient.model.endpoint import Endpoint
from meshclient.model.outcome import Outcome, classify_status
from meshclient.testing.simulate import flight as flights
from meshclient.testing.simulate.caller import Caller
from meshclient.testing.simulate.ending import Ending
from meshclient.testing.simulate.loop import Loop
from meshclient.testing.simulate.request import Request
from meshclient.testing.simulate.timeline import Timeline

OK = classify_status(200)
HURRIED = ServiceConfig(attempt_timeout=1.0, deadline=5.0)
A, B = Endpoint("10.0.0.1", 80, id="a"), Endpoint("10.0.0.2", 80, id="b")


@dataclass
class Bench:
    """A caller, and instances that answer after so many seconds each; None for never."""

    answers: dict[str, tuple[float | None, Outcome]]
    config: ServiceConfig = HURRIED
    timeline: Timeline = field(default_factory=Timeline)
    sent: list[tuple[float, str]] = field(default_factory=list)
    endings: list[tuple[float, Ending]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.loop = Loop(self.timeline)
        self.caller = Caller(
            "orders",
            self.config,
            timeline=self.timeline,
            loop=self.loop,
            send=self.send,
            seed="1",
            hold=None,
            zone="",
            emit=None,
        )

    def send(self, request: Request, endpoint: Endpoint, respond: Callable[[Outcome], None]) -> None:
        self.sent.append((self.timeline.now, endpoint.id))
        seconds, outcome = self.answers[endpoint.id]
        if seconds is not None:
            self.timeline.after(seconds, lambda: respond(outcome))

    def call(self, method: str = "GET") -> flights.Flight:
        return self.caller.call(Request(1, method), lambda e: self.endings.append((self.timeline.now, e)))

    def start(self) -> None:
        self.call()

    def pending(self) -> int:
        return sum(each.pending for each in self.caller.service.balancer.status(self.caller.clock()))


def test_a_call_ends_with_its_answer_and_holds_nothing_then() -> None:
    bench = Bench({"a": (0.25, OK)})
    bench.caller.watch.show([A])
    bench.call()
    assert bench.pending() == 1
    bench.timeline.run(10.0)
    assert (bench.endings, bench.pending()) == ([(0.25, Ending())], 0)


def test_an_answer_after_its_time_reaches_nobody() -> None:
    bench = Bench({"a": (1.5, OK)}, ServiceConfig(attempt_timeout=1.0, retry=None))
    bench.caller.watch.show([A])
    bench.call()
    bench.timeline.run(10.0)
    assert bench.endings == [(1.0, Ending("timeout"))]


def test_an_answer_to_an_attempt_that_was_given_up_is_not_that_of_the_next() -> None:
    bench = Bench({"a": (1.5, OK), "b": (1.5, OK)}, ServiceConfig(attempt_timeout=1.0, retry=RetryConfig(attempts=2)))
    bench.caller.watch.show([A, B])
    bench.call()
    bench.timeline.run(10.0)
    ((moment, ending),) = bench.endings
    assert moment >= 2.0
    assert ending == Ending("timeout")


def test_a_failed_attempt_is_repeated_elsewhere() -> None:
    bench = Bench({"a": (0.1, classify_status(503)), "b": (0.1, classify_status(503))})
    bench.caller.watch.show([A, B])
    bench.call()
    bench.timeline.run(10.0)
    assert {name for _, name in bench.sent[:2]} == {"a", "b"}
    assert len(bench.sent) == RetryConfig().attempts
    assert [ending for _, ending in bench.endings] == [Ending("server_error")]


def test_a_call_without_a_list_waits_for_one() -> None:
    bench = Bench({"a": (0.1, OK)})
    bench.call()
    bench.timeline.at(2.0, lambda: bench.caller.watch.show([A]))
    bench.timeline.run(10.0)
    assert bench.sent == [(2.0, "a")]
    assert bench.endings == [(2.1, Ending())]


def test_a_call_that_gets_no_list_fails_with_the_reason() -> None:
    bench = Bench({})
    bench.call()
    bench.timeline.run(10.0)
    assert bench.endings == [(5.0, Ending("ResolverUnavailable"))]


def test_a_deadline_that_passes_is_called_by_its_name() -> None:
    bench = Bench({"a": (None, OK)}, ServiceConfig(attempt_timeout=None, deadline=2.0))
    bench.caller.watch.show([A])
    bench.call()
    bench.timeline.run(10.0)
    assert bench.endings == [(2.0, Ending("DeadlineExceeded"))]


@pytest.mark.parametrize("moment", [0.05, 0.11, 0.15])
def test_a_cancelled_call_gives_back_what_it_holds(moment: float) -> None:
    """In its first attempt, in its back-off, in its second one."""
    bench = Bench({"a": (0.1, classify_status(503)), "b": (0.1, OK)})
    bench.caller.watch.show([A, B])
    flight = bench.call()
    bench.timeline.run(moment)
    flight.cancel()
    assert bench.pending() == 0
    bench.timeline.run(10.0)
    assert bench.endings == []


def test_a_call_cancelled_in_a_stall_hears_no_more_of_its_timer() -> None:
    bench = Bench({"a": (None, OK)})
    bench.caller.watch.show([A])
    flight = bench.call()
    bench.timeline.at(0.9, lambda: bench.loop.stall(0.5))
    bench.timeline.at(1.1, flight.cancel)
    bench.timeline.run(10.0)
    assert (bench.endings, bench.pending()) == ([], 0)


def test_several_attempts_live_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow first one is given up when the second one answers, and its answer then reaches nobody."""
    signals = list[object]()

    def two(call: Call, service: Service) -> Generator[Command, Signal | None, Attempt]:
        attempts = list[Attempt]()
        for number in (1, 2):
            pick = service.balancer.pick(service.clock(), [a.pick.endpoint.key for a in attempts])
            assert pick is not None
            attempts.append(Attempt(number, pick, 5.0))
            yield Start(attempts[-1])
            signals.append((yield Wait(0.3)))
        signals.append((yield Wait(5.0)))
        winner = attempts[[a.pick.endpoint.id for a in attempts].index("b")]
        loser = attempts[1 - attempts.index(winner)]
        yield Cancel(loser)
        loser.pick.done(winner.outcome, service.clock())
        winner.outcome = OK
        return winner

    monkeypatch.setattr(flights, "exchange", two)
    bench = Bench({"a": (2.0, OK), "b": (1.0, OK)}, ServiceConfig(hedge=HedgeConfig()))
    bench.caller.watch.show([A, B])
    bench.call()
    bench.timeline.run(10.0)
    assert [type(signal) for signal in signals] == [TimerFired, TimerFired, Finished]
    assert len(bench.sent) == 2
    assert [ending for _, ending in bench.endings] == [Ending()]
    assert bench.pending() == 0


def test_a_snapshot_that_is_another_already_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    signals = list[object]()

    def stale(call: Call, service: Service) -> Generator[Command, Signal | None, Attempt]:
        before = service.snapshot
        bench.caller.watch.show([A, B])
        signals.append((yield Wait(1.0, stale=before)))
        pick = service.balancer.pick(service.clock())
        assert pick is not None
        return Attempt(1, pick, 1.0, outcome=OK)

    monkeypatch.setattr(flights, "exchange", stale)
    bench = Bench({})
    bench.caller.watch.show([A])
    bench.call()
    assert [type(signal) for signal in signals] == [SnapshotChanged]


def test_what_came_in_a_stall_is_taken_and_no_timeout() -> None:
    bench = Bench({"a": (0.2, OK)}, ServiceConfig(attempt_timeout=0.4, retry=None))
    bench.caller.watch.show([A])
    bench.timeline.at(1.0, bench.start)
    bench.timeline.at(1.1, lambda: bench.loop.stall(0.5))
    bench.timeline.run(2.0)
    assert bench.endings == [(1.1 + 0.5, Ending())]


def test_a_timeout_in_a_stall_is_the_callers_own() -> None:
    bench = Bench({"a": (None, OK)}, ServiceConfig(attempt_timeout=0.4, retry=None))
    bench.caller.watch.show([A])
    bench.timeline.at(1.0, bench.start)
    bench.timeline.at(1.1, lambda: bench.loop.stall(0.5))
    bench.timeline.run(3.0)
    assert bench.endings == [(1.1 + 0.5 + LOOK, Ending("stalled"))]
