"""A caller whose own loop stood still blames nobody for it: as the drivers of httpx, with the same measurement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from meshclient.config.policy_shape import Backoff, HedgeConfig, RetryConfig
from meshclient.config.shape import ServiceConfig
from meshclient.model.endpoint import Endpoint
from meshclient.model.outcome import Kind, Outcome, classify_status
from meshclient.testing.simulate.caller import Caller
from meshclient.testing.simulate.ending import Ending
from meshclient.testing.simulate.flight import Flight
from meshclient.testing.simulate.loop import Loop
from meshclient.testing.simulate.request import Request
from meshclient.testing.simulate.timeline import Timeline

OK = classify_status(200)
ALONE = ServiceConfig(attempt_timeout=0.4, connect_timeout=0.3, retry=None)
HEDGED = ServiceConfig(attempt_timeout=2.0, retry=None, hedge=HedgeConfig())


@dataclass
class Bench:
    """A caller that makes a call at 1.0 and stalls from 1.1 to 1.6, of two instances that answer alike."""

    seconds: float | None
    config: ServiceConfig
    outcome: Outcome = OK
    method: str = "GET"
    sent: list[float] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.timeline = Timeline()
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
        self.caller.watch.show([Endpoint("10.0.0.1", 80, id="a"), Endpoint("10.0.0.2", 80, id="b")])
        self.flight: Flight | None = None
        self.timeline.at(1.0, self.call)
        self.timeline.at(1.1, lambda: self.loop.stall(0.5))

    def send(self, request: Request, endpoint: Endpoint, respond: Callable[[Outcome], None]) -> None:
        self.sent.append(self.timeline.now)
        if self.seconds is not None:
            self.timeline.after(self.seconds, lambda: respond(self.outcome))

    def call(self) -> None:
        self.flight = self.caller.call(Request(1, self.method), self.endings.append)

    def prime(self) -> None:
        """Let nearly all calls have been answered within a quarter of a second."""
        hedging = self.caller.service.hedging
        assert hedging is not None
        for _ in range(2000):
            hedging.observe(0.25, self.caller.clock())
        for _ in range(2000):
            assert hedging.began(self.caller.clock()) < 0.3

    def run(self) -> None:
        self.timeline.run(10.0)


def test_an_answer_that_came_in_time_is_taken() -> None:
    bench = Bench(0.2, ALONE)
    bench.run()
    assert bench.endings == [Ending()]


def test_the_stall_is_not_the_latency_of_the_endpoint() -> None:
    bench = Bench(0.2, ALONE)
    bench.run()
    status = bench.caller.service.balancer.status(bench.caller.clock())
    # It took 0.6 s from call to answer, 0.5 of them here.
    assert max(each.expected_latency for each in status) < 0.2


def test_a_timeout_is_the_callers_own_where_it_stood_still() -> None:
    bench = Bench(None, ALONE)
    bench.run()
    assert bench.endings == [Ending("stalled")]


def test_so_is_a_connection_that_took_too_long() -> None:
    bench = Bench(0.3, ALONE, Outcome(Kind.CONNECT_TIMEOUT))
    bench.run()
    assert bench.endings == [Ending("stalled")]


def test_no_hedge_is_sent_where_the_answer_lay_there() -> None:
    bench = Bench(0.2, HEDGED)
    bench.prime()
    bench.run()
    assert (len(bench.sent), bench.endings) == (1, [Ending()])


def test_a_hedge_is_sent_where_no_answer_came() -> None:
    bench = Bench(0.9, HEDGED)
    bench.prime()
    bench.run()
    assert (len(bench.sent), bench.endings) == (2, [Ending()])


def test_what_must_not_be_executed_twice_is_not_hedged() -> None:
    bench = Bench(0.9, HEDGED, method="POST")
    bench.prime()
    bench.run()
    assert (len(bench.sent), bench.endings) == (1, [Ending()])


def test_a_call_cancelled_in_its_back_off_hears_no_more_of_it() -> None:
    # Up to so many seconds, whatever chance says, so that it is on its way at that moment.
    retry = RetryConfig(backoff=Backoff(0.9, 0.9))
    bench = Bench(0.05, ServiceConfig(retry=retry), classify_status(503))
    bench.timeline.at(1.06, lambda: bench.flight.cancel() if bench.flight else None)
    bench.run()
    assert (bench.sent, bench.endings) == ([1.0], [])
