"""Faults come and go; instances are replaced."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from meshclient.config.shape import ServiceConfig
from meshclient.testing.simulate import (
    Constant,
    Failing,
    Fault,
    Healthy,
    Load,
    Poisson,
    Refusing,
    Replacement,
    Report,
    Simulation,
    Slow,
    Tier,
    Unreachable,
    instances,
)
from meshclient.testing.simulate.step import Step

PLAIN = ServiceConfig(retry=None, ejection=None, throttle=None, balancer="round_robin")


def run(*steps: Step, config: ServiceConfig = PLAIN, count: int = 2) -> Report:
    tier = Tier("orders", instances(count, Healthy(Constant(0.01))), config, steps)
    return Simulation("test", (tier,), Load(Poisson(100.0)), duration=6.0).run(1)


def test_a_fault_begins_and_ends() -> None:
    report = run(Fault(2.0, 4.0, ("i1",), Failing), count=1)
    assert [each.success_rate for each in report.slices] == [1, 1, 0, 0, 1, 1]
    assert report.failed == {"server_error": report.calls - report.whole.succeeded}
    assert (report.recovery, report.settled.begin, report.settled.end) == (0.0, 2.0, 4.0)


def test_an_instance_that_cannot_be_reached_costs_the_limit_for_connecting() -> None:
    report = run(Fault(2.0, 4.0, ("i1",), lambda _: Unreachable()), config=replace(PLAIN, connect_timeout=0.7), count=1)
    assert set(report.failed) == {"connect_timeout"}
    assert report.settled.p50 == pytest.approx(0.7)


def test_a_fault_may_be_followed_by_a_weak_recovery() -> None:
    report = run(Fault(2.0, 4.0, ("i1", "i2"), Failing, afterwards=partial(Slow, factor=3.0)))
    assert [each.p50 for each in report.slices] == pytest.approx([0.01, 0.01, 0.001, 0.001, 0.03, 0.03])


def test_a_replaced_instance_refuses_until_callers_know() -> None:
    (new,) = instances(1, prefix="n", net=1)
    report = run(Replacement(2.0, "i1", new, propagation=1.0))
    seen = [set(each.shares) for each in report.slices]
    assert seen == [{"i1", "i2"}] * 3 + [{"i2", "n1"}] * 3
    assert [each.success_rate == 1.0 for each in report.slices] == [True, True, False, True, True, True]
    assert set(report.failed) == {"connect_error"}


def test_production_policies_hide_the_replacement() -> None:
    (new,) = instances(1, prefix="n", net=1)
    report = run(Replacement(2.0, "i1", new, propagation=1.0), config=ServiceConfig())
    assert report.whole.success_rate == 1.0
    assert report.retries > 0


def test_a_list_that_arrives_late_does_not_undo_a_later_one() -> None:
    first, second = instances(2, prefix="n", net=1)
    slow = Replacement(2.0, "i1", first, propagation=1.5)
    report = run(slow, Replacement(2.5, "i2", second, propagation=0.0))
    assert set(report.slices[5].shares) == {"n1", "n2"}


def test_a_fault_of_an_instance_that_has_gone_changes_nothing() -> None:
    (new,) = instances(1, prefix="n", net=1)
    report = run(Replacement(1.0, "i1", new, propagation=0.0), Fault(2.0, 4.0, ("i1",), lambda _: Refusing()))
    assert report.whole.success_rate == 1.0


def test_instances_need_ids_of_their_own() -> None:
    with pytest.raises(ValueError, match="need ids"):
        Tier("orders", (*instances(1), *instances(1)))
