"""The balancer: it draws again where the endpoint drawn was tried by the call, or has just failed."""

from random import Random

import pytest

from meshclient.core.balance.balancer import Balancer
from meshclient.core.balance.blame import FADES
from meshclient.core.balance.least_request import least_request
from meshclient.core.balance.node import Node
from meshclient.core.balance.p2c import P2C
from meshclient.core.balance.round_robin import RoundRobin
from meshclient.core.balance.weighted_random import WeightedRandom
from meshclient.model.outcome import Kind, Outcome
from unit.core.fleet import OK, REFUSED, UNAVAILABLE, balancer, endpoint, endpoints, states, taken, use

PICKERS = [P2C, least_request, RoundRobin, WeightedRandom]


def drawn(made: Balancer, count: int, now: float) -> list[int]:
    """So many picks at once, as numbers of endpoints; none of them ends."""
    return [int(taken(made, now).endpoint.host.rsplit(".", 1)[1]) - 1 for _ in range(count)]


class Counted(RoundRobin):
    """How many endpoints were looked at."""

    draws = 0

    def _next(self) -> Node:
        self.draws += 1
        return super()._next()


def counted(count: int, failing: int) -> tuple[Balancer, Counted]:
    """In turn from the first; the first `failing` of them have just failed."""
    picker = Counted(lambda: 0.0)
    made = balancer(endpoints(count), outlier=None, picker=lambda _: picker)
    for number in range(failing):
        use(made, endpoint(number), REFUSED)
    picker.rebuild(picker._nodes)
    picker._turn = picker.draws = 0
    return made, picker


def test_who_has_just_failed_is_passed_over() -> None:
    made, picker = counted(5, failing=2)
    assert drawn(made, 6, 1000) == [2, 3, 4, 2, 3, 4]
    assert picker.draws == 10


def test_while_nobody_has_failed_one_draw_is_enough() -> None:
    made, picker = counted(5, failing=0)
    assert drawn(made, 5, 1000) == [0, 1, 2, 3, 4]
    assert picker.draws == 5


def test_the_last_further_draw_may_still_find_one() -> None:
    made, picker = counted(10, failing=4)
    assert drawn(made, 1, 1000) == [4]
    assert picker.draws == 5


def test_further_draws_are_bounded() -> None:
    made, picker = counted(10, failing=10)
    drawn(made, 1, 1000)
    assert picker.draws <= 6


def test_who_was_tried_and_who_has_just_failed_are_both_passed_over() -> None:
    made, _ = counted(5, failing=2)
    assert taken(made, 1000, [endpoint(2), endpoint(3)]).endpoint == endpoint(4)


def test_past_who_was_tried_the_rule_goes_on_by_its_own_order() -> None:
    """The search for the cheapest would send every retry to the same one."""
    made, picker = counted(5, failing=0)
    use(made, endpoint(4), OK, latency=0.0001)
    picker._turn = 0
    assert taken(made, 1000, [endpoint(0)]).endpoint == endpoint(1)


def test_who_has_failed_comes_before_who_was_tried() -> None:
    """Another endpoint may answer; the same one has just not."""
    made, _ = counted(3, failing=2)
    assert taken(made, 1000, [endpoint(2), endpoint(1)]).endpoint == endpoint(0)


@pytest.mark.parametrize("picker", PICKERS)
@pytest.mark.parametrize("seed", range(5))
def test_when_all_have_just_failed_one_is_picked_all_the_same(picker: type[P2C], seed: int) -> None:
    listed = endpoints(10)
    made = balancer(listed, outlier=None, picker=picker, seed=seed)
    for target in listed:
        use(made, target, REFUSED)
    assert made.silent
    for _ in range(20):
        taken(made).done(REFUSED, 1000)


@pytest.mark.parametrize("failure", [REFUSED, UNAVAILABLE, Outcome(Kind.SERVER_ERROR, 503, 60.0)])
def test_who_has_failed_is_suspected_until_the_word_has_faded_to_a_quarter(failure: Outcome) -> None:
    made = balancer(endpoints(5), outlier=None, picker=RoundRobin)
    use(made, endpoint(0), failure)
    lasts = max(failure.retry_after or 0, FADES) * 3 / 4
    assert states(made, 1000 + lasts - 0.01) == ["avoided"] + ["in_rotation"] * 4
    assert 0 not in drawn(made, 20, 1000 + lasts - 0.01)
    assert states(made, 1000 + lasts + 0.01) == ["in_rotation"] * 5
    assert drawn(made, 20, 1000 + lasts + 0.01).count(0) == 4


@pytest.mark.parametrize("outcome", [OK, Outcome(Kind.BUSY, 429), Outcome(Kind.POOL_TIMEOUT)])
def test_only_a_failure_makes_suspect(outcome: Outcome) -> None:
    made = balancer(endpoints(5), outlier=None, picker=RoundRobin)
    use(made, endpoint(1), REFUSED)
    use(made, endpoint(0), outcome, latency=20.0)
    picks = drawn(made, 20, 1000)
    assert (picks.count(0), picks.count(1)) == (5, 0)


def test_a_success_ends_the_suspicion_at_once() -> None:
    made = balancer(endpoints(5), outlier=None, picker=RoundRobin)
    use(made, endpoint(1), REFUSED)
    use(made, endpoint(0), REFUSED)
    use(made, endpoint(0), OK)
    picks = drawn(made, 20, 1000)
    assert (picks.count(0), picks.count(1)) == (5, 0)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("picker", PICKERS)
def test_in_a_large_fleet_a_recovered_endpoint_is_found_again(picker: type[P2C], seed: int) -> None:
    """Nobody probes it, ejection is off, and only a success clears its failure: the decay must let it in."""
    listed = endpoints(40)
    made = balancer(listed, outlier=None, picker=picker, seed=seed)
    noise = Random(seed)
    for target in listed:
        use(made, target, OK, latency=0.02)
    use(made, listed[0], REFUSED)
    taken_at: list[float] = []
    for step in range(1, 8000):
        now = 1000 + step / 50
        pick = taken(made, now)
        if pick.endpoint == listed[0]:
            taken_at.append(now)
        pick.answer(0.02 * (0.8 + 0.4 * noise.random()))
        pick.done(OK, now)
    assert min(taken_at) > 1000 + FADES / 2 - 0.1
    # Its part of the last minute.
    assert sum(at > 1100 for at in taken_at) > 3000 / 40 / 3


@pytest.mark.parametrize("count", [5, 10])
def test_in_turn_all_are_tried_when_all_have_just_failed(count: int) -> None:
    made, _ = counted(count, failing=count)
    assert sorted(drawn(made, count, 1000)) == list(range(count))
