"""A report is data: whole, in slices, and as JSON."""

from __future__ import annotations

import json

import pytest

from meshclient.config.policy_shape import HedgeConfig, RetryConfig
from meshclient.config.shape import ServiceConfig
from meshclient.testing.simulate import (
    Behaviour,
    Healthy,
    Load,
    Poisson,
    Report,
    Resetting,
    Simulation,
    Tier,
    instances,
)
from meshclient.testing.simulate.scenarios.catalogue import SCENARIOS


@pytest.fixture(scope="module")
def report() -> Report:
    return SCENARIOS["all_bad"].run(ServiceConfig(), 1).report


def test_slices_add_up_to_the_whole(report: Report) -> None:
    assert sum(each.calls for each in report.slices) == report.calls == report.whole.calls
    assert sum(each.succeeded for each in report.slices) == report.whole.succeeded
    assert sum(each.arrived for each in report.slices) == report.whole.arrived
    assert sum(report.failed.values()) == report.calls - report.whole.succeeded == report.failed_idempotent
    assert sum(report.outcomes.values()) == report.whole.arrived
    assert report.whole.arrived == report.calls + report.retries + report.hedges - report.rejections


def test_the_settled_part_is_the_fault(report: Report) -> None:
    assert (report.settled.begin, report.settled.end) == (5.0, 15.0)
    assert report.settled.success_rate < 0.1
    assert report.slices[0].success_rate == report.slices[-1].success_rate == 1.0


def test_it_is_json(report: Report) -> None:
    document = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert document["scenario"] == "all_bad"
    assert document["seed"] == 1
    assert document["calls"] == report.calls
    assert set(document["latency_seconds"]) == {"p50", "p99", "p99.9"}
    assert len(document["slices"]) == len(report.slices) == 20
    assert document["settled"]["amplification"] == report.settled.amplification
    assert document["events"]["AttemptFinished"] == report.whole.arrived


def one(behaviour: Behaviour, config: ServiceConfig, posts: float = 0.0) -> Report:
    tier = Tier("orders", instances(3, behaviour), config)
    return Simulation("one", (tier,), Load(Poisson(100.0), posts=posts), duration=8.0).run(1)


def test_hedges_are_counted() -> None:
    report = one(Healthy(), ServiceConfig(hedge=HedgeConfig(extra=0.1)))
    assert report.hedges > 10
    assert report.whole.arrived == report.calls + report.hedges
    assert report.executions[2] > 0


def test_what_was_executed_twice_and_must_not_be_is_counted() -> None:
    """Here because somebody says that POST may be repeated."""
    resetting = Resetting(Healthy(), 0.2)
    wrong = one(resetting, ServiceConfig(retry=RetryConfig(methods=("POST",))), posts=0.5)
    assert wrong.repeated > 10
    assert sum(count for times, count in wrong.executions.items() if times > 1) > wrong.repeated
    assert one(resetting, ServiceConfig(), posts=0.5).repeated == 0
