"""What a call does while there is no list, an empty one, or none to be had, and what its errors say."""

import pytest

from meshclient.core.commands import SnapshotChanged, Start, Wait
from meshclient.core.outlier import Outlier
from meshclient.errors import NoEndpoints, ResolutionError, ResolverUnavailable, ServiceNotFound
from meshclient.model.endpoint import Health
from meshclient.model.snapshot import Empty, Failed, Pending, Ready, Snapshot
from unit.core.fleet import OK, REFUSED, endpoint, endpoints
from unit.core.script import Orders, Run, call

SOURCE = "consul://127.0.0.1:8500"
LISTED = endpoints(2)
LIST = Ready(tuple(LISTED), source=SOURCE)


def test_a_call_waits_for_the_first_answer() -> None:
    pending = Pending(SOURCE, at=1000.0)
    service = Orders([], snapshot=pending, changes=[(1000.75, LIST)])
    run = Run(call(service, deadline=2.0), service, lambda _: (0.01, OK))
    attempt = run.play()
    assert attempt is not None
    assert attempt.outcome is OK
    assert [type(command) for command in run.commands] == [Wait, Start, Wait]
    assert run.commands[0] == Wait(2.0, stale=pending)
    # What the wait cost is gone from the attempt's time.
    assert attempt.timeout == pytest.approx(1.25)
    assert SnapshotChanged() == SnapshotChanged()


def test_it_goes_on_waiting_with_the_time_left() -> None:
    failed = Failed("refused", SOURCE, at=1000.0)
    service = Orders([], snapshot=Pending(SOURCE, at=1000.0), changes=[(1000.5, failed), (1001.0, LIST)])
    run = Run(call(service, deadline=2.0), service, lambda _: (0.01, OK))
    assert run.play() is not None
    assert run.commands[:2] == [Wait(2.0, stale=Pending(SOURCE, at=1000.0)), Wait(1.5, stale=failed)]


def raised(snapshot: Snapshot, *, deadline: float | None = 2.0, listed: bool = False) -> ResolutionError:
    service = Orders(LISTED if listed else [], snapshot=snapshot)
    run = Run(call(service, deadline=deadline), service, lambda _: (0.01, REFUSED))
    with pytest.raises(ResolutionError) as caught:
        run.play()
    assert not run.started
    return caught.value


def test_no_answer_by_the_deadline_says_who_was_asked_and_since_when() -> None:
    error = raised(Pending(SOURCE, at=999.5))
    assert type(error) is ResolverUnavailable
    assert str(error) == (
        f"cannot resolve 'orders': {SOURCE} has been asked for 2.5s and has not answered (the call waited 2s)"
    )


@pytest.mark.parametrize(("since", "words"), [(990.0, "12s"), (1000.0 - 598, "10m"), (1000.0 - 7198, "2h")])
def test_an_outage_from_the_start_says_which_registry_since_when_and_why(since: float, words: str) -> None:
    error = raised(Failed("connection refused", SOURCE, at=since))
    assert type(error) is ResolverUnavailable
    assert str(error) == (
        f"cannot resolve 'orders': {SOURCE} has been unavailable for {words}: connection refused (the call waited 2s)"
    )


def test_an_unknown_service_is_not_found_at_once() -> None:
    error = raised(Empty(exists=False, source=SOURCE), deadline=None)
    assert type(error) is ServiceNotFound
    assert str(error) == f"{SOURCE} knows no service 'orders'"


def test_a_known_service_without_endpoints() -> None:
    error = raised(Empty(source=SOURCE))
    assert type(error) is NoEndpoints
    assert str(error) == f"{SOURCE} lists no usable endpoint of 'orders'"


def test_an_outage_after_an_empty_answer_is_still_empty() -> None:
    assert type(raised(Failed("refused", SOURCE, last=Empty(source=SOURCE)))) is NoEndpoints
    assert type(raised(Failed("refused", SOURCE, last=Empty(exists=False, source=SOURCE)))) is ServiceNotFound


def test_an_outage_after_a_good_answer_goes_unnoticed() -> None:
    service = Orders(LISTED, snapshot=Failed("refused", SOURCE, last=LIST, at=0.0))
    run = Run(call(service), service, lambda _: (0.01, OK))
    attempt = run.play()
    assert attempt is not None
    assert attempt.outcome is OK


def test_all_draining_says_so() -> None:
    listed = [endpoint(number, health=Health.DRAINING) for number in range(2)]
    service = Orders(listed, snapshot=Ready(tuple(listed), source=SOURCE))
    with pytest.raises(NoEndpoints) as caught:
        Run(call(service), service, lambda _: (0.01, OK)).play()
    assert str(caught.value) == f"every endpoint of 'orders' is draining, says {SOURCE}"


def emptied(*, exists: bool, outage: bool) -> Snapshot:
    """An empty answer after LIST; with `outage`, nobody could be asked since."""
    empty = Empty(exists=exists, source=SOURCE, last=LIST)
    return Failed("refused", SOURCE, last=empty, at=1000.0) if outage else empty


@pytest.mark.parametrize("outage", [False, True])
def test_an_emptied_list_is_held_while_one_of_its_endpoints_answers(outage: bool) -> None:
    service = Orders(LISTED, snapshot=emptied(exists=True, outage=outage), outlier=Outlier())
    alive = LISTED[0]
    for _ in range(20):
        run = Run(call(service), service, lambda attempt: (0.01, OK if attempt.pick.endpoint == alive else REFUSED))
        attempt = run.play()
        assert attempt is not None
        assert attempt.outcome is OK
        attempt.pick.done(OK, service.clock())
        service.time.pass_(1.0)


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("outage", [False, True])
def test_an_emptied_list_is_believed_once_all_its_endpoints_have_failed(exists: bool, outage: bool) -> None:
    """Some registries forget a name with its last endpoint: it was known, whatever they say now."""
    service = Orders(LISTED, snapshot=emptied(exists=exists, outage=outage))
    run = Run(call(service), service, lambda _: (0.01, REFUSED))
    with pytest.raises(ResolutionError) as caught:
        run.play()
    assert type(caught.value) is NoEndpoints
    assert str(caught.value) == (
        f"{SOURCE} lists no endpoint of 'orders' any more, and none of the 2 it listed before answers"
    )
    # Both were asked first, and the story of that is kept.
    assert {report.endpoint for report in run.made.reports} == set(LISTED)
    again = Run(call(service), service, lambda _: (0.01, OK))
    with pytest.raises(NoEndpoints):
        again.play()
    assert not again.started


def test_a_good_list_is_used_through_an_outage_whoever_fails() -> None:
    """Only an answer that there is nothing makes failures of all endpoints the end of them."""
    service = Orders(LISTED, snapshot=Failed("refused", SOURCE, last=LIST, at=1000.0))
    Run(call(service), service, lambda _: (0.01, REFUSED)).play()
    assert service.balancer.silent
    attempt = Run(call(service), service, lambda _: (0.01, OK)).play()
    assert attempt is not None
    assert attempt.outcome is OK
