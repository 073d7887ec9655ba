"""Services that call services."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from meshclient.config.shape import ServiceConfig
from meshclient.core.call import Call
from meshclient.core.commands import Attempt
from meshclient.testing.simulate import Failing, Fault, Load, Poisson, Simulation, Slow, Tier, instances
from meshclient.testing.simulate.request import Request
from meshclient.testing.simulate.run import Run

PLAIN = ServiceConfig(retry=None, ejection=None)


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
    assert slow.whole.p50 > 10 * fast.whole.p50 > 0.1


def test_an_outage_below_is_passed_on() -> None:
    report = layered(Fault(1.0, 2.0, ("b1", "b2"), Failing)).run(1)
    # A call that begins just before the fault arrives at the bottom within it.
    assert [each.success_rate for each in report.slices] == pytest.approx([1.0, 0.0, 1.0, 1.0], abs=0.05)
    assert report.whole.amplification == 1.0
    assert report.detection is None


def test_repeats_of_both_layers_multiply_and_are_counted_at_the_bottom() -> None:
    report = layered(Fault(0.0, 4.0, ("b1", "b2"), Failing), config=ServiceConfig(ejection=None)).run(1)
    assert report.whole.amplification > 1.2


def test_headers_are_made_for_each_attempt() -> None:
    """The seam for what production code writes: told of the call, the attempt and the request."""
    run, seen = Run(layered(), 1), list[tuple[int, str]]()

    def headers(call: Call, attempt: Attempt, request: Request) -> Mapping[str, str]:
        seen.append((attempt.number, call.method))
        return {"x-attempt": str(attempt.number)}

    run.caller.headers = headers
    tally = run.tally()
    assert len(seen) == len(tally.calls)
    assert set(seen) == {(1, "GET")}
