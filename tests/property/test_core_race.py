"""Two attempts at once: in whatever order they end, and wherever the call is cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.core.exchange import FREE_STALE
from meshclient.core.hedge import SAMPLES, Hedging
from meshclient.core.outlier import Outlier
from meshclient.core.race import SLACK
from meshclient.core.retry import RetryPolicy
from meshclient.core.retry_budget import RetryBudget
from meshclient.errors import DeadlineExceeded
from meshclient.model.endpoint import Health
from meshclient.model.events import HedgeStarted
from meshclient.model.outcome import Kind, Outcome
from unit.core.fleet import OK, REFUSED, UNAVAILABLE, endpoint, endpoints
from unit.core.script import Orders, Run, call

if TYPE_CHECKING:
    from collections.abc import Sequence

USUAL = 0.05
ENDINGS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.01, 0.06, 0.1, 0.1, 0.2, 5.0]),
        st.sampled_from([OK, OK, UNAVAILABLE, REFUSED, Outcome(Kind.STALE_CONNECTION), Outcome(Kind.TIMEOUT)]),
    ),
    min_size=1,
    max_size=5,
)


class Counted(RetryBudget):
    """A budget that remembers what was spent."""

    spent = 0

    def withdraw(self, now: float) -> bool:
        granted = super().withdraw(now)
        self.spent += granted
        return granted


def hedged(count: int, budget: RetryBudget | None = None, extra: float = 1.0) -> Orders:
    """A service with so many endpoints, of which half of the answers take `USUAL` seconds at most."""
    service = Orders(endpoints(count), outlier=Outlier(consecutive=50), budget=budget)
    service.hedging = Hedging(extra, quantile=0.5)
    for _ in range(SAMPLES):
        service.hedging.observe(USUAL, service.clock())
    return service


def played(service: Orders, endings: Sequence[tuple[float, Outcome]], **options: object) -> Run:
    made = call(service, hedge=True, **options)  # type: ignore[arg-type]
    return Run(made, service, lambda attempt: endings[min(attempt.number, len(endings)) - 1])


def pending(service: Orders) -> list[int]:
    return [status.pending for status in service.balancer.status(service.time.now)]


@given(
    ENDINGS,
    st.integers(1, 4),
    st.sampled_from([0.1, 1.0]),
    st.sampled_from([None, 0.08, 0.3]),
    st.one_of(st.none(), st.integers(1, 14)),
    st.integers(1, 3),
)
def test_nothing_is_lost_in_whatever_order_they_end(  # noqa: PLR0917 - drawn
    endings: list[tuple[float, Outcome]],
    count: int,
    attempt_timeout: float,
    deadline: float | None,
    stop_after: int | None,
    attempts: int,
) -> None:
    budget = Counted(ratio=1.0, floor=10)
    service = hedged(count, budget)
    policy = RetryPolicy(attempts, first=0.0)
    run = played(service, endings, deadline=deadline, attempt_timeout=attempt_timeout, retry=policy)
    run.stop_after = stop_after
    try:
        last = run.play()
    except DeadlineExceeded:
        assert run.made.deadline.expired(service.time.now)
        last = None
    hedges = [attempt for attempt in run.started if attempt.hedge]
    repeats = [attempt for attempt in run.started if attempt.number > 1]
    assert len(hedges) <= 1
    assert all(hedge.number == 2 for hedge in hedges)
    assert [attempt.number for attempt in run.started] == list(range(1, len(run.started) + 1))
    if hedges:
        assert hedges[0].pick.endpoint != run.started[0].pick.endpoint
        assert len([event for event in service.events if isinstance(event, HedgeStarted)]) == 1
    # Each hedge and each repeat was paid for, once; a call may be stopped between the two. Those that follow a stale
    # connection are free.
    free = min(FREE_STALE, sum(report.outcome.kind is Kind.STALE_CONNECTION for report in run.made.reports))
    assert len(repeats) - free <= budget.spent <= len(repeats) + (last is None)
    if last is not None:
        assert not run.live
        assert len(run.made.reports) == len(run.started)
        successes = [landed.attempt for landed in run.landed if landed.outcome is OK]
        # Whoever succeeds first is the answer, and then it is over.
        assert successes in ([], [last])
        assert (last.outcome is OK) == bool(successes)
        if last.outcome.status is None:
            assert sum(pending(service)) == 0
        last.pick.done(last.outcome, service.time.now)
    assert pending(service) == [0] * count
    # Who was only slower has not failed.
    failed = sum(status.failures for status in service.balancer.status(service.time.now))
    assert failed <= sum(report.outcome.verdict.mark.name == "FAILURE" for report in run.made.reports)
    if run.made.deadline.at < float("inf"):
        assert service.time.now <= run.made.deadline.at + SLACK + 1e-9


@pytest.mark.parametrize(
    ("endings", "winner", "told"),
    [
        # The first one after all; the hedge; the hedge after the first failed; the first after the hedge failed.
        ([(0.1, OK), (1.0, OK)], 1, ["", "attempt 1 was faster"]),
        ([(1.0, OK), (0.01, OK)], 2, ["attempt 2 was faster", ""]),
        ([(0.1, UNAVAILABLE), (0.2, OK)], 2, ["server_error: the other attempt went on", ""]),
        ([(0.3, OK), (0.01, REFUSED)], 1, ["", "connect_error: the other attempt went on"]),
    ],
)
def test_the_first_success_wins(endings: list[tuple[float, Outcome]], winner: int, told: list[str]) -> None:
    run = played(hedged(3), endings)
    last = run.play()
    assert last is not None
    assert (last.number, last.outcome) == (winner, OK)
    by_number = {report.endpoint: report.reason for report in run.made.reports}
    assert [by_number[attempt.pick.endpoint] for attempt in run.started] == told
    assert [report.hedge for report in run.made.reports].count(True) == 1


def test_when_both_fail_a_third_endpoint_is_tried() -> None:
    service = hedged(3)
    run = played(service, [(0.1, UNAVAILABLE), (0.1, UNAVAILABLE), (0.01, OK)], retry=RetryPolicy(3))
    last = run.play()
    assert last is not None
    assert (last.number, last.outcome) == (3, OK)
    assert len({attempt.pick.endpoint for attempt in run.started}) == 3


@pytest.mark.parametrize("why", ["fast", "alone", "panic", "own budget", "shared budget", "shadow", "not allowed"])
def test_none_is_sent_where_it_may_not(why: str) -> None:
    budget = RetryBudget(0.0, 0.0) if why == "shared budget" else None
    service = hedged(1 if why == "alone" else 3, budget, extra=0.0 if why == "own budget" else 1.0)
    if why == "shadow":
        service.shadow.counts["hedge"] = 0
    if why == "panic":
        listed = [endpoint(n, health=Health.CRITICAL) for n in range(3)]
        service.balancer.update(listed, service.time.now)
    run = played(service, [(0.01 if why == "fast" else 0.5, OK)])
    if why == "not allowed":
        run.made.hedge = False
    assert run.play() is not None
    assert [attempt.hedge for attempt in run.started] == [False]
    if why == "shadow":
        assert service.shadow.counts == {"hedge": 1}


def test_a_hedge_waits_as_long_as_most_calls_take() -> None:
    run = played(hedged(2), [(5.0, OK), (0.01, OK)])
    run.play()
    first, second = run.started
    assert USUAL <= second.pick.started - first.pick.started <= USUAL * 1.1


def test_the_one_that_was_given_up_is_known_to_be_slow() -> None:
    """Otherwise the percentile would know only those that were fast enough."""
    service = hedged(2)
    for _ in range(SAMPLES):
        run = played(service, [(0.4, OK), (0.2, OK)])
        last = run.play()
        assert last is not None
        last.pick.done(last.outcome, service.time.now)
    service.time.pass_(4)
    assert service.hedging is not None
    # Two of each call are counted now, the faster with 0.2 s and the loser with about 0.25: half are above 0.2.
    assert service.hedging.began(service.time.now) > 0.15
