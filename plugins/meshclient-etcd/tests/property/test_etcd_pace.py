"""The rate is bounded over every window, whatever the rhythm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient_etcd.pace import BURST, INTERVAL, Pace

EPSILON = 1e-6
PAUSES = st.lists(st.one_of(st.just(0.0), st.floats(0, 0.1), st.floats(0, 60)), min_size=1, max_size=60)


def walk(pauses: list[float]) -> tuple[list[float], list[float]]:
    """The times of all, and how long each was put off."""
    now, pace = 1000.0, Pace()
    times, delays = [], []
    for pause in pauses:
        delay = pace.delay(now)
        now += delay
        pace = pace.taken(now)
        times.append(now)
        delays.append(delay)
        now += pause
    return times, delays


@given(PAUSES)
def test_the_rate_is_bounded_over_every_window(pauses: list[float]) -> None:
    times, _ = walk(pauses)
    for first in range(len(times)):
        for last in range(first + BURST, len(times)):
            assert times[last] - times[first] >= (last - first - BURST + 1) * INTERVAL - EPSILON


@given(PAUSES)
def test_none_is_put_off_by_more_than_an_interval(pauses: list[float]) -> None:
    _, delays = walk(pauses)
    assert max(delays) <= INTERVAL + EPSILON


def test_a_burst_is_not_put_off_and_what_follows_is() -> None:
    assert walk([0.0] * (BURST + 2))[1] == pytest.approx([0.0] * BURST + [INTERVAL] * 2)
