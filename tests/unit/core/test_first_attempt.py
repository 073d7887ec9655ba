"""The first attempt of a call, begun without a generator: what it says, and what it hands back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from meshclient.core.balance.node import Node
from meshclient.core.circuit import Refusal
from meshclient.core.commands import Finished, Start
from meshclient.core.exchange import exchange, resume
from meshclient.core.first_attempt import FirstAttempt, begin
from meshclient.core.outlier import Outlier
from meshclient.core.retry_budget import RetryBudget
from meshclient.errors import CircuitOpen
from meshclient.model.events import AttemptFinished, CallRejected, RetryScheduled
from meshclient.model.outcome import CANCELLED, Mark
from meshclient.model.report import AttemptReport
from meshclient.model.snapshot import Empty, Failed, Pending, Ready, Snapshot
from unit.core.fleet import OK, REFUSED, UNAVAILABLE, Clock, endpoint, endpoints, taken, use
from unit.core.script import call
from unit.core.shop import Gate, House, Shop

if TYPE_CHECKING:
    from meshclient.core.balance.picker import Avoid
    from meshclient.core.circuit import Circuit, Permit

LISTED = Ready(tuple(endpoints(3)), source="static://")
REFUSAL = Refusal("of the weather", 3.0)


class Door:
    """A circuit that is open or shut, and its own permit."""

    blanket = None

    def __init__(self, *, shut: bool = False) -> None:
        self.shut = shut

    def admit(self, now: float, chance: float) -> Permit | None:
        return None if self.shut else self

    def refusal(self, now: float) -> Refusal:
        return REFUSAL

    def done(self, mark: Mark, now: float) -> None:
        pass


class Broken:
    """Somebody's own picker, with a bug."""

    def rebuild(self, nodes: Sequence[Node]) -> None:
        pass

    def pick(self, now: float, avoid: Avoid | None = None, key: str | None = None) -> Node:
        raise ZeroDivisionError


def shop(snapshot: Snapshot = LISTED, circuit: Circuit | None = None) -> Shop:
    door: Circuit = circuit or Door()
    house = House(snapshot, "p2c", Outlier(), lambda *_: door, lambda: RetryBudget(floor=0.0), (), seed=7)
    return Shop(house, Clock())


def gate(service: Shop) -> Gate:
    assert service.gate is not None
    return service.gate


def begun(service: Shop) -> FirstAttempt:
    first = begin(service, service.clock(), 2.0, None, FirstAttempt)
    assert first is not None
    return first


def pending(service: Shop) -> int:
    return sum(status.pending for status in service.balancer.status(service.time.now))


def test_a_call_that_ends_well() -> None:
    service = shop()
    first = begun(service)
    node = first.node
    assert node is not None
    assert node.endpoint in LISTED.endpoints
    assert (first.started, first.timeout, first.snapshot) == (1000.0, 2.0, LISTED)
    assert (pending(service), node.waiting, service.balancer._load.pending) == (1, 1, 1)
    assert service.budget.balance(1000.0) == pytest.approx(0.2)
    service.time.pass_(0.25)
    first.succeeded(OK, 0.2, service.clock())
    assert service.events == [AttemptFinished("orders", node.endpoint, 1, OK, 0.25)]
    assert first.report() == AttemptReport(node.endpoint, OK, 0.0, 0.25)
    assert gate(service).book[1:] == [(Mark.SUCCESS, 1000.25)]
    assert (pending(service), node.waiting, service.balancer._load.pending) == (0, 0, 0)
    assert (node.ewma.cost, node.ewma.stamp) == (0.2, 1000.2)
    assert (node.record.good, node.record.window.successes) == (1, 1)


def test_nobody_need_listen_and_there_need_be_no_circuit() -> None:
    service = shop()
    service.emit = service.circuit = None
    first = begun(service)
    first.succeeded(OK, 0.01, service.clock())
    assert (pending(service), service.events, gate(service).book) == (0, [], [])
    other = begun(service)
    other.cancelled(service.clock())
    assert pending(service) == 0


def test_chance_goes_to_the_circuit_before_the_choice() -> None:
    """As it does in `exchange`: with one seed both are dealt the same."""
    one, other = shop(), shop()
    begun(one)
    steps = exchange(call(other), other)
    next(steps)
    assert gate(one).book == gate(other).book
    assert one.random.getstate() == other.random.getstate()
    steps.close()


@pytest.mark.parametrize(
    "snapshot", [Pending(), Empty(), Empty(last=LISTED), Failed("no route"), Failed("no route", last=Empty())]
)
def test_without_a_list_nothing_is_begun_or_counted(snapshot: Snapshot) -> None:
    service = shop(snapshot)
    before = service.portrait()
    assert begin(service, service.clock(), 2.0, None, FirstAttempt) is None
    assert service.portrait() == before
    assert gate(service).book == []


def test_the_last_list_will_do_while_a_registry_is_away() -> None:
    service = shop(Failed("no route", last=LISTED))
    first = begun(service)
    assert first.node is not None
    assert first.snapshot is service.snapshot


def test_a_call_that_is_refused() -> None:
    service = shop(circuit=Door(shut=True))
    with pytest.raises(CircuitOpen, match="calls to 'orders' are refused: of the weather") as caught:
        begin(service, service.clock(), 2.0, None, FirstAttempt)
    assert caught.value.retry_after == 3.0
    assert service.events == [CallRejected("orders", "circuit_open", "of the weather")]
    # It earns no repeats for those that are sent.
    assert service.budget.balance(1000.0) == 0
    assert pending(service) == 0


def test_while_somebody_fails_the_generator_picks() -> None:
    service = shop()
    use(service.balancer, endpoint(0), UNAVAILABLE)
    first = begun(service)
    assert (first.node, first.attempt(), first.report()) == (None, None, None)
    assert pending(service) == 0
    # It has been let in and counted all the same.
    assert gate(service).inside == 1
    assert service.budget.balance(1000.0) == pytest.approx(0.2)
    steps = resume(call(service), service, first.stay())
    next(steps)
    assert pending(service) == 1
    steps.close()
    assert (pending(service), gate(service).inside) == (0, 0)
    assert service.budget.balance(1000.0) == pytest.approx(0.2)


def test_a_call_that_is_cancelled_says_nothing_of_its_endpoint_and_hands_all_back() -> None:
    service = shop()
    first = begun(service)
    node = first.node
    assert node is not None
    service.time.pass_(1.0)
    first.cancelled(service.clock())
    assert (pending(service), node.waiting, node.record.good, node.record.bad) == (0, 0, 0, 0)
    assert gate(service).book[1:] == [(Mark.NEUTRAL, 1001.0)]
    assert service.events == []


def test_a_call_that_is_cancelled_before_anything_was_picked_hands_its_permit_back() -> None:
    service = shop()
    use(service.balancer, endpoint(0), UNAVAILABLE)
    begun(service).cancelled(service.clock())
    assert (pending(service), gate(service).inside) == (0, 0)


def test_a_failure_goes_on_in_the_generator() -> None:
    service = shop()
    service.budget = RetryBudget()
    first = begun(service)
    attempt, made = first.attempt(), call(service)
    assert attempt is not None
    assert first.node is None
    assert (attempt.number, attempt.timeout, attempt.hedge) == (1, 2.0, False)
    assert (attempt.pick.endpoint, attempt.pick.started) == (first.endpoint, 1000.0)
    service.time.pass_(0.1)
    steps = resume(made, service, first.stay(), Finished(attempt, REFUSED))
    start = next(steps)
    assert isinstance(start, Start)
    # It knows where it has been.
    assert (start.attempt.number, start.attempt.pick.endpoint == first.endpoint) == (2, False)
    (report,) = made.reports
    assert (report.endpoint, report.outcome, report.started) == (first.endpoint, REFUSED, 0.0)
    assert report.reason == "connect_error: tried again after 0s"
    assert [type(event) for event in service.events] == [AttemptFinished, RetryScheduled]
    assert (pending(service), gate(service).inside) == (1, 1)
    steps.close()
    assert (pending(service), gate(service).book[1:]) == (0, [(Mark.NEUTRAL, 1000.1)])


def test_a_response_whose_body_is_to_come_goes_on_in_the_generator() -> None:
    service = shop()
    first = begun(service)
    attempt, made = first.attempt(), call(service)
    assert attempt is not None
    with pytest.raises(StopIteration) as end:
        next(resume(made, service, first.stay(), Finished(attempt, OK)))
    assert end.value.value is attempt
    # Its pick is the reader's; the circuit has its mark already.
    assert (pending(service), gate(service).inside) == (1, 0)
    assert [report.outcome for report in made.reports] == [OK]
    attempt.pick.done(CANCELLED, service.clock())
    assert pending(service) == 0


# What follows does not hold yet.


def test_a_list_that_changes_meanwhile_does_not_change_where_it_went() -> None:
    service = shop()
    first = begun(service)
    assert first.node is not None
    chosen = first.node.endpoint
    service.balancer.update([replace(one, metadata={"version": "2"}) for one in LISTED.endpoints], 1000.0)
    first.succeeded(OK, 0.01, 1000.0)
    report = first.report()
    assert report is not None
    assert [report.endpoint] == [event.endpoint for event in service.events if isinstance(event, AttemptFinished)]
    assert report.endpoint == chosen


def test_a_list_that_changes_meanwhile_does_not_change_the_attempt() -> None:
    service = shop()
    first = begun(service)
    assert first.node is not None
    chosen = first.node.endpoint
    service.balancer.update([replace(one, metadata={"version": "2"}) for one in LISTED.endpoints], 1000.0)
    attempt = first.attempt()
    assert attempt is not None
    attempt.pick.done(CANCELLED, 1000.0)
    assert attempt.pick.endpoint == chosen


def test_a_call_whose_picker_fails_hands_its_permit_back() -> None:
    service = shop()
    service.balancer._picker = Broken()
    with pytest.raises(ZeroDivisionError):
        begin(service, service.clock(), 2.0, None, FirstAttempt)
    assert gate(service).inside == 0


def test_a_call_whose_attempt_was_asked_for_is_handed_back_once() -> None:
    service = shop()
    first = begun(service)
    attempt = first.attempt()
    assert attempt is not None
    first.cancelled(1000.0)
    # The attempt's pick is forgotten, and the next choice finds it.
    del attempt
    other = taken(service.balancer)
    assert (pending(service), service.balancer._load.pending) == (1, 1)
    other.done(CANCELLED, 1000.0)
