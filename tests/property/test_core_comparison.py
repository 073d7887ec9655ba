"""Equals are not blamed for what they share, and who is worse than the others is found from two endpoints on."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.core.comparison import MARGIN, is_worse
from meshclient.core.outlier import SPAN, Outlier, Record, Standing

counts = st.integers(0, 500)
NOW = 1000.0
RULE = Outlier()


@given(counts, st.integers(1, 500), st.integers(1, 9))
def test_equals_are_never_worse(bad: int, good: int, times: int) -> None:
    assert not is_worse(bad, bad + good, times * bad, times * (bad + good))
    assert not is_worse(times * bad, times * (bad + good), bad, bad + good)


@given(counts, counts, counts, counts)
def test_at_most_one_of_two_is_the_worse(bad: int, good: int, peers_bad: int, peers_good: int) -> None:
    one, other = (bad, bad + good), (peers_bad, peers_bad + peers_good)
    assert not (is_worse(*one, *other) and is_worse(*other, *one))
    if is_worse(*one, *other):
        assert bad / sum((bad, good)) >= peers_bad / sum(other[1:]) + MARGIN * (1 - 1e-9)


@given(counts, st.integers(1, 500), counts, counts)
def test_more_failures_never_look_better(bad: int, good: int, peers_bad: int, peers_good: int) -> None:
    peers = peers_bad, peers_bad + peers_good
    if is_worse(bad, bad + good, *peers):
        assert is_worse(bad + 1, bad + good, *peers)
    if is_worse(bad, bad, *peers):
        assert is_worse(bad + 1, bad + 1, *peers)
        assert is_worse(bad, bad, peers_bad, peers_bad + peers_good + 1)


@given(counts, counts)
def test_where_all_fail_nobody_is_worse(failures: int, peers_bad: int) -> None:
    assert not is_worse(failures, failures, peers_bad, peers_bad)


@dataclass
class Fleet:
    """Endpoints asked in turn, each failing at its own rate; the rule is asked, and nobody is taken out."""

    rates: list[float]
    seed: int
    blamed: list[tuple[float, int]] = field(default_factory=list)

    def run(self, seconds: float, rate: float) -> list[tuple[float, int]]:
        """When and who was to be ejected, at `rate` calls a second."""
        uniform = Random(self.seed).random
        standings = [Standing() for _ in self.rates]
        own, fleet = [Record() for _ in self.rates], Record()
        for call in range(int(seconds * rate)):
            now, at = NOW + call / rate, call % len(self.rates)
            failed = uniform() < self.rates[at]
            own[at].add(now, failed=failed)
            fleet.add(now, failed=failed)
            if not failed:
                RULE.succeeded(standings[at])
            elif RULE.failed(standings[at], own[at], fleet, now):
                self.blamed.append((now - NOW, at))
                standings[at] = Standing()
        return self.blamed


@pytest.mark.parametrize("count", [2, 3, 8])
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
def test_equals_are_hardly_ever_blamed_over_long_runs(count: int, rate: float) -> None:
    """Every failure is a look, so luck will do it now and then: in 24,000 calls five times at the most.

    A bad spell, which would be over before its ejection is, counts once.
    """
    spells = 0
    for seed in range(3):
        latest: dict[int, float] = {}
        for moment, who in Fleet([rate] * count, seed).run(200.0, 40.0):
            spells += moment - latest.get(who, -SPAN) >= SPAN
            latest[who] = moment
    assert spells <= 5
    assert not spells or 0.0 < rate < 1.0


@pytest.mark.parametrize("count", [2, 3, 5, 9])
@pytest.mark.parametrize(("bad", "others"), [(1.0, 0.0), (1.0, 0.1), (0.5, 0.0), (0.6, 0.05), (1.0, 0.3)])
def test_one_that_is_worse_is_found_and_no_other(count: int, bad: float, others: float) -> None:
    for seed in range(5):
        fleet = Fleet([bad] + [others] * (count - 1), seed)
        blamed = fleet.run(20.0, 10.0 * count)
        assert blamed
        assert {who for _, who in blamed} == {0}
        assert blamed[0][0] <= 10.0


@pytest.mark.parametrize("seed", range(5))
def test_two_of_nine_are_both_found(seed: int) -> None:
    blamed = Fleet([0.6, 0.6] + [0.0] * 7, seed).run(20.0, 90.0)
    assert {who for _, who in blamed} == {0, 1}
