"""Workers serve in the order of arrival, so many at once, and the queue has an end."""

from __future__ import annotations

from heapq import heappop, heappush

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.testing.simulate.station import Station


def test_a_free_worker_begins_at_once() -> None:
    station = Station()
    assert [station.enter(0.0, 2.0, workers=2) for _ in range(2)] == [2.0, 2.0]
    assert station.busy == 2
    assert station.enter(2.0, 1.0, workers=2) == 1.0
    assert station.busy == 1


def test_who_finds_all_at_work_waits_its_turn() -> None:
    station = Station()
    station.enter(0.0, 5.0, workers=2)
    station.enter(0.0, 3.0, workers=2)
    assert station.enter(1.0, 1.0, workers=2) == pytest.approx(3.0)  # from 3 to 4
    assert station.enter(1.0, 2.0, workers=2) == pytest.approx(5.0)  # from 4 to 6


def test_a_full_queue_sheds() -> None:
    station = Station()
    station.enter(0.0, 1.0, workers=1, queue=1)
    assert station.enter(0.0, 1.0, workers=1, queue=1) == 2.0
    assert station.enter(0.0, 1.0, workers=1, queue=1) is None
    assert station.enter(1.0, 1.0, workers=1, queue=1) == 2.0


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.floats(0.0, 2.0), st.floats(0.01, 3.0)), max_size=40),
)
def test_it_is_a_queue_with_many_servers(workers: int, arrivals: list[tuple[float, float]]) -> None:
    station, now, free = Station(), 0.0, [0.0] * workers
    for gap, seconds in arrivals:
        now += gap
        begins = max(now, heappop(free))
        heappush(free, begins + seconds)
        assert station.enter(now, seconds, workers) == pytest.approx(begins + seconds - now)
