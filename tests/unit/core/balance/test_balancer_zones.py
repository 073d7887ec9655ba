"""The balancer with a zone of its own: it stays there while it can, and leaves when the zone fails."""

from collections import Counter
from dataclasses import replace
from random import Random

from meshclient.core.balance.balancer import Balancer
from meshclient.core.balance.p2c import P2C
from meshclient.core.balance.weighing import Weighing
from meshclient.core.outlier import Outlier
from unit.core.fleet import OK, REFUSED, endpoints

LISTED = [replace(endpoint, zone="abc"[number % 3]) for number, endpoint in enumerate(endpoints(9))]


def at_home(outlier: Outlier | None = None) -> Balancer:
    uniform = Random(3).random
    made = Balancer("orders", P2C(uniform), outlier, panic=0.5, uniform=uniform, weighing=Weighing(zone="a"))
    made.update(LISTED, 1000)
    return made


def zones(made: Balancer, count: int, now: float = 1000) -> Counter[str]:
    found: Counter[str] = Counter()
    for _ in range(count):
        pick = made.pick(now)
        assert pick is not None
        found[pick.endpoint.zone] += 1
        pick.done(OK, now)
    return found


def test_while_the_own_zone_carries_its_part_calls_stay_there() -> None:
    assert zones(at_home(), 200) == {"a": 200}


def test_a_repeat_leaves_a_zone_of_which_all_have_just_failed() -> None:
    made = at_home()
    for _ in range(30):
        pick = made.pick(1000)
        assert pick is not None
        pick.done(REFUSED if pick.endpoint.zone == "a" else OK, 1000)
    again = made.pick(1000, [LISTED[0].key])
    assert again is not None
    assert again.endpoint.zone != "a"
    assert zones(made, 100)["a"] < 10


def test_when_a_zone_is_lost_the_others_take_over() -> None:
    made, now = at_home(Outlier()), 1000.0
    failed = 0
    for _ in range(400):
        now += 0.01
        pick = made.pick(now)
        assert pick is not None
        lost = pick.endpoint.zone == "a"
        failed += lost
        pick.done(REFUSED if lost else OK, now)
    states = {status.endpoint.zone: status.state for status in made.status(now)}
    assert states == {"a": "avoided", "b": "in_rotation", "c": "in_rotation"}
    assert failed < 20


def test_a_call_that_met_two_failures_in_its_zone_makes_its_last_attempt_elsewhere() -> None:
    """Before anything is known against the zone as a whole."""
    made = at_home()
    tried = [endpoint.key for endpoint in LISTED if endpoint.zone == "a"][:2]
    for _ in range(20):
        pick = made.pick(1000, tried)
        assert pick is not None
        assert pick.endpoint.zone != "a"
        pick.done(OK, 1000)
