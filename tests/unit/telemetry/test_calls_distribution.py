"""Histograms: exact, also where threads count together, a forgotten call is finalised meanwhile, or a process forks."""

from __future__ import annotations

import threading
from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.telemetry.distribution import BATCH, SECONDS, Distribution, Durations

THREADS = 8
EACH = 5000


@given(st.lists(st.one_of(st.floats(0, 20), st.sampled_from(SECONDS)), max_size=3 * BATCH))
def test_every_value_is_in_the_bucket_with_the_least_bound_that_is_not_less(values: list[float]) -> None:
    counted = Durations(threading.Lock())
    for value in values:
        counted.add(value)
    expected = [0] * (len(SECONDS) + 1)
    for value in values:
        expected[bisect_left(SECONDS, value)] += 1
    found = counted.read()
    assert found.counts == tuple(expected)
    assert found.total == pytest.approx(sum(values))
    assert found.count == len(values)
    # Reading takes nothing away.
    assert counted.read() == found


def test_threads_lose_nothing() -> None:
    counted = Durations(threading.Lock())
    begin = threading.Barrier(THREADS + 1)

    def count() -> None:
        begin.wait()
        for _ in range(EACH):
            counted.add(0.25)

    threads = [threading.Thread(target=count) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    begin.wait()
    seen = [counted.read().count for _ in range(200)]
    for thread in threads:
        thread.join()
    assert seen == sorted(seen)
    assert counted.read().count == THREADS * EACH
    assert counted.read().total == THREADS * EACH * 0.25


def test_a_finalizer_that_counts_while_values_are_put_away_waits_for_nobody() -> None:
    lock = threading.Lock()
    counted = Durations(lock)
    with lock:  # as on a thread in the middle of it
        for _ in range(2 * BATCH):
            counted.add(1.0)
    assert counted.read().count == 2 * BATCH


def test_who_reads_waits_for_who_puts_values_away() -> None:
    lock = threading.Lock()
    counted = Durations(lock)
    counted.add(1.0)
    found: list[int] = []
    reading = threading.Thread(target=lambda: found.append(counted.read().count))
    with lock:
        reading.start()
        reading.join(0.05)
        assert reading.is_alive()
    reading.join()
    assert found == [1]


def test_what_is_put_away_is_told_to_who_listens() -> None:
    counted = Durations(threading.Lock())
    heard: list[float] = []
    counted.taps = (heard.extend,)
    for value in (3.0, 1.0, 2.0):
        counted.add(value)
    counted.read()
    counted.read()
    assert heard == [1.0, 2.0, 3.0]


def test_two_together() -> None:
    one, other = Distribution((1.0,), (2, 3), 10.0), Distribution((1.0,), (1, 0), 0.5)
    assert one.plus(other) == Distribution((1.0,), (3, 3), 10.5)
