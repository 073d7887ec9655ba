"""Each behaviour does what it says, in the share it says."""

from __future__ import annotations

from collections import Counter
from functools import partial
from math import inf
from random import Random

import pytest

from meshclient.model.outcome import Kind
from meshclient.testing.simulate import (
    Behaviour,
    Closing,
    Constant,
    Failing,
    Flapping,
    Gray,
    Hanging,
    Healthy,
    Recovering,
    Refusing,
    Reply,
    Resetting,
    Slow,
    Staffed,
    Unreachable,
    Visit,
)
from meshclient.testing.simulate.station import Station

WELL = Healthy(Constant(0.02))
REQUESTS = 10_000


def replies(behaviour: Behaviour, count: int = REQUESTS) -> list[Reply]:
    random = Random(7)
    return [behaviour.reply(Visit(0.0, "GET", random, Station())) for _ in range(count)]


def at(behaviour: Behaviour, moment: float) -> Reply:
    return behaviour.reply(Visit(moment, "GET", Random(1), Station()))


def test_healthy_answers_in_its_latency() -> None:
    (reply,) = replies(WELL, 1)
    assert (reply.delay, reply.outcome.kind, reply.outcome.status, reply.executed) == (0.02, Kind.OK, 200, True)


def test_slow_takes_so_many_times_as_long() -> None:
    assert replies(Slow(WELL, 40.0), 1)[0].delay == pytest.approx(0.8)


def test_failing_fails_fast_in_its_share() -> None:
    bad = [reply for reply in replies(Failing(WELL, 0.3, retry_after=2.0)) if reply.outcome.kind is not Kind.OK]
    assert len(bad) / REQUESTS == pytest.approx(0.3, abs=0.02)
    assert {(reply.delay, reply.outcome.status, reply.outcome.retry_after) for reply in bad} == {(0.001, 503, 2.0)}
    assert not any(reply.executed for reply in bad)


def test_hanging_never_answers_its_share() -> None:
    count = Counter(reply.delay for reply in replies(Hanging(WELL, 0.5)))
    assert set(count) == {0.02, inf}
    assert count[inf] / REQUESTS == pytest.approx(0.5, abs=0.02)


def test_gray_fails_and_hangs_and_is_well_in_its_shares() -> None:
    count = Counter((reply.outcome.kind, reply.delay) for reply in replies(Gray(WELL, 0.2, 0.5)))
    shares = {key: times / REQUESTS for key, times in count.items()}
    assert shares == {
        (Kind.SERVER_ERROR, 0.001): pytest.approx(0.2, abs=0.02),
        (Kind.OK, inf): pytest.approx(0.5, abs=0.02),
        (Kind.OK, 0.02): pytest.approx(0.3, abs=0.02),
    }


def test_a_reset_comes_after_the_work() -> None:
    (reply,) = replies(Resetting(WELL), 1)
    assert (reply.outcome.kind, reply.delay, reply.executed) == (Kind.DISCONNECTED, 0.02, True)


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (Closing(WELL), Kind.STALE_CONNECTION),
        (Refusing(), Kind.CONNECT_ERROR),
        (Unreachable(), Kind.CONNECT_TIMEOUT),
        (Failing(WELL), Kind.SERVER_ERROR),
    ],
)
def test_what_never_reached_the_handler_was_not_executed(behaviour: Behaviour, kind: Kind) -> None:
    (reply,) = replies(behaviour, 1)
    assert (reply.outcome.kind, reply.executed) == (kind, False)


def test_flapping_is_well_first_and_ill_then() -> None:
    look = partial(at, Flapping(WELL, Refusing(), period=4.0, share=0.25))
    assert [look(moment).executed for moment in (0.0, 2.9, 3.0, 3.9, 4.0, 7.5)] == [
        True,
        True,
        False,
        False,
        True,
        False,
    ]


def test_staffed_is_slower_the_more_is_asked_and_sheds_in_the_end() -> None:
    station, random = Station(), Random(1)
    behaviour = Staffed(Constant(0.1), workers=2, queue=2)
    seen = [behaviour.reply(Visit(0.0, "GET", random, station)) for _ in range(5)]
    assert [reply.delay for reply in seen] == pytest.approx([0.1, 0.1, 0.2, 0.2, 0.001])
    assert [reply.outcome.status for reply in seen] == [200, 200, 200, 200, 503]
    assert not seen[-1].executed


def test_a_weak_recovery_gets_its_workers_back() -> None:
    behaviour = Recovering(Staffed(Constant(1.0), workers=10, queue=0), since=5.0, over=10.0, share=0.2)

    def admitted(moment: float) -> int:
        station, random = Station(), Random(1)
        return sum(behaviour.reply(Visit(moment, "GET", random, station)).executed for _ in range(20))

    assert [admitted(moment) for moment in (5.0, 10.0, 15.0, 100.0)] == [2, 6, 10, 10]
