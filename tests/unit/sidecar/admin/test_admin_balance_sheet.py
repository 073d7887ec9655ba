"""Taking an endpoint out by hand, and letting it back in, in a balancer under a clock of its own."""

from __future__ import annotations

from random import Random

from meshclient.core.balance.balancer import Balancer
from meshclient.core.balance.p2c import P2C
from meshclient.core.balance.peak_ewma import PeakEwma
from meshclient.core.outlier import Outlier
from meshclient.model.endpoint import Endpoint
from meshclient.model.events import EndpointEjected, EndpointRestored, Event, PanicChanged
from meshclient.model.outcome import Kind, Outcome
from meshclient.sidecar.admin import balance_sheet

A, B, C = (Endpoint(f"10.0.0.{at}", 80) for at in (1, 2, 3))
OK = Outcome(Kind.OK, 200)
DEAD = Outcome(Kind.CONNECT_ERROR)


class Trial:
    """A balancer of three, and what it told."""

    def __init__(self, outlier: Outlier | None = None, *, ejects: bool = True) -> None:
        self.told: list[Event] = []
        uniform = Random(1).random
        rule = (outlier or Outlier()) if ejects else None
        self.balancer = Balancer("orders", P2C(uniform), rule, panic=0.5, uniform=uniform, emit=self.told.append)
        self.balancer.update((A, B, C), 0.0)

    def calls(self, now: float, outcome: Outcome = OK, times: int = 30) -> set[Endpoint]:
        """Where so many calls went."""
        went: set[Endpoint] = set()
        for _ in range(times):
            pick = self.balancer.pick(now)
            assert pick is not None
            went.add(pick.endpoint)
            pick.answer(0.01)
            pick.done(outcome, now + 0.01)
        return went

    def states(self, now: float) -> list[str]:
        return [part.state for part in self.balancer.status(now)]


def test_it_gets_no_calls_until_a_probe_succeeds() -> None:
    trial = Trial()
    assert balance_sheet.eject(trial.balancer, A.key, 20.0, 1.0)
    assert trial.told == [EndpointEjected("orders", A, 0, 20.0)]
    assert trial.calls(2.0) == {B, C}
    assert trial.calls(20.9) == {B, C}
    assert trial.states(20.9) == ["ejected", "in_rotation", "in_rotation"]
    pick = trial.balancer.pick(21.1)
    assert pick is not None
    assert pick.probe
    assert pick.endpoint == A
    pick.answer(0.01)
    pick.done(OK, 21.2)
    assert trial.told[-1] == EndpointRestored("orders", A)
    assert trial.calls(60.0, times=100) == {A, B, C}


def test_a_probe_that_fails_keeps_it_out() -> None:
    trial = Trial()
    balance_sheet.eject(trial.balancer, A.key, 1.0, 0.0)
    pick = trial.balancer.pick(1.5)
    assert pick is not None
    assert pick.endpoint == A
    pick.done(DEAD, 1.6)
    assert trial.states(2.0)[0] == "ejected"


def test_the_latest_order_holds_and_probes_once() -> None:
    trial = Trial()
    balance_sheet.eject(trial.balancer, A.key, 1.0, 0.0)
    balance_sheet.eject(trial.balancer, A.key, 50.0, 0.5)
    assert trial.calls(40.0) == {B, C}
    assert len(trial.balancer._ejections.queue) == 1
    probing = trial.balancer.pick(51.0)
    assert probing is not None
    assert probing.probe
    # Ejected once more while its probe is under way: what that says is of no interest any more.
    balance_sheet.eject(trial.balancer, A.key, 50.0, 51.5)
    assert trial.states(52.0)[0] == "ejected"


def test_too_many_make_it_fail_open() -> None:
    trial = Trial()
    for endpoint in (A, B):
        balance_sheet.eject(trial.balancer, endpoint.key, 20.0, 1.0)
    assert trial.balancer.panic
    assert isinstance(trial.told[-1], PanicChanged)
    assert trial.calls(2.0, times=100) == {A, B, C}


def test_it_is_let_back_in_at_once_and_with_a_clean_sheet() -> None:
    trial = Trial()
    for endpoint in (A, B):
        balance_sheet.eject(trial.balancer, endpoint.key, 20.0, 1.0)
    assert [node.endpoint for node in balance_sheet.restore(trial.balancer, 2.0, A.key)] == [A]
    assert trial.states(2.0) == ["in_rotation", "ejected", "in_rotation"]
    assert EndpointRestored("orders", A) in trial.told
    assert [node.endpoint for node in balance_sheet.restore(trial.balancer, 2.0)] == [B]
    assert balance_sheet.restore(trial.balancer, 2.0) == []
    assert not trial.balancer._ejections.queue
    assert trial.calls(3.0, times=100) == {A, B, C}


def test_who_was_ejected_for_failures_comes_back_too() -> None:
    trial = Trial()
    now = 1.0
    while trial.states(now)[0] != "ejected":
        trial.calls(now)
        bad = trial.balancer.pick(now, {B.key, C.key})
        assert bad is not None
        assert bad.endpoint == A
        bad.done(DEAD, now)
    balance_sheet.restore(trial.balancer, now)
    assert trial.states(now) == ["in_rotation"] * 3
    # Nothing is out of the ordinary any more, so that calls take the short way again.
    node = trial.balancer.take(now)
    assert node is not None
    trial.balancer.give_back(node, now, 0.01, OK, now + 0.01)
    assert trial.calls(now + 0.1, times=100) == {A, B, C}


def test_where_nothing_is_ever_ejected_nothing_is_by_hand() -> None:
    trial = Trial(ejects=False)
    assert not balance_sheet.eject(trial.balancer, A.key, 20.0, 1.0)
    assert trial.calls(2.0, times=100) == {A, B, C}


def test_who_has_gone_meanwhile_is_no_matter() -> None:
    trial = Trial()
    trial.balancer.update((B, C), 0.5)
    assert balance_sheet.eject(trial.balancer, A.key, 20.0, 1.0)
    assert trial.told == []


def test_answers_are_remembered_while_that_is_wished() -> None:
    trial = Trial()
    trial.calls(1.0)
    assert all(not entry.latencies for entry in balance_sheet.entries(trial.balancer, 0.0).values())
    balance_sheet.remember(trial.balancer, on=True)
    trial.calls(2.0)
    found = balance_sheet.entries(trial.balancer, 0.0)
    assert sum(len(entry.latencies) for entry in found.values()) == 30
    assert sum(entry.attempts for entry in found.values()) == 60
    assert sum(entry.failures for entry in found.values()) == 0
    assert all(not entry.latencies for entry in balance_sheet.entries(trial.balancer, 9.0).values())
    balance_sheet.remember(trial.balancer, on=False)
    assert all(type(node.ewma) is PeakEwma for node in trial.balancer._nodes.values())
