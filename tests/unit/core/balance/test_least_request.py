"""Least request: P2C over what is in flight."""

from random import Random

import pytest

from meshclient.core.balance.least_request import least_request, pending_load
from unit.core.fleet import nodes


def test_load_is_what_is_in_flight_in_relation_to_the_weight() -> None:
    listed = nodes([1.0, 3.0])
    least_request(Random(1).random).rebuild(listed)
    listed[0].pending, listed[1].pending = 2, 6
    assert pending_load(listed[0], 0) == pytest.approx(pending_load(listed[1], 0))
    listed[1].pending = 5
    assert pending_load(listed[1], 0) < pending_load(listed[0], 0)


def test_latency_plays_no_part() -> None:
    slow, fast = nodes([1.0])[0], nodes([1.0])[0]
    slow.ewma.observe(9.0, 0)
    assert pending_load(slow, 0) == pending_load(fast, 0)


def test_who_fails_is_not_the_idle_one() -> None:
    failing, busy = nodes([1.0])[0], nodes([1.0])[0]
    failing.blame.fail(1.0, None, 0)
    busy.pending = 50
    assert pending_load(failing, 0) > pending_load(busy, 0)


def test_calls_that_never_end_are_spread_evenly() -> None:
    picker, listed = least_request(Random(5).random), nodes([1.0] * 8)
    picker.rebuild(listed)
    for _ in range(800):
        picker.pick(0).pending += 1
    # Blind chance would leave a gap of about 30 (three standard deviations either way).
    assert max(node.pending for node in listed) - min(node.pending for node in listed) <= 6


def test_calls_that_never_end_are_spread_by_weight() -> None:
    picker, listed = least_request(Random(5).random), nodes([1.0, 2.0, 5.0])
    picker.rebuild(listed)
    for _ in range(800):
        picker.pick(0).pending += 1
    assert [node.pending for node in listed] == pytest.approx([100, 200, 500], abs=20)
