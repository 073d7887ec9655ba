"""Traffic over a virtual minute: how much of it bad endpoints get, and what callers notice."""

from collections import Counter
from collections.abc import Callable
from heapq import heappop, heappush

import pytest

from meshclient.core.balance.least_request import least_request
from meshclient.core.balance.p2c import P2C
from meshclient.core.balance.pick import Pick
from meshclient.core.balance.picker import Picker
from meshclient.core.balance.round_robin import RoundRobin
from meshclient.core.balance.weighted_random import WeightedRandom
from meshclient.core.commands import Attempt
from meshclient.core.outlier import Outlier
from meshclient.core.retry import RetryPolicy
from meshclient.model.endpoint import Endpoint
from meshclient.model.outcome import Kind, Outcome
from unit.core.fleet import OK, REFUSED, UNAVAILABLE, balancer, endpoint, endpoints
from unit.core.script import Orders, Run, call

BAD = endpoint(0)
Made = Callable[[Callable[[], float]], Picker]
# Calls arrive at this rate whatever becomes of those before, so that several are always in flight.
RATE = 200.0


def bad_fails_fast(target: Endpoint) -> tuple[float, Outcome]:
    return (0.001, UNAVAILABLE) if target.key == BAD.key else (0.02, OK)


def shares(
    count: int,
    seconds: float,
    picker: Made = P2C,
    outlier: Outlier | None = None,
    *,
    seed: int = 7,
    answer: Callable[[Endpoint], tuple[float, Outcome]] = bad_fails_fast,
) -> Counter[str]:
    """How many attempts each host took, second half of the time only."""
    now = 1000.0
    made = balancer(endpoints(count), outlier=outlier, picker=picker, seed=seed, now=now)
    flying: list[tuple[float, int, Pick, Outcome]] = []
    taken: Counter[str] = Counter()
    for number in range(int(seconds * RATE)):
        now = 1000.0 + number / RATE
        while flying and flying[0][0] <= now:
            ended, _, done, outcome = heappop(flying)
            done.answer(ended - done.started)
            done.done(outcome, ended)
        pick = made.pick(now)
        assert pick is not None
        latency, outcome = answer(pick.endpoint)
        heappush(flying, (now + latency, number, pick, outcome))
        if number >= seconds * RATE / 2:
            taken[pick.endpoint.host] += 1
    return taken


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("picker", [P2C, least_request, RoundRobin, WeightedRandom])
def test_one_of_five_failing_fast_gets_next_to_nothing_once_ejected(picker: Made, seed: int) -> None:
    taken = shares(5, 60, picker, Outlier(), seed=seed)
    # What is left are probes.
    assert taken[BAD.host] / taken.total() < 0.02
    assert taken[BAD.host] <= 4


@pytest.mark.parametrize("seed", range(5))
def test_without_ejection_its_failures_weigh_on_its_load(seed: int) -> None:
    taken = shares(5, 60, P2C, None, seed=seed)
    assert taken[BAD.host] / taken.total() < 0.05


def test_a_slow_one_of_five_gets_less_than_its_part() -> None:
    taken = shares(5, 60, answer=lambda target: (0.5 if target.key == BAD.key else 0.02, OK))
    assert taken[BAD.host] / taken.total() < 0.05


def test_equal_endpoints_share_equally() -> None:
    taken = shares(5, 60, answer=lambda _: (0.02, OK))
    assert all(0.15 < count / taken.total() < 0.25 for count in taken.values())
    assert len(taken) == 5


@pytest.mark.parametrize("failure", [UNAVAILABLE, REFUSED, Outcome(Kind.TIMEOUT)])
@pytest.mark.parametrize("seed", range(3))
def test_with_one_of_two_bad_one_retry_hides_it(failure: Outcome, seed: int) -> None:
    service = Orders(endpoints(2), outlier=Outlier(), seed=seed)
    for _ in range(500):
        made = call(service, retry=RetryPolicy(attempts=2))
        run = Run(made, service, lambda at: (0.005, failure if at.pick.endpoint.key == BAD.key else OK))
        assert_answered(run.play(), service)
        service.time.pass_(0.01)


@pytest.mark.parametrize("seed", range(3))
def test_with_two_of_three_dead_nobody_notices(seed: int) -> None:
    service = Orders(endpoints(3), outlier=Outlier(), seed=seed)
    alive, attempts = endpoint(2), 0
    for _ in range(2000):
        run = Run(call(service), service, lambda at: (0.005, OK if at.pick.endpoint.key == alive.key else REFUSED))
        assert_answered(run.play(), service)
        attempts += len(run.started)
        service.time.pass_(0.01)
    # Hidden by knowing better, not by trying all the time.
    assert attempts < 2000 * 1.1


def test_when_all_fail_together_nobody_is_ejected_and_all_come_back_at_once() -> None:
    service = Orders(endpoints(4), outlier=Outlier())
    for _ in range(200):
        Run(call(service), service, lambda _: (0.001, REFUSED)).play()
        service.time.pass_(0.01)
    states = [status.state for status in service.balancer.status(service.time.now)]
    assert states == ["avoided"] * 4
    for _ in range(1000):
        assert_answered(Run(call(service), service, lambda _: (0.01, OK)).play(), service)
    assert [status.state for status in service.balancer.status(service.time.now)] == ["in_rotation"] * 4


def test_a_total_outage_is_not_made_worse_by_retries() -> None:
    service, attempts = Orders(endpoints(5), outlier=Outlier()), 0
    for _ in range(6000):
        run = Run(call(service), service, lambda _: (0.0, UNAVAILABLE))
        attempt = run.play()
        assert attempt is not None
        attempt.pick.done(attempt.outcome, service.time.now)
        attempts += len(run.started)
        service.time.pass_(0.01)
    seconds = service.time.now - 1000
    assert attempts - 6000 <= 0.2 * 6000 + 3 * (seconds + 10)


def assert_answered(attempt: Attempt | None, service: Orders) -> None:
    assert attempt is not None
    assert attempt.outcome is OK
    attempt.pick.done(OK, service.time.now)
