"""Calls that overlap, over virtual time, to a fleet most of which refuses: who notices, and who comes back."""

from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

import pytest

from meshclient.core.balance.balancer import PROBE_GRACE
from meshclient.core.commands import Attempt, Command, Finished, Signal, Start, TimerFired, Wait
from meshclient.core.exchange import exchange
from meshclient.core.outlier import Outlier
from meshclient.model.endpoint import Endpoint
from meshclient.model.outcome import Kind, Outcome
from unit.core.fleet import OK, REFUSED, endpoint, endpoints
from unit.core.script import Orders, call

RATE = 200.0
Steps = Generator[Command, Signal | None, Attempt]


@dataclass
class Traffic:
    """Calls that begin at RATE, whatever becomes of those before.

    `answer` says after how many seconds an endpoint ends an attempt, and how.
    """

    service: Orders
    answer: Callable[[Endpoint], tuple[float, Outcome]]
    method: str = "GET"
    answered: int = 0
    failed: int = 0
    attempts: int = 0
    probes: int = 0
    due: list[tuple[float, int, Steps, Signal | None]] = field(default_factory=list)
    steps: int = 0

    def run(self, calls: int) -> None:
        begin = self.service.time.now
        for number in range(calls):
            self._until(begin + number / RATE)
            self._step(exchange(call(self.service, method=self.method), self.service), None)
        self._until(begin + calls / RATE)
        while self.due:
            self._until(self.due[0][0])

    def _until(self, moment: float) -> None:
        while self.due and self.due[0][0] <= moment:
            self.service.time.now, _, steps, signal = heappop(self.due)
            self._step(steps, signal)
        self.service.time.now = moment

    def _step(self, steps: Steps, signal: Signal | None) -> None:
        self.steps += 1
        live: Attempt | None = None
        try:
            while not isinstance(command := steps.send(signal), Wait):
                signal = None
                if isinstance(command, Start):
                    live = command.attempt
                    self.attempts += 1
                    self.probes += live.pick.probe
        except StopIteration as end:
            self._end(end.value)
            return
        latency, signal = command.timeout, TimerFired()
        if live is not None:
            latency, outcome = self.answer(live.pick.endpoint)
            assert latency < command.timeout
            signal = Finished(live, outcome)
        heappush(self.due, (self.service.time.now + latency, self.steps, steps, signal))

    def _end(self, last: Attempt) -> None:
        last.pick.done(last.outcome, self.service.time.now)
        self.answered += last.outcome.kind is Kind.OK
        self.failed += last.outcome.kind is not Kind.OK


@pytest.mark.parametrize(("size", "dead"), [(5, 4), (10, 8)])
@pytest.mark.parametrize("seed", range(3))
def test_next_to_nobody_notices_that_four_in_five_are_dead(size: int, dead: int, seed: int) -> None:
    """Ejection stops at its cap and the budget at its share: the rest is knowing who has just failed."""
    service = Orders(endpoints(size), outlier=Outlier(), seed=seed)
    refusing = {endpoint(number).key for number in range(dead)}
    traffic = Traffic(service, lambda target: (0.0005, REFUSED) if target.key in refusing else (0.02, OK))
    traffic.run(4000)
    assert traffic.answered + traffic.failed == 4000
    assert traffic.failed < 0.005 * 4000
    # Found by redraws, which are free, and not by retries.
    assert traffic.attempts < 4000 * 1.05


def test_they_all_come_back_when_they_answer_again() -> None:
    service = Orders(endpoints(10), outlier=Outlier())
    refusing = {endpoint(number).key for number in range(8)}
    traffic = Traffic(service, lambda target: (0.0005, REFUSED) if target.key in refusing else (0.02, OK))
    traffic.run(1000)
    refusing.clear()
    traffic.run(int(120 * RATE))
    took: Counter[str] = Counter()
    traffic.answer = lambda target: (took.update([target.host]), (0.02, OK))[1]
    traffic.run(4000)
    assert len(took) == 10
    assert min(took.values()) > 4000 / 10 / 2


def test_a_service_that_is_only_posted_to_gets_its_endpoint_back() -> None:
    service = Orders(endpoints(2), outlier=Outlier(consecutive=1))
    refusing = {endpoint(0).key}
    traffic = Traffic(service, lambda t: (0.0005, REFUSED) if t.key in refusing else (0.02, OK), method="POST")
    traffic.run(100)
    assert "ejected" in [status.state for status in service.balancer.status(service.time.now)]
    refusing.clear()
    traffic.run(int((Outlier().base + PROBE_GRACE) * RATE))
    assert traffic.probes == 1
    assert [status.state for status in service.balancer.status(service.time.now)] == ["in_rotation"] * 2


def test_a_post_leaves_the_probe_to_the_get_beside_it() -> None:
    service = Orders(endpoints(2), outlier=Outlier(consecutive=1))
    posts = Traffic(service, lambda target: (0.0005, REFUSED) if target == endpoint(0) else (0.02, OK), method="POST")
    posts.run(100)
    gets = replace(posts, method="GET", due=[], probes=0)
    for _ in range(100):
        posts.run(20)
        gets.run(20)
    assert posts.probes == 0
    assert gets.probes > 0
    assert posts.failed + gets.failed == 0
