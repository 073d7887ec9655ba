"""When a second attempt may be sent: the percentile, the share of extra load, and where there is none at all."""

from __future__ import annotations

from math import ceil, inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.core.hedge import GROWTH, REFRESH, SAMPLES, SHORTEST, SLICE, SLICES, TOP, Hedging
from meshclient.core.retry_budget import WINDOW

NOW = 1000.0
EXACT = 1 + 1e-9
latencies = st.lists(
    st.floats(0.0, 3.0, allow_nan=False).map(lambda x: x**3 / 4), min_size=SAMPLES, max_size=SAMPLES + 60
)


def fed(seconds: list[float], quantile: float = 0.95, extra: float = 0.02) -> Hedging:
    hedging = Hedging(extra, quantile)
    for each in seconds:
        hedging.observe(each, NOW)
    return hedging


@given(latencies, st.sampled_from([0.5, 0.9, 0.95, 0.98, 0.999]))
def test_the_wait_is_the_percentile_within_a_bucket(seconds: list[float], quantile: float) -> None:
    true = sorted(seconds)[max(0, ceil(quantile * len(seconds)) - 1)]
    wait = fed(seconds, quantile).began(NOW)
    if true > TOP:
        assert wait == inf
    elif true * GROWTH < TOP:
        assert max(true, SHORTEST) / EXACT <= wait <= max(SHORTEST, true * GROWTH) * EXACT


@given(st.floats(0.0, 10.0), st.integers(0, SAMPLES - 1))
def test_few_answers_say_nothing(seconds: float, count: int) -> None:
    assert fed([seconds] * count).began(NOW) == inf


@given(st.lists(st.floats(TOP, 100.0), min_size=SAMPLES, max_size=SAMPLES + 5))
def test_a_service_that_is_meant_to_be_waited_for_is_left_alone(seconds: list[float]) -> None:
    assert fed(seconds).began(NOW) == inf


def test_what_is_long_past_is_forgotten() -> None:
    hedging = fed([0.1] * SAMPLES)
    assert hedging.began(NOW) < inf
    assert hedging.began(NOW + SLICES * SLICE) == inf


def test_the_wait_follows_within_seconds() -> None:
    hedging = fed([0.01] * SAMPLES, quantile=0.5)
    before = hedging.began(NOW)
    for _ in range(2 * SAMPLES):
        hedging.observe(0.4, NOW + 1)
    assert hedging.began(NOW + 1) == before
    assert 0.4 <= hedging.began(NOW + REFRESH) <= 0.4 * GROWTH


@given(
    st.lists(st.tuples(st.floats(0.0, 3.0), st.integers(1, 60), st.booleans()), min_size=1, max_size=25),
    st.sampled_from([0.0, 0.02, 0.1, 0.5, 1.0]),
)
def test_the_extra_load_keeps_to_its_share_over_any_ten_seconds(
    bursts: list[tuple[float, int, bool]], extra: float
) -> None:
    """Whenever one is sent, whatever the traffic, and were every single call late."""
    hedging = Hedging(extra, 0.5)
    now, calls, hedges = NOW, dict[int, int](), dict[int, int]()
    for pause, count, late in bursts:
        now += pause
        for _ in range(count):
            hedging.began(now)
            calls[int(now)] = calls.get(int(now), 0) + 1
            if not late or not hedging.withdraw(now):
                continue
            hedges[int(now)] = hedges.get(int(now), 0) + 1
            seconds = range(int(now) - WINDOW + 1, int(now) + 1)
            assert sum(hedges.get(s, 0) for s in seconds) <= extra * sum(calls.get(s, 0) for s in seconds) * EXACT


@pytest.mark.parametrize("seed", range(5))
def test_when_all_becomes_slow_at_once_hardly_any_is_sent(seed: int) -> None:
    """Yesterday's percentile calls every one of them late, and none is late for any reason that another would mend."""
    uniform, now = Random(seed).random, NOW
    hedging, calls, hedges = Hedging(0.02), 0, 0
    for at in range(20_000):
        now += 0.002
        slow = 10.0 if at > 10_000 else 1.0
        latency = slow * (0.01 + 0.01 * uniform())
        wait = hedging.began(now)
        if slow > 1:
            calls += 1
            hedges += latency > wait and hedging.withdraw(now)
        elif latency > wait:
            hedging.withdraw(now)
        hedging.observe(latency, now)
    assert hedges <= 0.02 * calls
    # With one tail again in place of a uniform slowness, hedges return.
    now += SLICES * SLICE
    sent = 0
    for _ in range(5_000):
        now += 0.002
        wait = hedging.began(now)
        latency = 0.5 if uniform() < 0.01 else 0.01
        sent += latency > wait and hedging.withdraw(now)
        hedging.observe(latency, now)
    assert sent > 10
