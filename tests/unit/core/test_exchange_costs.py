"""What a call pays for its repeats, and what it earns for those of others."""

from dataclasses import replace

import pytest

from meshclient.core.balance.balancer import Balancer
from meshclient.core.balance.p2c import P2C
from meshclient.core.hedge import SAMPLES, Hedging
from meshclient.core.limit.gate import Gate
from meshclient.core.limit.place import Place
from meshclient.core.retry_budget import JUDGED, RetryBudget
from meshclient.core.shadow import Shadow
from meshclient.errors import Overloaded
from meshclient.model.outcome import Kind, Outcome
from unit.core.fleet import OK, endpoints
from unit.core.script import Orders, Run, call

BUSY = Outcome(Kind.BUSY, 429)


def late(service: Orders) -> Run:
    """A call that is late by what is usual, where calls may be hedged."""
    service.hedging = Hedging(1.0, quantile=0.5)
    for _ in range(SAMPLES):
        service.hedging.observe(0.05, service.clock())
    return Run(call(service, hedge=True), service, lambda _: (0.5, OK))


def test_a_refused_call_earns_nothing() -> None:
    service = Orders(endpoints(2), budget=RetryBudget(1.0, 0.0))
    service.limiter = Gate(1)
    assert isinstance(service.limiter.enter(0, service.clock()), Place)
    with pytest.raises(Overloaded):
        Run(call(service), service, lambda _: (0.01, OK)).play()
    assert service.budget.balance(service.clock()) == 0


def test_a_call_that_is_let_in_earns_its_part() -> None:
    service = Orders(endpoints(2), budget=RetryBudget(1.0, 0.0))
    service.limiter = Gate(1)
    Run(call(service), service, lambda _: (0.01, OK)).play()
    assert service.budget.balance(service.clock()) == 1


def test_repeats_that_are_sent_away_did_not_help() -> None:
    """A service that answers every call with 429 gets fewer repeats, as one that answers with 503 does."""
    service = Orders(endpoints(2), budget=RetryBudget(0.0, 10.0))
    for _ in range(JUDGED):
        made = call(service)
        made.retry = replace(made.retry, attempts=2)
        Run(made, service, lambda _: (0.0, BUSY)).play()
    left = service.budget.balance(service.clock())
    service.budget.withdraw(service.clock())
    assert left - service.budget.balance(service.clock()) > 1


def test_a_hedge_in_shadow_mode_leaves_the_budget_to_real_repeats() -> None:
    service = Orders(endpoints(2), budget=RetryBudget(0.0, 1.0))
    service.shadow = Shadow("orders", ["hedge"])
    run = late(service)
    before = service.budget.balance(service.clock())
    run.play()
    assert (len(run.started), service.shadow.counts["hedge"]) == (1, 1)
    assert service.budget.balance(service.clock()) == before


def test_no_hedge_goes_where_the_first_attempt_is_when_all_others_are_full() -> None:
    listed = endpoints(2)
    service = Orders(listed)
    service.balancer = Balancer("orders", P2C(service.uniform), None, panic=0.5, uniform=service.uniform, most=2)
    service.balancer.update(listed, service.clock())
    full = [service.balancer.pick(service.clock(), [listed[0].key]) for _ in range(2)]
    assert [pick.endpoint for pick in full if pick] == [listed[1]] * 2
    run = late(service)
    run.play()
    assert [attempt.pick.endpoint for attempt in run.started] == [listed[0]]
    run.started[0].pick.done(OK, service.clock())
    assert [status.pending for status in service.balancer.status(service.clock())] == [0, 2]
