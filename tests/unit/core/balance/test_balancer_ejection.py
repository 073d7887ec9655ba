"""The balancer: who is taken out, who is probed, and who comes back."""

import gc
from dataclasses import replace
from random import Random

from meshclient.core.balance.balancer import PROBE_GRACE, Balancer
from meshclient.core.balance.p2c import P2C
from meshclient.core.outlier import Outlier
from meshclient.core.shadow import Shadow
from meshclient.model.endpoint import Endpoint, Health
from meshclient.model.events import EndpointEjected, EndpointRestored, Event
from meshclient.model.outcome import Kind, Outcome
from unit.core.fleet import OK, REFUSED, UNAVAILABLE, balancer, endpoint, endpoints, states, taken, use

QUICK = Outlier(consecutive=1, base=4.0)


def well(made: Balancer, target: Endpoint, now: float = 1000) -> None:
    """This endpoint answers so often that a failure elsewhere is that endpoint's own."""
    for _ in range(20):
        use(made, target, OK, now=now)


def test_one_probe_at_a_time_and_its_success_restores() -> None:
    events: list[Event] = []
    listed = endpoints(2)
    made = balancer(listed, outlier=QUICK, emit=events.append)
    use(made, listed[0], UNAVAILABLE)
    ejected = events[-1]
    assert isinstance(ejected, EndpointEjected)
    assert (ejected.endpoint, ejected.failures) == (listed[0], 1)
    assert 2 <= ejected.duration < 4
    assert taken(made, 1001).endpoint == listed[1]
    probe = taken(made, 1004)
    assert (probe.probe, probe.endpoint) == (True, listed[0])
    assert states(made, 1004) == ["probing", "in_rotation"]
    assert all(taken(made, 1010).endpoint == listed[1] for _ in range(20))
    probe.answer(0.25)
    probe.done(OK, 1010)
    assert events[-1] == EndpointRestored("orders", listed[0])
    assert states(made, 1010) == ["in_rotation", "in_rotation"]
    # The penalty of its failures is gone with them.
    assert made.status(1010)[0].expected_latency == 0.25


def test_a_failed_probe_ejects_for_longer() -> None:
    events: list[Event] = []
    made = balancer(endpoints(2), outlier=QUICK, emit=events.append)
    use(made, endpoint(0), REFUSED)
    now, longest = 1000.0, 0.0
    for number in range(6):
        now += 1000
        taken(made, now).done(REFUSED, now)
        last = events[-1]
        assert isinstance(last, EndpointEjected)
        assert 4 * 2.0**number < last.duration < 8 * 2.0**number
        longest = last.duration
    assert longest > 100


def test_a_call_does_not_probe_what_it_has_tried() -> None:
    listed = endpoints(3)
    made = balancer(listed, outlier=QUICK)
    use(made, listed[0], REFUSED)
    assert not taken(made, 1010, [listed[0]]).probe
    assert taken(made, 1010).probe


def test_who_may_not_be_repeated_probes_only_after_some_grace() -> None:
    listed = endpoints(3)
    made = balancer(listed, outlier=QUICK)
    use(made, listed[0], REFUSED)
    due = made.status(1000)[0].returns_in
    assert due is not None
    late = 1000 + due + PROBE_GRACE
    for now in (1000 + due + 0.01, late - 0.01):
        pick = made.pick(now, repeatable=False)
        assert pick is not None
        assert not pick.probe
    assert taken(made, 1000 + due + 0.01).probe
    probe = made.pick(late + 0.01, repeatable=False)
    # That one probe is in flight already.
    assert probe is not None
    assert not probe.probe
    gc.collect()
    # It was dropped, so it is due again, and the grace begins anew.
    again = [made.pick(late + 0.01 + wait, repeatable=False) for wait in (0.01, PROBE_GRACE - 0.01, PROBE_GRACE + 0.02)]
    assert [pick.probe for pick in again if pick] == [False, False, True]


def test_the_grace_of_one_probe_is_not_that_of_another() -> None:
    """The first has waited long enough for a call that may not be repeated; the second has not."""
    first, second, third, fourth = endpoints(4)
    made = balancer([first, second, third, fourth], outlier=QUICK)
    use(made, first, REFUSED, now=1000)
    well(made, third, now=1001)
    use(made, second, REFUSED, now=1001.9)
    due = [status.returns_in for status in made.status(1000)]
    assert due[0] is not None
    assert due[1] is not None
    assert due[1] > due[0]
    moment = 1000 + due[0] + PROBE_GRACE
    assert moment < 1000 + due[1] + PROBE_GRACE
    picks = [made.pick(moment, repeatable=False) for _ in range(2)]
    assert [pick.probe for pick in picks if pick] == [True, False]
    assert taken(made, moment).endpoint == second


def test_a_repeat_carries_no_probe() -> None:
    """A call that met one dead endpoint is not led from one to the next."""
    dead, spare, other, fourth = endpoints(4)
    made = balancer([dead, spare, other, fourth], outlier=QUICK)
    use(made, dead, REFUSED, now=1000)
    well(made, other, now=1000)
    use(made, spare, REFUSED, now=1000.1)
    first = taken(made, 1100)
    assert first.probe
    second = taken(made, 1100, [first.endpoint])
    assert not second.probe
    assert second.endpoint in (other, fourth)


def test_who_drains_is_not_probed() -> None:
    listed = endpoints(3)
    made = balancer(listed, outlier=QUICK)
    use(made, listed[0], REFUSED)
    made.update([replace(listed[0], health=Health.DRAINING), *listed[1:]], 1001)
    assert not any(taken(made, 1100).probe for _ in range(5))
    made.update(listed, 1101)
    assert taken(made, 1101).probe


def test_an_endpoint_that_answers_its_probe_with_429_is_not_probed_by_every_call() -> None:
    """Linkerd: 429 is no success. Due again at once, the probe would take the first attempt of every call."""
    listed = endpoints(5)
    made = balancer(listed, outlier=QUICK)
    use(made, listed[0], UNAVAILABLE)
    probes = 0
    for step in range(1000):
        pick = taken(made, 1010 + step / 100)
        probes += pick.probe
        pick.answer(0.01)
        pick.done(Outcome(Kind.BUSY, 429) if pick.endpoint == listed[0] else OK, 1010 + step / 100)
    assert 1 <= probes <= 3


def test_no_more_are_out_than_the_cap_allows() -> None:
    listed = endpoints(5)
    made = balancer(listed, outlier=Outlier(consecutive=2, max_ejected=0.4))
    for target in listed[:4]:
        for _ in range(4):
            if states(made)[listed.index(target)] != "ejected":
                use(made, target, REFUSED)
                well(made, listed[4])
    # The others have failed as well: passed over while another can be found, but not out.
    assert states(made) == ["ejected", "ejected", "avoided", "avoided", "in_rotation"]


def test_the_only_endpoint_is_never_ejected() -> None:
    made = balancer(endpoints(1), outlier=QUICK)
    for _ in range(50):
        use(made, endpoint(0), REFUSED)
    assert states(made) == ["avoided"]


def test_a_standby_tier_relieves_the_cap() -> None:
    listed = [endpoint(0), endpoint(1), endpoint(2, priority=1), endpoint(3, priority=1)]
    made = balancer(listed, outlier=QUICK)
    use(made, listed[0], REFUSED)
    well(made, listed[2])
    use(made, listed[1], REFUSED)
    assert states(made) == ["ejected", "ejected", "in_rotation", "in_rotation"]
    well(made, listed[3])
    use(made, listed[2], REFUSED)
    use(made, listed[3], REFUSED)
    # The last tier keeps its cap.
    assert states(made)[2:] == ["ejected", "in_rotation"]


def test_without_the_rule_nobody_is_ejected() -> None:
    made = balancer(endpoints(2), outlier=None)
    for _ in range(50):
        use(made, endpoint(0), REFUSED)
    assert states(made) == ["avoided", "in_rotation"]


def test_an_endpoint_that_answers_slowly_is_ejected_where_that_is_wanted() -> None:
    for latency, expected in ((0.0, "in_rotation"), (3.0, "ejected")):
        made = balancer(endpoints(3), outlier=Outlier(latency=latency))
        for _ in range(60):
            use(made, endpoint(0), OK, latency=0.5)
            for number in (1, 1, 2, 2):
                use(made, endpoint(number), OK, latency=0.02)
            if states(made)[0] == "ejected":
                break
        assert states(made) == [expected, "in_rotation", "in_rotation"]


def test_when_all_become_slow_nobody_is_ejected_for_it() -> None:
    made = balancer(endpoints(3), outlier=Outlier(latency=3.0))
    for latency in (0.02, 0.5):
        for _ in range(100):
            for number in range(3):
                use(made, endpoint(number), OK, latency=latency)
    assert states(made) == ["in_rotation"] * 3


def test_a_level_that_is_down_as_a_whole_leaves_its_calls_to_the_next() -> None:
    """None of its endpoints does better than another, and those of the next level have had no calls yet."""
    listed = [endpoint(number, priority=number // 4) for number in range(6)]
    made, now = balancer(listed, outlier=Outlier(base=100)), 1000.0
    failed = []
    for _ in range(400):
        now += 0.01
        pick = taken(made, now)
        failed.append(not pick.endpoint.priority)
        pick.done(REFUSED if failed[-1] else OK, now)
    assert any(failed)
    assert not any(failed[200:])


def test_a_level_is_not_given_up_for_one_that_fails_as_well() -> None:
    made, now = balancer([endpoint(number, priority=number // 4) for number in range(6)]), 1000.0
    for target in (4, 5):
        use(made, endpoint(target, priority=1), REFUSED)
    for _ in range(400):
        now += 0.01
        taken(made, now).done(REFUSED, now)
    assert "ejected" not in states(made, now)


def test_in_shadow_mode_one_decision_is_told_once() -> None:
    uniform = Random(7).random
    shadow = Shadow("orders", ["ejection"])
    made = Balancer("orders", P2C(uniform), Outlier(), panic=0.5, uniform=uniform, shadow=shadow)
    made.update(endpoints(2), 1000)
    while not shadow.counts["ejection"]:
        use(made, endpoint(0), UNAVAILABLE)
        well(made, endpoint(1))
    use(made, endpoint(0), OK)
    use(made, endpoint(0), UNAVAILABLE)
    assert shadow.counts["ejection"] == 1
    assert states(made)[1] == "in_rotation"
