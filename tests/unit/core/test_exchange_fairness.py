"""What an endpoint is blamed for: only what it did with the time it was given, and what dead ones cost a call."""

from __future__ import annotations

import pytest

from meshclient.core.commands import Finished, Start, Wait
from meshclient.core.exchange import exchange
from meshclient.core.outlier import Outlier
from meshclient.core.retry import RetryPolicy
from meshclient.model.outcome import Kind, Outcome
from meshclient.model.snapshot import Pending, Ready
from unit.core.fleet import OK, REFUSED, endpoints
from unit.core.script import Orders, Run, call

SOURCE = "consul://127.0.0.1:8500"
LATE = [Kind.TIMEOUT, Kind.CONNECT_TIMEOUT]


def failures(service: Orders) -> list[int]:
    return sorted(status.failures for status in service.balancer.status(service.time.now))


@pytest.mark.parametrize("kind", LATE)
def test_a_first_attempt_left_little_time_by_a_late_list_blames_nobody(kind: Kind) -> None:
    listed = Ready(tuple(endpoints(2)), source=SOURCE)
    service = Orders([], snapshot=Pending(SOURCE, at=1000.0), changes=[(1000.9, listed)], outlier=Outlier())
    run = Run(call(service, deadline=1.0), service, lambda attempt: (attempt.timeout, Outcome(kind)))
    attempt = run.play()
    assert attempt is not None
    assert attempt.number == 1
    assert attempt.outcome.kind is Kind.CANCELLED
    assert failures(service) == [0, 0]


@pytest.mark.parametrize("kind", LATE)
def test_a_first_attempt_with_its_full_time_is_blamed(kind: Kind) -> None:
    service = Orders(endpoints(2), outlier=Outlier())
    run = Run(call(service, deadline=1.0), service, lambda attempt: (attempt.timeout, Outcome(kind)))
    attempt = run.play()
    assert attempt is not None
    assert attempt.outcome.kind is kind
    assert failures(service) == [0, 1]


def test_time_in_our_own_pool_is_not_the_endpoints_latency() -> None:
    service = Orders(endpoints(1))
    made = call(service)
    steps = exchange(made, service)
    start = next(steps)
    assert isinstance(start, Start)
    assert isinstance(steps.send(None), Wait)
    service.time.pass_(3.0)
    with pytest.raises(StopIteration):
        steps.send(Finished(start.attempt, OK, waited=2.99))
    start.attempt.pick.done(OK, service.time.now)
    [status] = service.balancer.status(service.time.now)
    assert status.expected_latency < 2.0
    assert start.attempt.pick.latency == pytest.approx(0.01)
    assert made.reports[0].duration == pytest.approx(3.0)


def test_due_probes_do_not_use_up_a_calls_attempts() -> None:
    listed = endpoints(10)
    dead = {endpoint.key for endpoint in listed[:5]}
    service = Orders(listed, outlier=Outlier())

    def outcome() -> Kind:
        made = call(service, retry=RetryPolicy(attempts=3))
        run = Run(made, service, lambda one: (0.01, REFUSED if one.pick.endpoint.key in dead else OK))
        attempt = run.play()
        assert attempt is not None
        if attempt.outcome.kind is Kind.OK:
            attempt.pick.done(attempt.outcome, service.time.now)
        return attempt.outcome.kind

    for _ in range(2000):
        outcome()
        service.time.pass_(0.05)
    for _ in range(50):
        service.time.pass_(400)  # beyond the longest ejection
        status = service.balancer.status(service.time.now)
        assert {one.endpoint.key for one in status if one.returns_in == 0} == dead
        assert outcome() is Kind.OK
