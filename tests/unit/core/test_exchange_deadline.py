"""One call against its deadline: what is sent no more, what is cut short, and who is blamed for it."""

from math import inf

import pytest

from meshclient.core.commands import Wait
from meshclient.core.outlier import Outlier
from meshclient.core.retry import RetryPolicy
from meshclient.errors import DeadlineExceeded, MeshError, NoEndpoints, ResolverUnavailable
from meshclient.model.events import AttemptFinished
from meshclient.model.outcome import Kind, Outcome
from meshclient.model.snapshot import Empty, Failed, Pending, Ready, Snapshot
from unit.core.fleet import OK, REFUSED, UNAVAILABLE, endpoints
from unit.core.script import Orders, Run, call

SOURCE = "consul://127.0.0.1:8500"
LISTED = endpoints(2)
LIST = Ready(tuple(LISTED), source=SOURCE)


def failures(service: Orders) -> list[int]:
    return [status.failures for status in service.balancer.status(service.time.now)]


def pending(service: Orders) -> int:
    return sum(status.pending for status in service.balancer.status(service.time.now))


def test_attempts_and_pauses_share_one_deadline() -> None:
    service = Orders(endpoints(5))
    made = call(service, deadline=1.0, attempt_timeout=0.4, retry=RetryPolicy(attempts=9))
    run = Run(made, service, lambda _: (5.0, OK))
    assert run.play() is not None
    assert run.waited <= 1.0 + 1e-9
    assert len(run.started) == 3
    assert run.started[-1].timeout < 0.4
    assert [report.outcome.kind for report in made.reports] == [Kind.TIMEOUT, Kind.TIMEOUT, Kind.CANCELLED]
    assert made.reports[-1].reason == "cancelled is final"


def test_a_call_whose_time_is_up_sends_nothing_and_blames_nobody() -> None:
    service = Orders(endpoints(2), outlier=Outlier(consecutive=1))
    before = service.balancer.status(service.time.now)
    for _ in range(5):
        run = Run(call(service, deadline=0.0), service, lambda _: (0.01, OK))
        with pytest.raises(DeadlineExceeded, match=r"^no time is left for attempt 1 at 'orders'$"):
            run.play()
        assert (run.commands, run.made.reports) == ([], [])
        assert service.balancer.status(service.time.now) == before
    assert service.events == []


def test_a_call_whose_time_is_up_takes_no_probe_along() -> None:
    service = Orders(endpoints(2), outlier=Outlier(consecutive=1))
    Run(call(service), service, lambda attempt: (0.01, REFUSED if attempt.number == 1 else OK)).play()
    service.time.pass_(60)
    with pytest.raises(DeadlineExceeded):
        Run(call(service, deadline=0.0), service, lambda _: (0.01, OK)).play()
    assert sorted(status.state for status in service.balancer.status(service.time.now)) == ["ejected", "in_rotation"]


def test_a_pause_that_overran_the_deadline_is_followed_by_nothing() -> None:
    """The process was suspended during the pause."""
    service = Orders(endpoints(2), outlier=Outlier(consecutive=2))
    run = Run(call(service, deadline=1.0), service, lambda _: (0.01, UNAVAILABLE), oversleep=2.0)
    with pytest.raises(DeadlineExceeded, match=r"^no time is left for attempt 2 at 'orders'$"):
        run.play()
    assert len(run.started) == 1
    # The story of the attempt that was made is kept, and nobody else has a part in it.
    assert [report.outcome for report in run.made.reports] == [UNAVAILABLE]
    assert sorted(failures(service)) == [0, 1]
    assert pending(service) == 0


def test_an_answer_that_came_after_the_deadline_says_that_it_has_passed() -> None:
    service = Orders(endpoints(2))
    run = Run(call(service, deadline=1.0), service, lambda _: (1.0, REFUSED))
    assert run.play() is not None
    assert run.made.reports[-1].reason == "the deadline has passed"


def test_a_list_that_comes_with_the_deadline_comes_too_late() -> None:
    service = Orders([], snapshot=Pending(SOURCE, at=1000.0), changes=[(1002.0, LIST)])
    run = Run(call(service, deadline=2.0), service, lambda _: (0.01, OK))
    with pytest.raises(DeadlineExceeded, match="attempt 1 at 'orders'"):
        run.play()
    assert not run.started


@pytest.mark.parametrize(
    ("snapshot", "kind"),
    [
        (Pending(SOURCE, at=1000.0), ResolverUnavailable),
        (Failed("refused", SOURCE, at=1000.0), ResolverUnavailable),
        (Empty(source=SOURCE), NoEndpoints),
    ],
)
def test_without_a_list_the_deadline_is_not_what_is_wrong(snapshot: Snapshot, kind: type[MeshError]) -> None:
    service = Orders([], snapshot=snapshot)
    with pytest.raises(MeshError) as caught:
        Run(call(service, deadline=0.0), service, lambda _: (0.01, OK)).play()
    assert type(caught.value) is kind


@pytest.mark.parametrize("told_by_the_driver", [False, True])
def test_an_attempt_cut_short_by_the_deadline_is_not_held_against_its_endpoint(told_by_the_driver: bool) -> None:
    """The second attempt has what the first left over; a blocking driver finds out itself that time is up."""
    service = Orders(endpoints(2), outlier=Outlier(consecutive=1))
    made = call(service, deadline=1.0, attempt_timeout=0.8, retry=RetryPolicy(first=0.0))
    short = Outcome(Kind.TIMEOUT, detail="read timeout")
    run = Run(made, service, lambda attempt: (attempt.timeout, short) if told_by_the_driver else (5.0, OK))
    attempt = run.play()
    assert attempt is not None
    assert attempt.outcome == Outcome(Kind.CANCELLED, detail="cut short by the deadline after 0.2s")
    assert made.reports[-1].outcome is attempt.outcome
    finished = [event.outcome.kind for event in service.events if isinstance(event, AttemptFinished)]
    assert finished == [Kind.TIMEOUT, Kind.CANCELLED]
    statuses = {status.endpoint: status for status in service.balancer.status(service.time.now)}
    full, cut = (statuses[one.pick.endpoint] for one in run.started)
    assert (full.state, full.failures) == ("ejected", 1)
    assert (cut.state, cut.failures, cut.pending) == ("in_rotation", 0, 0)
    assert cut.expected_latency < full.expected_latency
    assert cut.blame == 0 < full.blame


def test_a_first_attempt_that_had_all_the_time_there_was_counts_as_a_failure() -> None:
    service = Orders(endpoints(2), outlier=Outlier(consecutive=1))
    run = Run(call(service, deadline=0.3, attempt_timeout=0.8), service, lambda _: (5.0, OK))
    attempt = run.play()
    assert attempt is not None
    assert attempt.outcome == Outcome(Kind.TIMEOUT, detail="no response head within 0.3s")
    assert sorted(failures(service)) == [0, 1]


def test_a_later_attempt_that_had_its_own_time_counts_as_a_failure() -> None:
    service = Orders(endpoints(2), outlier=None)
    made = call(service, deadline=10.0, attempt_timeout=0.4, retry=RetryPolicy(attempts=2))
    run = Run(made, service, lambda _: (5.0, OK))
    run.play()
    assert [report.outcome.kind for report in made.reports] == [Kind.TIMEOUT, Kind.TIMEOUT]
    assert [status.blame > 1 for status in service.balancer.status(service.time.now)] == [True, True]


@pytest.mark.parametrize("outcome", [UNAVAILABLE, REFUSED, Outcome(Kind.DISCONNECTED)])
def test_what_else_ends_an_attempt_with_little_time_is_taken_as_it_is(outcome: Outcome) -> None:
    service = Orders(endpoints(2), outlier=Outlier(consecutive=1))
    made = call(service, deadline=1.0, attempt_timeout=0.8, retry=RetryPolicy(attempts=2, first=0.0))
    run = Run(made, service, lambda attempt: (5.0, OK) if attempt.number == 1 else (0.1, outcome))
    attempt = run.play()
    assert attempt is not None
    assert attempt.timeout < made.attempt_timeout
    assert attempt.outcome is outcome


def test_without_a_deadline_only_the_attempt_has_a_limit() -> None:
    service = Orders(endpoints(1))
    run = Run(call(service, deadline=None), service, lambda _: (0.01, OK))
    assert run.play() is not None
    assert run.commands[1] == Wait(inf)
