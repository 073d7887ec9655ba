"""What is wanted in trouble comes true with every seed, under the default configuration.

These are the first of the 20 that `benchmarks/resilience.py` plays, whose report is committed.
"""

from __future__ import annotations

from functools import cache

import pytest

from meshclient.config.shape import ServiceConfig
from meshclient.testing.simulate.scenario import Result
from meshclient.testing.simulate.scenarios.catalogue import SCENARIOS

SEEDS = range(1, 9)
# `benchmarks/resilience.py` measures these as well; each joins the rest when it comes true with every seed.
UNMET = {
    ("correlated", "ejections: 0"),
    ("zone_loss", "share of i1, i4, i7 after settling: < 2%"),
}
WISHES = [
    (scenario.name, wish.words)
    for scenario in SCENARIOS.values()
    for wish in scenario.wishes
    if (scenario.name, wish.words) not in UNMET
]


@cache
def results(name: str) -> tuple[Result, ...]:
    return tuple(SCENARIOS[name].run(ServiceConfig(), seed) for seed in SEEDS)


@pytest.mark.parametrize(("name", "words"), WISHES)
def test_the_wish_comes_true_with_every_seed(name: str, words: str) -> None:
    (wish,) = [each for each in SCENARIOS[name].wishes if each.words == words]
    missed = {result.report.seed: wish.measure(result) for result in results(name) if not wish.met(result)}
    assert not missed, f"{words}; by seed it was {missed}"


def test_there_are_calls_in_every_part_of_every_scenario() -> None:
    """A share of nothing, and a percentile of nothing, would be as wanted."""
    for name in SCENARIOS:
        for result in results(name):
            assert result.report.settled.calls > 100, name
            assert result.report.settled.shares, name
