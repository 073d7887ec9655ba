"""Expiry and renewal as decisions: for every set of items, every clock and every order of the stream's records."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from meshclient.model.endpoint import Endpoint, Health
from meshclient_aws.dynamodb.change import Change, read_change
from meshclient_aws.dynamodb.item import Item
from meshclient_aws.dynamodb.pace import Pace
from meshclient_aws.dynamodb.roster import Beat, Roster

TIMES = st.integers(0, 40).map(float)
NAMES = st.sampled_from(["a", "b", "c", "d"])
HEALTH = st.sampled_from([Health.PASSING, Health.WARNING, Health.CRITICAL, Health.DRAINING])


@st.composite
def items(draw: st.DrawFn) -> Item:
    name = draw(NAMES)
    if draw(st.integers(0, 4)) == 0:
        return Item(name, None, draw(TIMES), problem="it has no port")
    endpoint = Endpoint("127.0.0.1", 8000, id=name, health=draw(HEALTH))
    return Item(name, endpoint, draw(TIMES | st.just(math.inf)), draw(TIMES))


ROSTERS = st.lists(items(), max_size=6).map(Roster.of)
BEATS = st.dictionaries(NAMES, st.builds(Beat, TIMES, TIMES), max_size=4)


@given(ROSTERS, TIMES)
def test_between_now_and_the_next_expiry_nobody_dies_and_at_it_somebody_does(roster: Roster, now: float) -> None:
    end = roster.next_expiry(now)
    if end is None:
        assert roster.live(1e12) == roster.live(now)
        return
    assert end > now
    assert roster.live(math.nextafter(end, 0)) == roster.live(now)
    assert len(roster.live(end)) < len(roster.live(now))


@given(ROSTERS, TIMES)
def test_nobody_unusable_is_listed(roster: Roster, now: float) -> None:
    for endpoint in roster.live(now):
        item = roster.items[endpoint.id]
        assert item.expires > now
        assert endpoint.usable
        assert not item.problem


@given(ROSTERS, st.lists(BEATS, max_size=5), st.randoms(use_true_random=False))
def test_the_latest_renewal_stands_in_any_order(roster: Roster, rounds: list[dict[str, Beat]], rng: object) -> None:
    once = roster
    for beats in rounds:
        once, _ = once.renewed(beats)
    again = once
    shuffled = list(rounds)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    for beats in shuffled:  # records that a later query has seen already
        again, _ = again.renewed(beats)
    assert again == once
    for name, item in roster.items.items():
        heard = [item.heartbeat, *(beats[name].heartbeat for beats in rounds if name in beats)]
        assert once.items[name].heartbeat == max(heard)
        assert once.items[name].endpoint == item.endpoint


@given(ROSTERS, BEATS)
def test_a_renewal_of_an_unknown_instance_is_told(roster: Roster, beats: dict[str, Beat]) -> None:
    renewed, missed = roster.renewed(beats)
    assert missed == bool(beats.keys() - roster.items.keys())
    assert renewed.items.keys() == roster.items.keys()


@given(ROSTERS, TIMES)
def test_a_roster_is_unreadable_only_if_all_that_counts_is_malformed(roster: Roster, now: float) -> None:
    present = [item for item in roster.items.values() if item.expires > now]
    assert roster.readable(now) == (not present or any(item.endpoint for item in present))
    assert len(roster.problems(now)) == sum(1 for item in present if item.problem)


def record(old: dict[str, object] | None, new: dict[str, object] | None, **keys: str) -> dict[str, object]:
    images = {"OldImage": old, "NewImage": new}
    named = {name: {"S": value} for name, value in (keys or {"service": "web", "instance": "a"}).items()}
    return {"dynamodb": {"Keys": named, **{name: image for name, image in images.items() if image is not None}}}


def image(expires: object = None, heartbeat: object = None, **attributes: object) -> dict[str, object]:
    lifetime = {"expires": expires or {"N": "100"}, "heartbeat": heartbeat or {"N": "5000"}}
    return {"service": {"S": "web"}, "instance": {"S": "a"}, **lifetime, **attributes}


LATER = {"N": "6000"}
AGAIN = Change("web", "a")


def test_a_renewal_is_told_from_a_change() -> None:
    renewal = record(image(), image({"N": "120"}, LATER))
    assert read_change(renewal) == Change("web", "a", Beat(120.0, 6000.0))
    assert read_change(record(None, image())) == AGAIN
    assert read_change(record(image(), None)) == AGAIN
    assert read_change(record(image(), image({"N": "120"}, LATER, zone={"S": "b"}))) == AGAIN
    assert read_change(record(image(port={"N": "1"}), image(heartbeat=LATER))) == AGAIN
    assert read_change(record(None, None)) == AGAIN, "a stream of keys only"


def test_a_lifetime_that_cannot_be_put_in_order_is_looked_up() -> None:
    assert read_change(record(image(), image({"N": "120"}))) == AGAIN
    assert read_change(record(image(), image({"S": "soon"}, LATER))) == AGAIN
    assert read_change(record(image({"N": "nan"}), image(heartbeat=LATER))) == AGAIN


def test_a_record_of_something_else_is_nobodys() -> None:
    assert read_change({}) is None
    assert read_change({"dynamodb": {"Keys": []}}) is None
    assert read_change(record(None, None, id="x")) is None
    assert read_change({"dynamodb": {"Keys": {"service": {"N": "1"}, "instance": {"S": "a"}}}}) is None


@given(st.floats(0.01, 10), st.floats(0.01, 10), st.lists(st.booleans(), max_size=60))
def test_the_pace_stays_within_its_bounds_and_recovers(base: float, limit: float, refusals: list[bool]) -> None:
    pace = Pace.of(base, limit)
    for refused in refusals:
        after = pace.throttled() if refused else pace.served()
        assert base <= after.pause <= max(base, limit)
        assert after.pause >= pace.pause if refused else after.pause <= pace.pause
        pace = after
    for _ in range(100):
        pace = pace.served()
    assert pace.pause == base
