"""What holds for every call, whatever the endpoints answer and wherever it is cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.core.commands import Attempt, Wait
from meshclient.core.exchange import FREE_STALE
from meshclient.core.outlier import Outlier
from meshclient.core.record import FAIR_SHARE
from meshclient.core.retry import RetryPolicy
from meshclient.core.retry_budget import RetryBudget
from meshclient.errors import DeadlineExceeded, NoEndpoints
from meshclient.model.endpoint import Endpoint, Health
from meshclient.model.outcome import Kind, Outcome, Sent
from unit.core.fleet import endpoint
from unit.core.script import Orders, Run, call

# (latency, outcome) of each attempt of a call; the last is repeated.
answers = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.01, 0.3, 5.0]),
        st.builds(
            Outcome,
            st.sampled_from([kind for kind in Kind if kind is not Kind.CANCELLED]),
            st.sampled_from([None, 200, 429, 503]),
            st.sampled_from([None, None, 0.5, 60.0]),
        ),
    ),
    min_size=1,
    max_size=6,
)
fleets = st.lists(
    st.builds(
        endpoint,
        st.integers(0, 4),
        priority=st.sampled_from([0, 0, 1]),
        health=st.sampled_from([Health.PASSING] * 4 + [Health.CRITICAL, Health.DRAINING]),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda e: e.key,
)
calls = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "GET", "POST"]),
        "deadline": st.sampled_from([None, 0.0, 0.2, 1.0, 10.0]),
        "attempt_timeout": st.sampled_from([0.1, 1.0]),
        "retry": st.builds(RetryPolicy, st.integers(1, 5), st.sampled_from([0.0, 0.025]), st.just(1.0)),
        "obstacle": st.sampled_from(["", "", "", "a stream"]),
    }
)


def script(given_ones: Sequence[tuple[float, Outcome]], attempt: Attempt) -> tuple[float, Outcome]:
    return given_ones[min(attempt.number, len(given_ones)) - 1]


def assert_bounded(run: Run, policy: RetryPolicy) -> None:
    stale = sum(report.outcome.kind is Kind.STALE_CONNECTION for report in run.made.reports)
    assert len(run.started) <= policy.attempts + min(stale, FREE_STALE)


def assert_lawful(run: Run, fleet: list[Endpoint], policy: RetryPolicy) -> None:
    """What holds at every point of a call."""
    started = [attempt.pick.endpoint for attempt in run.started]
    assert_bounded(run, policy)
    assert len(run.made.reports) == run.ended
    assert [report.endpoint for report in run.made.reports] == started[: run.ended]
    assert run.waited <= run.made.deadline.at - run.made.started + 1e-9
    for attempt, report in zip(run.started, run.made.reports, strict=False):
        # Nothing is sent without time, and who was given the rest of it is not to blame when it runs out.
        assert attempt.timeout > 0
        left_over = attempt.timeout < FAIR_SHARE * run.made.full_timeout
        assert not left_over or report.outcome.kind not in (Kind.TIMEOUT, Kind.CONNECT_TIMEOUT)
        assert left_over or report.outcome.kind is not Kind.CANCELLED
    # Nobody is asked twice while one that is usable has not been asked at all (nobody is ejected within one call here).
    usable = {e.key for e in fleet if e.usable}
    for at, chosen in enumerate(started):
        asked = {e.key for e in started[:at]}
        assert chosen.key not in asked or not usable - asked
        assert chosen.health is not Health.DRAINING
    # What may have been executed is not sent again, unless that does no harm.
    if not run.made.idempotent:
        assert all(report.outcome.verdict.sent is Sent.NO for report in run.made.reports[:-1])


@given(
    answers,
    fleets,
    calls,
    st.tuples(st.one_of(st.none(), st.integers(1, 20)), st.sampled_from([0.0, 0.0, 0.5])),
    st.integers(0, 9),
)
def test_a_call_keeps_the_rules_and_hands_everything_back(
    given_ones: list[tuple[float, Outcome]],
    fleet: list[Endpoint],
    options: dict[str, object],
    disturbance: tuple[int | None, float],
    seed: int,
) -> None:
    stop_after, oversleep = disturbance
    service = Orders(fleet, outlier=Outlier(consecutive=50), seed=seed)
    made = call(service, **options)  # type: ignore[arg-type]
    run = Run(made, service, lambda attempt: script(given_ones, attempt), stop_after, oversleep)
    if made.deadline.expired(made.started):
        before = service.balancer.status(made.started)
        with pytest.raises(DeadlineExceeded):
            run.play()
        assert (run.commands, made.reports, service.balancer.status(made.started)) == ([], [], before)
        return
    if all(e.health is Health.DRAINING for e in fleet):
        with pytest.raises(NoEndpoints):
            run.play()
        return
    try:
        attempt = run.play()
    except DeadlineExceeded:
        # Only time that the call could not know of is missing after a pause that fitted.
        assert oversleep
        assert made.deadline.expired(service.time.now)
        attempt = None
    else:
        assert stop_after is not None or attempt is not None
    assert_lawful(run, fleet, made.retry)
    assert made.deadline.at == inf or service.time.now <= made.deadline.at + oversleep + 1e-9
    statuses = service.balancer.status(service.time.now)
    if attempt is None:
        assert sum(status.pending for status in statuses) == 0
    else:
        held = attempt.outcome.kind is Kind.OK or attempt.outcome.status is not None
        assert sum(status.pending for status in statuses) == held
        assert made.reports[-1].outcome is attempt.outcome
        attempt.pick.done(attempt.outcome, service.time.now)
    statuses = service.balancer.status(service.time.now)
    assert [status.pending for status in statuses] == [0] * len(fleet)
    failures = sum(status.failures for status in statuses)
    assert failures <= sum(report.outcome.verdict.mark.name == "FAILURE" for report in made.reports)
    pauses = [c.timeout for c in run.commands if isinstance(c, Wait)]
    assert all(pause >= 0 for pause in pauses)


@given(
    st.lists(st.tuples(answers, calls, st.one_of(st.none(), st.integers(1, 9))), max_size=12), fleets, st.integers(0, 9)
)
def test_many_calls_leave_nothing_behind(
    played: list[tuple[list[tuple[float, Outcome]], dict[str, object], int | None]], fleet: list[Endpoint], seed: int
) -> None:
    """With ejections and probes among them, one after another."""
    service = Orders(fleet, outlier=Outlier(consecutive=1, base=0.1), budget=RetryBudget(), seed=seed)
    if all(e.health is Health.DRAINING for e in fleet):
        return
    for given_ones, options, stop_after in played:
        made = call(service, **options)  # type: ignore[arg-type]
        run = Run(made, service, lambda attempt, told=given_ones: script(told, attempt), stop_after)  # type: ignore[misc]
        try:
            attempt = run.play()
        except DeadlineExceeded:
            assert made.deadline.expired(service.time.now)
            attempt = None
        if attempt is not None:
            attempt.pick.done(attempt.outcome, service.time.now)
        statuses = service.balancer.status(service.time.now)
        assert [status.pending for status in statuses] == [0] * len(fleet)
        assert not any(status.state == "probing" for status in statuses)
        assert_bounded(run, made.retry)
        service.time.pass_(0.1)
