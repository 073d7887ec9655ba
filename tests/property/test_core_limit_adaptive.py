"""The adaptive limit: its arithmetic, and where it settles before simulated servers."""

from __future__ import annotations

import statistics
from math import sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.core.limit.adaptive import Adaptive
from meshclient.core.limit.correlation import Correlation
from meshclient.core.limit.gate import Gate
from meshclient.core.limit.quantile import FASTEST, Sketch
from meshclient.core.limit.smoothing import Average, Median
from unit.core.limit.server import Server

SERVICE = 0.05
# The simulations have seeds of their own, so that a change elsewhere in the sources does not draw others.
# What one worker does a second: the mean of the simulated service times is a little above their median.
WORKER = 1 / (SERVICE * 1.046)
numbers = st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-3)


@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=120), st.integers(2, 50))
def test_the_running_correlation_is_that_of_the_last_pairs(pairs: list[tuple[float, float]], span: int) -> None:
    running = Correlation(span)
    for pair in pairs:
        running.add(*pair)
    last = pairs[-span:]
    assert len(running) == len(last)
    xs, ys = [x for x, _ in last], [y for _, y in last]
    mean_x, mean_y = statistics.fmean(xs), statistics.fmean(ys)
    xx, yy = sum((x - mean_x) ** 2 for x in xs), sum((y - mean_y) ** 2 for y in ys)
    xy = sum((x - mean_x) * (y - mean_y) for x, y in last)
    largest = max(*map(abs, xs), *map(abs, ys))
    if min(sqrt(xx), sqrt(yy)) > 1e-6 * largest:
        assert running.coefficient == pytest.approx(xy / sqrt(xx * yy), abs=1e-3)
    if abs(mean_y) > 1e-3 * largest:
        assert running.variation == pytest.approx(sqrt(yy / len(last)) / abs(mean_y), abs=1e-3, rel=1e-3)
    assert -1.0 <= running.coefficient <= 1.0


@given(st.lists(numbers, min_size=1, max_size=60), numbers, st.floats(-10, 10))
def test_what_moves_together_correlates_and_what_stands_still_does_not(
    xs: list[float], constant: float, slope: float
) -> None:
    together, still = Correlation(50), Correlation(50)
    for x in xs:
        together.add(x, slope * x + 1)
        still.add(x, constant)
    assert still.coefficient == 0.0
    last = xs[-50:]
    if max(last) - min(last) > 1e-3 * max(map(abs, last)) and abs(slope) > 1e-3:
        assert together.coefficient == pytest.approx(1.0 if slope > 0 else -1.0, abs=1e-3)


def test_a_huge_pair_that_is_forgotten_leaves_no_trace() -> None:
    running = Correlation(10)
    running.add(1e12, -1e12)
    for number in range(40):
        running.add(number % 7 * 1e-3, number % 7 * 2e-3 + 1)
    assert running.coefficient == pytest.approx(1.0, abs=1e-6)
    assert running.variation < 0.01


@given(st.lists(st.floats(1e-7, 1e4), min_size=1, max_size=200), st.floats(0.01, 1.0))
def test_a_percentile_is_right_to_half_a_percent(samples: list[float], share: float) -> None:
    sketch = Sketch()
    for sample in samples:
        sketch.add(sample)
    found = sketch.quantile(share)
    ordered = [max(FASTEST, sample) for sample in sorted(samples)]
    rank = share * len(samples)
    # A rank between two samples may go to either.
    low, high = ordered[max(0, int(rank) - 1)], ordered[min(len(samples) - 1, int(rank))]
    assert low * 0.994 <= found <= high * 1.006
    assert sketch.total == len(samples)
    sketch.clear()
    assert sketch.total == 0


@given(st.lists(numbers, min_size=1, max_size=60), st.integers(1, 10), st.integers(1, 10))
def test_averages_stay_between_what_they_average(values: list[float], age: int, warm_up: int) -> None:
    average, median = Average(age, warm_up), Median(5)
    for at, value in enumerate(values, 1):
        low, high = min(values[:at]), max(values[:at])
        slack = 1e-9 * max(1.0, abs(low), abs(high))
        assert low - slack <= average.add(value) <= high + slack
        if at <= warm_up:
            assert average.value == pytest.approx(statistics.fmean(values[:at]), abs=1e-6)
        assert median.add(value) == statistics.median_high(values[max(0, at - 5) : at])


@given(st.integers(0, 10**6), st.floats(0.0, 1.0), st.integers(1, 30), st.integers(0, 30), st.integers(0, 200))
def test_it_keeps_its_bounds_whatever_it_is_told(seed: int, good: float, least: int, more: int, most: int) -> None:
    rule, rng, now = Adaptive(least, least + more, least + more + most), Random(seed), 1000.0
    seen = set()
    for _ in range(2000):
        now += rng.expovariate(30)
        tell = rule.succeeded if rng.random() < good else rule.failed
        tell(10 ** rng.uniform(-4, 1), rng.randint(1, 300), now)
        seen.add(rule.limit)
    assert least <= min(seen) <= max(seen) <= least + more + most


@pytest.mark.parametrize(("workers", "load", "seed"), [(3, 2.0, 1), (6, 4.0, 2), (11, 1.5, 3), (5, 3.0, 4)])
def test_under_an_overload_that_lasts_it_finds_the_workers_and_does_not_drift(
    workers: int, load: float, seed: int
) -> None:
    server = Server(Gate(Adaptive()), workers, SERVICE, seed=seed)
    # It begins with more calls than workers, so that what is slow looks usual.
    server.run(180, load * workers * WORKER)
    served = server.served
    server.run(120, load * workers * WORKER)
    # A few more than the workers are right: they keep them busy.
    assert 0.75 * workers <= server.mean_limit(60) <= 1.5 * workers + 5
    assert server.served - served > 0.85 * 120 * workers * WORKER
    last = sorted(server.latencies[-2000:])
    assert last[1000] < 2.5 * SERVICE


@pytest.mark.parametrize(("workers", "seed"), [(4, 1), (8, 2), (12, 3)])
def test_when_the_overload_is_over_nobody_is_refused_for_long(workers: int, seed: int) -> None:
    server = Server(Gate(Adaptive()), workers, SERVICE, seed=seed)
    server.run(100, 3 * workers * WORKER)
    server.run(10, 0.5 * workers * WORKER)
    refused = server.refused
    server.run(60, 0.5 * workers * WORKER)
    assert server.refused - refused < 0.03 * 60 * 0.5 * workers * WORKER
    assert server.gate.concurrency >= workers


@pytest.mark.parametrize(("workers", "seed"), [(6, 1), (9, 2), (12, 3)])
def test_it_follows_a_service_that_loses_half_of_its_workers(workers: int, seed: int) -> None:
    server = Server(Gate(Adaptive()), workers, SERVICE, seed=seed)
    server.run(120, 2 * workers * WORKER)
    server.workers = workers // 2
    server.run(240, 2 * workers * WORKER)
    assert server.mean_limit(50) <= 2 * (workers // 2) + 4


@pytest.mark.parametrize(("workers", "backlog", "seed"), [(4, 2, 1), (8, 20, 2), (12, 8, 3)])
def test_a_server_that_sheds_load_is_sent_little_that_it_would_shed(workers: int, backlog: int, seed: int) -> None:
    server = Server(Gate(Adaptive()), workers, SERVICE, backlog, seed=seed)
    server.run(60, 0.5 * workers * WORKER)
    server.run(120, 3 * workers * WORKER)
    served = server.served
    server.run(60, 3 * workers * WORKER)
    assert server.mean_limit(60) <= workers + backlog + 4
    assert server.served - served > 0.85 * 60 * workers * WORKER


@pytest.mark.parametrize(("broken", "seed"), [(0.15, 1), (0.4, 2), (0.6, 3)])
def test_failures_that_have_another_cause_do_not_throttle_the_rest(broken: float, seed: int) -> None:
    server = Server(Gate(Adaptive()), 20, SERVICE, broken=broken, seed=seed)
    server.run(120, 0.4 * 20 * WORKER)
    refused = server.refused
    server.run(120, 0.4 * 20 * WORKER)
    assert server.refused - refused < 0.02 * 120 * 0.4 * 20 * WORKER


def test_the_rule_without_its_guards_drifts() -> None:
    """What the simulation would show of an average that follows any latency, as Gradient2's."""

    class Drifting(Adaptive):
        __slots__ = ()

        def _saturated(self) -> bool:
            return False

        def _usual(self, recent: float) -> float:
            return self._baseline.add(recent)

    server = Server(Gate(Drifting()), 5, SERVICE)
    server.run(400, 3 * 5 * WORKER)
    assert server.mean_limit(60) > 60
