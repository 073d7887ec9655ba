"""Services that call services."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial

import pytest

from meshclient.config.policy_shape import RetryConfig
from meshclient.config.shape import ServiceConfig
from meshclient.testing.simulate import Failing, Fault, Load, Poisson, Simulation, Slow, Tier, instances
from meshclient.testing.simulate.run import Run

PLAIN = ServiceConfig(retry=None, ejection=None, throttle=None)


def layered(*faults: Fault, config: ServiceConfig = PLAIN) -> Simulation:
    tiers = (
        Tier("front", instances(2, prefix="f"), config),
        Tier("back", instances(2, prefix="b"), config, faults),
    )
    return Simulation("layers", tiers, Load(Poisson(50.0)), duration=4.0)


def test_each_call_is_executed_once_by_each_service() -> None:
    tally = Run(layered(), 1).tally()
    assert len(tally.calls) > 100
    for service in ("front", "back"):
        assert len(tally.sent[service]) == len(tally.calls)
        assert set(tally.executions[service].values()) == {1}


def test_a_handler_takes_as_long_as_what_it_calls() -> None:
    fast, slow = layered().run(1), layered(Fault(0.0, 4.0, ("b1", "b2"), lambda well: Slow(well, 20.0))).run(1)
    assert slow.whole.p50 > 8 * fast.whole.p50 > 0.1


def test_an_outage_below_is_passed_on() -> None:
    report = layered(Fault(1.0, 2.0, ("b1", "b2"), Failing)).run(1)
    # A call that begins just before the fault arrives at the bottom within it.
    assert [each.success_rate for each in report.slices] == pytest.approx([1.0, 0.0, 1.0, 1.0], abs=0.05)
    assert report.whole.amplification == 1.0
    assert report.detection is None


def test_a_repeat_is_not_multiplied_below() -> None:
    """By the headers of production: what the second service does for a repeat it does once."""
    retry = RetryConfig(attempts=2, budget=1.0, budget_floor=10_000.0)
    fault = Fault(0.0, 60.0, ("b1", "b2"), Failing)
    tally = Run(layered(fault, config=replace(PLAIN, retry=retry)), 1).tally()
    counts = Counter(tally.executions["front"].values())
    assert set(counts) == {2}
    # Two attempts at the bottom for the first one at the front, one for the second.
    assert len(tally.sent["back"]) == 3 * sum(counts.values())


def test_time_that_is_over_is_not_spent_below() -> None:
    """A handler whose caller has given up by the time it would ask the next service does not ask."""
    slow = Fault(0.0, 4.0, ("f1", "f2"), partial(Slow, factor=100.0))
    simulation = layered(config=replace(PLAIN, attempt_timeout=0.2))
    front, back = simulation.tiers
    tally = Run(replace(simulation, tiers=(replace(front, steps=(slow,)), back)), 1).tally()
    assert len(tally.sent["front"]) > 100
    assert tally.sent.get("back", []) == []
