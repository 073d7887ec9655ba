"""The guard over a canary: its odds are fair bets, it raises few false alarms however long it runs, and it is quick.

Calls until it trips at alpha = 0.01 (median, and 90 % of 60 runs), the rest failing 1 % of its calls:

| canary's share | it fails 100 % | 10 %        | 3 %            | 2 %             |
|----------------|----------------|-------------|----------------|-----------------|
| 5 %            | 53, 123        | 937, 2,476  | 8,134, 20,285  | 31,876, 56,514  |
| 20 %           | 25, 41         | 279, 552    | 2,775, 5,135   | 10,110, 21,602  |
| 50 %           | 20, 27         | 226, 447    | 1,743, 4,421   | 5,818, 14,884   |

At a share of 5 % a canary that fails 10 % is given up after 47 of its own calls, five of which failed. Where it becomes
so bad after 20,000 good calls that takes 2,189 calls instead of 937. One twice as slow as the rest (exponential
latencies) is given up after 898 calls, one four times as slow after 256.

False alarms of a canary that is exactly as bad as the rest, in runs of 2,000 failures, 3,000 runs for each share:

| canary's share | alpha 5 % | 1 %    | 0.1 %  |
|----------------|-----------|--------|--------|
| 1 %            | 2.3 %     | 0.27 % | 0.03 % |
| 5 %            | 2.5 %     | 0.33 % | 0.00 % |
| 20 %           | 3.4 %     | 0.47 % | 0.13 % |
| 50 %           | 3.9 %     | 0.87 % | 0.10 % |
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshclient.core.traffic.canary import KEYS, Guard
from meshclient.core.traffic.evidence import Evidence
from meshclient.core.traffic.quantile import Quantile
from meshclient.model.events import CanaryTripped

ALPHA = 0.01
shares = st.floats(0.01, 0.99)
courses = st.lists(st.tuples(shares, st.booleans()), max_size=60)


def run(
    seed: int,
    calls: int,
    *,
    share: float = 0.05,
    canary: float = 0.01,
    rest: float = 0.01,
    worse_after: int = 0,
    slower: float = 1.0,
    **settings: float | bool,
) -> int | None:
    """After how many calls since it became worse the guard trips, None where it does not."""
    rng = Random(seed)
    guard = Guard("orders", "v2", alpha=ALPHA, **settings)  # type: ignore[arg-type]
    for number in range(1, calls + 1):
        mine = rng.random() < share
        bad = mine and number > worse_after
        failed = rng.random() < (canary if bad else rest)
        seconds = rng.expovariate(10.0) * (slower if bad else 1.0)
        if guard.ended(share, canary=mine, failed=failed, latency=seconds):
            return number - worse_after
    return None


@given(courses, shares, st.floats(1.0, 3.0), st.floats(0.0, 1.0))
def test_no_bet_wins_on_average_while_the_canary_is_tolerable(
    course: list[tuple[float, bool]], share: float, tolerance: float, badness: float
) -> None:
    """A supermartingale (Ville's inequality asks for no more), whatever came before."""

    def after(last: bool) -> float:
        evidence = Evidence(tolerance)
        for each, canary in course:
            evidence.event(each, canary=canary)
        return evidence.event(share, canary=last)

    before = Evidence(tolerance)
    for each, canary in course:
        before.event(each, canary=canary)
    # However often it has events, if no more often than tolerated.
    ratio = badness * tolerance
    chance = share * ratio / (share * ratio + 1 - share)
    expected = chance * after(True) + (1 - chance) * after(False)
    assert expected <= before.value * (1 + 1e-9)
    # As bad as tolerated is a fair game: nothing is given away.
    fair = share * tolerance / (share * tolerance + 1 - share)
    assert fair * after(True) + (1 - fair) * after(False) == pytest.approx(before.value)
    assert before.value > 0


@given(courses, shares)
def test_an_event_of_the_canary_speaks_against_it_and_one_of_the_rest_for_it(
    course: list[tuple[float, bool]], share: float
) -> None:
    against, without, speaks_for = Evidence(), Evidence(), Evidence()
    for evidence in (against, without, speaks_for):
        for each, canary in course:
            evidence.event(each, canary=canary)
    assert against.event(share, canary=True) > without.value > speaks_for.event(share, canary=False)


@pytest.mark.parametrize("share", [0.05, 0.5])
@pytest.mark.parametrize("failing", [0.02, 0.5])
def test_few_canaries_that_are_no_worse_are_given_up_over_a_whole_run(share: float, failing: float) -> None:
    alarms = [run(seed, 2000, share=share, canary=failing, rest=failing) for seed in range(120)]
    # Of 120 runs at a level of 1 %, six or more would be two chances in a thousand.
    assert sum(alarm is not None for alarm in alarms) <= 5


def test_failures_that_come_and_go_for_both_are_nobodys_fault() -> None:
    rng, alarms = Random(7), 0
    for _ in range(100):
        guard, burst = Guard("orders", "v2", alpha=ALPHA), 0
        for _ in range(2000):
            burst = burst - 1 if burst else (rng.random() < 0.002) * 200
            mine = rng.random() < 0.1
            alarms += (
                guard.ended(0.1, canary=mine, failed=rng.random() < (0.6 if burst else 0.001), latency=0) is not None
            )
    assert alarms <= 5


@pytest.mark.parametrize(
    ("share", "canary", "within"), [(0.05, 1.0, 400), (0.05, 0.1, 6000), (0.2, 0.1, 1500), (0.5, 0.1, 1200)]
)
def test_a_canary_that_is_much_worse_is_given_up_soon(share: float, canary: float, within: int) -> None:
    found = [run(seed, within, share=share, canary=canary) for seed in range(20)]
    assert None not in found


def test_a_canary_that_becomes_worse_late_is_given_up_nearly_as_soon() -> None:
    found = [run(seed, 30_000, share=0.2, canary=0.2, worse_after=20_000) for seed in range(5)]
    assert all(calls is not None and 0 < calls < 2000 for calls in found)


def test_a_slow_canary_is_given_up_where_latency_counts() -> None:
    slow = [run(seed, 3000, share=0.2, canary=0.0, rest=0.0, slower=4.0, latency=True) for seed in range(10)]
    assert None not in slow
    same = [run(seed, 3000, share=0.2, canary=0.0, rest=0.0, latency=True) for seed in range(60)]
    assert sum(alarm is not None for alarm in same) <= 4
    assert run(1, 3000, share=0.2, canary=0.0, rest=0.0, slower=4.0) is None


def test_what_is_tolerated_is_not_given_up() -> None:
    tolerant = [run(seed, 20_000, share=0.5, canary=0.04, rest=0.02, tolerance=2.5) for seed in range(5)]
    assert tolerant == [None] * 5
    assert None not in [run(seed, 20_000, share=0.5, canary=0.04, rest=0.02) for seed in range(5)]


def test_what_tripped_it_is_told_once_in_numbers() -> None:
    guard, told = Guard("orders", "v2", alpha=ALPHA), list[CanaryTripped]()
    for number in range(200):
        canary = number % 10 == 0
        tripped = guard.ended(0.1, canary=canary, failed=canary, latency=0.1)
        if tripped is not None:
            told.append(tripped)
    assert told == [guard.tripped]
    assert (told[0].service, told[0].variant, told[0].why) == ("orders", "v2", "failures")
    assert (told[0].calls, told[0].failures, told[0].other_failures) == (4, 4, 0)
    assert told[0].evidence >= 1 / ALPHA
    assert str(told[0]).startswith("orders: v2 is worse than the rest by its failures, and gets no more traffic: 4 of")
    guard.reset()
    assert guard.tripped is None
    assert guard.ended(0.1, canary=True, failed=True, latency=0.1) is None


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.booleans(), st.booleans()), max_size=50))
def test_where_there_is_nothing_to_compare_with_nothing_is_concluded(course: list[tuple[float, bool, bool]]) -> None:
    guard = Guard("orders", "v2", alpha=0.5)
    for share, canary, failed in course:
        assert guard.ended(share, canary=canary, failed=failed, latency=1.0) is None


def test_with_two_tests_the_level_is_shared() -> None:
    guard, failing = Guard("orders", "v2", alpha=ALPHA, latency=True), Evidence()
    while guard.tripped is None:
        guard.ended(0.1, canary=True, failed=True, latency=0.0)
        failing.event(0.1, canary=True)
    assert guard.tripped.evidence == pytest.approx((failing.value + 1.0) / 2)
    assert guard.tripped.why == "failures"


def test_slow_is_what_is_slower_than_the_rest() -> None:
    guard = Guard("orders", "v2", alpha=ALPHA, latency=True)
    for number in range(1, 400):
        canary = number % 10 == 0
        if guard.ended(0.1, canary=canary, failed=False, latency=1.0 if canary else 0.1):
            break
    assert guard.tripped is not None
    assert (guard.tripped.why, guard.tripped.failures) == ("latency", 0)
    assert guard.tripped.calls < 15


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.sampled_from([0.001, 0.1, 10.0]), st.sampled_from([0.3, 1.0, 1.5]))
def test_the_percentile_is_followed(seed: int, median: float, spread: float) -> None:
    rng, quantile, above = Random(seed), Quantile(), 0
    for number in range(6000):
        # Half-way everything becomes three times as slow.
        seconds = median * rng.lognormvariate(0.0, spread) * (3.0 if number >= 3000 else 1.0)
        above += seconds > quantile.value and number % 3000 >= 1000
        quantile.observe(seconds)
    assert 0.03 < above / 4000 < 0.075


def test_a_user_who_always_fails_speaks_once() -> None:
    """One user in a hundred fails wherever the key falls, a tenth of the keys fall to the canary."""
    alarms = 0
    for seed in range(100):
        rng, guard = Random(seed), Guard("orders", "v2", alpha=ALPHA)
        mine = [rng.random() < 0.1 for _ in range(200)]
        for _ in range(3000):
            user = rng.randrange(200)
            tripped = guard.ended(0.1, canary=mine[user], failed=user < 2, latency=0.0, key=f"user-{user}")
            alarms += tripped is not None
    assert alarms <= 5


def test_many_users_of_a_bad_canary_are_enough() -> None:
    rng, guard = Random(1), Guard("orders", "v2", alpha=ALPHA, latency=True)
    for user in range(3000):
        canary = rng.random() < 0.1
        guard.ended(0.1, canary=canary, failed=canary and rng.random() < 0.2, latency=0.1, key=f"user-{user}")
    assert guard.tripped is not None


def test_what_is_remembered_of_keys_is_bounded() -> None:
    guard = Guard("orders", "v2", alpha=ALPHA)
    for user in range(2 * KEYS + 10):
        guard.ended(0.5, canary=False, failed=True, latency=0.0, key=f"user-{user}")
        assert len(guard._heard[0]) <= KEYS
