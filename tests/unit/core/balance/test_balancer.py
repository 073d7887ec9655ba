"""The balancer: what it remembers of endpoints, and how it avoids what a call has tried."""

from dataclasses import replace
from random import Random

import pytest

from meshclient.core.balance.balancer import Balancer
from meshclient.core.balance.blame import WEIGHT
from meshclient.core.balance.p2c import P2C
from meshclient.core.balance.peak_ewma import UNKNOWN_COST
from meshclient.core.balance.slow_start import SlowStart
from meshclient.core.balance.weighing import Weighing
from meshclient.core.outlier import Outlier
from meshclient.model.endpoint import Endpoint, Health
from meshclient.model.events import Event, PanicChanged
from meshclient.model.outcome import CANCELLED, Kind, Outcome
from unit.core.fleet import OK, REFUSED, UNAVAILABLE, balancer, endpoint, endpoints, states, taken, use

QUICK = Outlier(consecutive=1, base=4.0)
SLOW = Weighing(slow_start=SlowStart(30.0))


def test_without_endpoints_there_is_no_pick() -> None:
    assert balancer([]).pick(0) is None


def test_when_all_drain_there_is_no_pick() -> None:
    made = balancer([endpoint(0, health=Health.DRAINING), endpoint(1, health=Health.DRAINING)])
    assert made.pick(1000) is None
    assert states(made) == ["excluded", "excluded"]


def test_all_critical_is_panic_and_not_the_end() -> None:
    events: list[Event] = []
    made = balancer([endpoint(n, health=Health.CRITICAL) for n in range(3)], emit=events.append)
    assert made.pick(1000) is not None
    assert events == [PanicChanged("orders", active=True, usable=0, total=3)]
    made.update([endpoint(n, health=Health.PASSING) for n in range(3)], 1001)
    assert events[1:] == [PanicChanged("orders", active=False, usable=3, total=3)]


def test_what_was_tried_is_avoided_while_another_is_left() -> None:
    listed = endpoints(10)
    for seed in range(50):
        made = balancer(listed, seed=seed)
        tried: list[Endpoint] = []
        for _ in listed:
            tried.append(taken(made, tried=tried).endpoint)
        assert {e.key for e in tried} == {e.key for e in listed}
        assert taken(made, tried=tried).endpoint in listed


def test_standby_is_used_before_an_endpoint_is_tried_twice() -> None:
    first, second = endpoint(0), endpoint(1, priority=1)
    made = balancer([first, second])
    assert states(made) == ["in_rotation", "standby"]
    assert taken(made).endpoint == first
    assert taken(made, tried=[first]).endpoint == second
    assert taken(made, tried=[first, second]).endpoint == first


def test_one_that_is_new_says_how_warm_it_is() -> None:
    made = Balancer("orders", P2C(Random(7).random), None, panic=0.5, uniform=Random(7).random, weighing=SLOW)
    made.update(endpoints(3), 1000)
    assert [status.warmth for status in made.status(1000)] == [1, 1, 1]
    made.update([*endpoints(3), endpoint(3, priority=1), endpoint(4)], 1010)
    assert [(status.state, status.warmth) for status in made.status(1025)] == [
        *[("in_rotation", 1)] * 3,
        ("standby", 1),
        ("in_rotation", 0.5),
    ]
    assert [status.warmth for status in made.status(1040)] == [1] * 5


def test_standby_counts_as_left_to_try() -> None:
    first, second = endpoint(0), endpoint(1, priority=1)
    made = balancer([first, second])
    assert made.untried([])
    assert made.untried([first.key])
    assert not made.untried([first.key, second.key])


@pytest.mark.parametrize("health", [Health.CRITICAL, Health.DRAINING])
def test_who_is_excluded_is_not_left_to_try(health: Health) -> None:
    first, second = endpoint(0), endpoint(1, health=health)
    made = balancer([first, second])
    assert not made.untried([first.key])
    assert taken(made, tried=[first]).endpoint == first


def test_who_is_ejected_is_not_left_to_try() -> None:
    first, second = endpoints(2)
    made = balancer([first, second], outlier=QUICK)
    use(made, second, REFUSED)
    assert not made.untried([first.key])


def test_keys_tried_twice_or_gone_do_not_hide_that_all_were_tried() -> None:
    first, second = endpoints(2)
    made = balancer([first, second])
    assert not made.untried([first.key, second.key, first.key])
    assert made.untried([first.key, endpoint(9).key, endpoint(8).key])


def test_history_survives_a_change_of_attributes() -> None:
    listed = endpoints(3)
    made = balancer(listed, outlier=Outlier(consecutive=2))
    use(made, listed[0], REFUSED)
    held = taken(made, tried=listed[1:])
    changed = [replace(e, weight=2.0, priority=1, zone="z", metadata={"v": "2"}, health=Health.WARNING) for e in listed]
    before = made.status(1000)[0]
    made.update(changed, 1000)
    after = made.status(1000)[0]
    assert after.endpoint == changed[0]
    assert (after.pending, after.failures, after.expected_latency) == (1, 1, before.expected_latency)
    held.done(REFUSED, 1000)
    assert states(made)[0] == "ejected"


def test_an_ejection_survives_a_change_of_attributes() -> None:
    listed = endpoints(3)
    made = balancer(listed, outlier=QUICK)
    use(made, listed[0], REFUSED)
    made.update([replace(e, metadata={"v": "2"}) for e in listed], 1001)
    assert states(made) == ["ejected", "in_rotation", "in_rotation"]
    assert taken(made, 1005).probe


def test_another_identity_has_no_history() -> None:
    listed = endpoints(3)
    made = balancer(listed, outlier=QUICK)
    use(made, listed[0], REFUSED)
    made.update([replace(listed[0], id="new"), *listed[1:]], 1000)
    assert states(made) == ["in_rotation"] * 3


def test_who_left_and_came_back_begins_anew() -> None:
    listed = endpoints(3)
    made = balancer(listed, outlier=QUICK)
    use(made, listed[0], REFUSED)
    old = taken(made)
    made.update(listed[1:], 1000)
    made.update(listed, 1000)
    old.done(REFUSED, 1000)
    assert made.status(1000)[0].failures == 0
    assert sum(status.pending for status in made.status(1000)) in {0, 1}


def test_a_newcomer_starts_with_the_median_latency() -> None:
    listed = endpoints(5)
    made = balancer(listed)
    assert made.status(1000)[0].expected_latency == UNKNOWN_COST
    for latency, target in zip([0.1, 0.2, 0.3, 0.4, 9.0], listed, strict=True):
        use(made, target, OK, latency=latency)
    made.update([*listed, endpoint(9)], 1000)
    assert made.status(1000)[-1].expected_latency == pytest.approx(0.3, rel=1e-3)


def test_an_answer_is_observed_when_its_head_arrived_not_when_its_body_ended() -> None:
    made = balancer(endpoints(1))
    pick = taken(made)
    pick.answer(0.5)
    pick.done(OK, 1000 + 3600)
    assert made.status(1000.5)[0].expected_latency == 0.5


@pytest.mark.parametrize("kind", [k for k in Kind if Outcome(k).verdict.penalised])
def test_a_fast_failure_makes_it_weigh_more_and_look_no_faster(kind: Kind) -> None:
    made = balancer(endpoints(2))
    before = made.status(1000)[0]
    use(made, endpoint(0), Outcome(kind), latency=0.0001)
    after = made.status(1000)[0]
    assert (before.blame, after.blame) == (0, WEIGHT)
    assert after.expected_latency >= before.expected_latency


def test_one_failure_among_many_answers_hardly_weighs() -> None:
    made = balancer(endpoints(2))
    for _ in range(199):
        use(made, endpoint(0), OK)
    use(made, endpoint(0), UNAVAILABLE)
    status = made.status(1000)[0]
    assert status.blame == pytest.approx(WEIGHT / 200)
    assert status.state == "in_rotation"


def test_what_always_fails_fast_does_not_look_fast_in_the_end() -> None:
    made = balancer(endpoints(2), outlier=None)
    for second in range(120):
        use(made, endpoint(0), UNAVAILABLE, now=1000 + second, latency=0.0001)
    status = made.status(1120)[0]
    assert status.expected_latency * (1 + status.blame) > 1


@pytest.mark.parametrize("kind", [k for k in Kind if Outcome(k).verdict.mark.name == "NEUTRAL"])
def test_a_neutral_ending_leaves_the_count_of_failures(kind: Kind) -> None:
    made = balancer(endpoints(2), outlier=Outlier(consecutive=2))
    use(made, endpoint(0), REFUSED)
    use(made, endpoint(0), Outcome(kind))
    assert made.status(1000)[0].failures == 1
    use(made, endpoint(0), REFUSED)
    assert states(made)[0] == "ejected"


def test_cancellation_leaves_no_trace_at_all() -> None:
    made = balancer(endpoints(2))
    before = made.status(1000)
    for _ in range(20):
        pick = taken(made)
        pick.answer(None)
        pick.done(CANCELLED, 1000)
    assert made.status(1000) == before
