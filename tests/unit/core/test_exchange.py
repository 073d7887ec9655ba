"""One call from its first pick to its last word, played by a script."""

import gc

import pytest

from meshclient.core.commands import Attempt, Cancel, Start, Wait
from meshclient.core.outlier import Outlier
from meshclient.core.retry import RetryPolicy
from meshclient.core.retry_budget import RetryBudget
from meshclient.model.events import AttemptFinished, RetryRefused, RetryScheduled
from meshclient.model.outcome import Kind, Outcome
from unit.core.fleet import OK, REFUSED, UNAVAILABLE, endpoint, endpoints
from unit.core.script import Answer, Orders, Run, call


def always(outcome: Outcome, latency: float = 0.01) -> Answer:
    return lambda _: (latency, outcome)


def in_turn(*outcomes: Outcome, latency: float = 0.01) -> Answer:
    left = iter(outcomes)
    return lambda _: (latency, next(left))


def pending(service: Orders) -> int:
    """In flight over all endpoints."""
    return sum(status.pending for status in service.balancer.status(service.time.now))


def test_the_first_answer_is_the_answer() -> None:
    service = Orders(endpoints(3))
    run = Run(call(service), service, always(OK, 0.25))
    attempt = run.play()
    assert attempt is not None
    assert [type(command) for command in run.commands] == [Start, Wait]
    assert (attempt.number, attempt.outcome, attempt.pick.latency) == (1, OK, 0.25)
    (report,) = run.made.reports
    assert (report.endpoint, report.outcome, report.started, report.reason) == (attempt.pick.endpoint, OK, 0, "")
    assert report.duration == pytest.approx(0.25)
    # The body is still to come: whoever reads it hands the pick back.
    assert pending(service) == 1
    attempt.pick.done(attempt.outcome, service.clock())
    assert pending(service) == 0
    assert [type(event) for event in service.events] == [AttemptFinished]


def test_a_failure_is_repeated_on_another_endpoint_after_a_pause() -> None:
    service = Orders(endpoints(2))
    run = Run(call(service), service, in_turn(UNAVAILABLE, OK))
    attempt = run.play()
    assert attempt is not None
    assert [type(command) for command in run.commands] == [Start, Wait, Wait, Start, Wait]
    first, second = run.started
    assert first.pick.endpoint != second.pick.endpoint
    assert (attempt, attempt.number, attempt.outcome) == (second, 2, OK)
    pause = run.commands[2]
    assert isinstance(pause, Wait)
    assert pause.stale is None
    assert 0 < pause.timeout < 0.025
    assert run.made.reports[0].reason == f"server_error: tried again after {pause.timeout:.3g}s"
    assert run.made.reports[1].started == pytest.approx(0.01 + pause.timeout)
    assert pending(service) == 1
    scheduled = service.events[1]
    assert scheduled == RetryScheduled("orders", 1, pause.timeout, "server_error")


def test_nobody_need_listen() -> None:
    service = Orders(endpoints(2))
    service.emit = None
    run = Run(call(service), service, in_turn(UNAVAILABLE, UNAVAILABLE, UNAVAILABLE))
    assert run.play() is not None
    assert len(run.started) == 3


def test_never_sent_is_repeated_at_once() -> None:
    service = Orders(endpoints(2))
    run = Run(call(service, method="POST"), service, in_turn(REFUSED, OK))
    attempt = run.play()
    assert attempt is not None
    assert attempt.outcome is OK
    assert [type(command) for command in run.commands] == [Start, Wait, Start, Wait]
    assert run.made.reports[0].reason == "connect_error: tried again after 0s"


def test_a_post_that_was_answered_503_is_sent_once() -> None:
    service = Orders(endpoints(3))
    run = Run(call(service, method="POST"), service, always(UNAVAILABLE))
    attempt = run.play()
    assert attempt is not None
    assert len(run.started) == 1
    reason = "POST may have been executed and is not idempotent: send an Idempotency-Key header, or opt in"
    assert run.made.reports[0].reason == reason
    assert service.events[-1] == RetryRefused("orders", 1, reason)
    # The 503 has a body, so its pick is the reader's.
    assert pending(service) == 1


def test_a_body_that_is_gone_is_not_sent_again() -> None:
    service = Orders(endpoints(3))
    run = Run(call(service, method="PUT", idempotent=True, obstacle="the body was a stream"), service, always(REFUSED))
    attempt = run.play()
    assert attempt is not None
    assert len(run.started) == 1
    assert run.made.reports[0].reason == "the body was a stream"
    # There is no response, so the pick is handed back already.
    assert pending(service) == 0


def test_an_attempt_that_takes_too_long_is_given_up_and_counts_as_a_failure() -> None:
    service = Orders(endpoints(2), outlier=Outlier(consecutive=1))
    run = Run(call(service, attempt_timeout=0.5), service, in_turn(OK, OK, latency=0.75))
    run.answer = lambda attempt: (0.75 if attempt.number == 1 else 0.01, OK)
    attempt = run.play()
    assert attempt is not None
    assert attempt.outcome is OK
    assert [type(command) for command in run.commands] == [Start, Wait, Cancel, Wait, Start, Wait]
    assert run.commands[1] == Wait(0.5)
    timed_out = run.made.reports[0]
    assert timed_out.outcome == Outcome(Kind.TIMEOUT, detail="no response head within 0.5s")
    assert timed_out.duration == pytest.approx(0.5)
    states = {s.endpoint: s.state for s in service.balancer.status(service.time.now)}
    assert states[timed_out.endpoint] == "ejected"


def test_the_last_attempt_is_the_answer_when_all_fail() -> None:
    service = Orders(endpoints(5))
    run = Run(call(service, retry=RetryPolicy(attempts=3)), service, always(UNAVAILABLE))
    attempt = run.play()
    assert attempt is run.started[-1]
    assert attempt.outcome is UNAVAILABLE
    assert [report.reason.split(":")[0] for report in run.made.reports] == [
        "server_error",
        "server_error",
        "attempt 3 of 3 was the last",
    ]
    assert len({one.pick.endpoint for one in run.started}) == 3


def test_three_connections_that_were_closed_already_cost_no_attempt() -> None:
    """A pool may hold several of them; who meets them has not yet tried anything."""
    stale = Outcome(Kind.STALE_CONNECTION)
    service = Orders(endpoints(1))
    run = Run(call(service, retry=RetryPolicy(attempts=2)), service, in_turn(stale, stale, stale, UNAVAILABLE, OK))
    attempt = run.play()
    assert attempt is not None
    assert (attempt.number, attempt.outcome) == (5, OK)


def test_the_fourth_connection_that_was_closed_already_counts() -> None:
    service = Orders(endpoints(1))
    run = Run(call(service, retry=RetryPolicy(attempts=2)), service, always(Outcome(Kind.STALE_CONNECTION)))
    run.play()
    assert len(run.started) == 5
    assert run.made.reports[-1].reason == "attempt 2 of 2 was the last"


def test_every_call_pays_into_the_budget_and_every_retry_is_paid_from_it() -> None:
    service = Orders(endpoints(5), budget=RetryBudget(ratio=1.0, floor=0))
    run = Run(call(service), service, always(REFUSED))
    run.play()
    assert len(run.started) == 2
    assert run.made.reports[-1].reason == "the service's retry budget is spent"


def test_a_busy_primary_leaves_its_calls_to_the_standby() -> None:
    """Retry-After speaks for the one endpoint; waiting for it would be wrong while another tier can answer."""
    service = Orders([endpoint(0), endpoint(1, priority=1)])
    run = Run(call(service, deadline=2.0), service, in_turn(Outcome(Kind.SERVER_ERROR, 503, 30.0), OK))
    attempt = run.play()
    assert attempt is not None
    assert attempt.outcome is OK
    assert attempt.pick.endpoint == endpoint(1, priority=1)


def test_the_report_tells_a_probe() -> None:
    service = Orders(endpoints(2), outlier=Outlier(consecutive=1))
    Run(call(service), service, in_turn(REFUSED, OK)).play()
    service.time.pass_(60)
    run = Run(call(service), service, always(OK))
    run.play()
    assert run.made.reports[0].probe


@pytest.mark.parametrize("commands", [1, 2, 3, 4, 5, 6])
def test_closing_hands_the_pick_back_without_a_mark(commands: int) -> None:
    """Start, Wait, Cancel, pause, Start, Wait: a call can be cancelled at each."""
    service = Orders(endpoints(2), outlier=Outlier(consecutive=3))
    made = call(service, attempt_timeout=0.5)
    run = Run(made, service, lambda attempt: (0.75 if attempt.number == 1 else 0.01, OK), stop_after=commands)
    assert run.play() is None
    assert pending(service) == 0
    failures = sum(status.failures for status in service.balancer.status(service.time.now))
    assert failures == (1 if commands > 3 else 0)
    assert len(made.reports) == (1 if commands > 3 else 0)


def test_an_error_thrown_in_by_the_driver_hands_the_pick_back_too() -> None:
    service = Orders(endpoints(1))

    def broken(_: Attempt) -> tuple[float, Outcome]:
        raise RuntimeError("driver")

    with pytest.raises(RuntimeError, match="driver"):
        Run(call(service), service, broken).play()
    gc.collect()
    assert pending(service) == 0
